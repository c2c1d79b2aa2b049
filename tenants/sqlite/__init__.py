"""The SQLite backend: one SQLCipher file an agency, one connection that writes."""
