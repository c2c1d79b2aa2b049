"""Isolation: each agency its own encrypted store, and the directory that names the agencies."""
