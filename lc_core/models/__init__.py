"""Latent models: what a model is, its prior, adapters, and checks of what it does."""
