"""Records, money, events and errors: what Almoner speaks of, with no import but the standard library."""
