"""Use cases: plain functions over a request context; they know nothing of GraphQL or HTTP."""
