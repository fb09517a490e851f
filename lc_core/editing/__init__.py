"""Edits: moves encodings of given outputs the least that makes constraints hold."""
