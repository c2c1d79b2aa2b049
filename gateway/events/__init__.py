"""Events on their way to subscribers: the broker port, its two kinds, and how they are opened."""
