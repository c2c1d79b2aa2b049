"""What a laptop has in place of the cloud: a token issuer with real keys."""
