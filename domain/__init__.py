"""Records, money, events and errors: what Almoner speaks of. Imports the standard library alone."""
