"""Figures that the project claims, each printed by one command."""
