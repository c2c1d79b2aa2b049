"""Adapters that speak the vendors' languages, each beside a simulator of its far end."""
