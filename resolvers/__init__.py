"""Use cases: what a caller may do with an agency's records. They know nothing of GraphQL or HTTP."""
