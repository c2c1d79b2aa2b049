"""The conformance kit: what is known of AppSync's wire, as facts, and what a server does instead.

It knows servers from outside alone, and nothing of this gateway: it asks any address the same.
"""
