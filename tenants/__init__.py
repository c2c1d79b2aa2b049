"""Isolation: each agency its own encrypted store, behind one port; the directory that names them."""
