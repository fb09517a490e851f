"""A fitted actor: the engine of specs, its folder, its model card, and its use from Python."""
