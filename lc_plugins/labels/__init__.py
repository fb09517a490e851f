"""Attributes of one's own: a measurement for each name of a label set."""
