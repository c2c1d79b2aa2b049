"""The local identity provider: user pools that speak the Cognito User Pools API, on this machine.

A development tool: `almoner dev` runs it, `almoner serve` never does. docs/identity_provider.md
says what it does, and where it differs from the real one.
"""
