"""Several processes that make the pieces of one piece of work."""
