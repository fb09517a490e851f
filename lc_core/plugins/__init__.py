"""How plugins are found, what they register, and what went wrong with them. Imports no torch."""
