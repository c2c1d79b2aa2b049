"""What a laptop has in place of the cloud: an identity provider with real keys."""
