"""Engines turn an energy into latents, all under one outer loop (`lc_core.engines.base`)."""
