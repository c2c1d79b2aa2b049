"""Which agency a visitor belongs to: a redirect to its site, a hint and never a permission."""
