"""The public GraphQL schema: declarations only, each field with its access rule."""
