"""Composition root: HTTP, identity, execution, configuration, command line."""
