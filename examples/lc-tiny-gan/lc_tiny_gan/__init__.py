"""A GAN of handwritten digits, as a plugin of latent-constraints."""
