"""Drawn avatars with exact labels: the domain that attribute constraints are learned and measured on.

They are drawings in the style *Avataaars* by Pablo Stanley (free for personal and commercial use), never photographs.
"""
