"""Live subscriptions: one core, and the three protocols in which clients speak to it."""
