"""Sampling under constraints: a problem, its blocks, what they delivered, and the report."""
