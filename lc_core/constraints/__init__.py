"""Measurements, functions of decoded outputs that may be plain numpy; what is wanted of them; and trees of both."""
