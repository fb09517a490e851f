"""Fits what an energy needs, critics and realism, and refines them where an engine goes; or finds them in the cache."""
