"""Masked copies of a store, for tests and development: rules, pseudonyms, and the scan after."""
