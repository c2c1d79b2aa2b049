"""The schema, the data and the three queries that every peer is measured with."""
