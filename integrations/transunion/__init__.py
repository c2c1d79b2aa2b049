"""TransUnion credit reports: XML 2.33 over mutual TLS."""
