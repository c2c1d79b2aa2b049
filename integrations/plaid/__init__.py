"""Bank data from Plaid: the adapter, its codec, and a simulator of the far end."""
