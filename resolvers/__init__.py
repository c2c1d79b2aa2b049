"""Use cases: what a caller may do with an agency's records; no word of GraphQL or HTTP."""
