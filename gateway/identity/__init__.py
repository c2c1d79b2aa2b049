"""Stage 2, identity: turns the credential of a request into a principal, or refuses it."""
