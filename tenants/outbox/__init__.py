"""The outbox of each agency's store, and the relay that takes events out of it."""
