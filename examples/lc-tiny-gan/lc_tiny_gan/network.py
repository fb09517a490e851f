"""The generator, in plain torch: it knows nothing of latent-constraints."""

from torch import nn

LATENT = 16


def generator() -> nn.Sequential:
    """Return a network from latents `(B, 16)` in [-1, 1] to pictures `(B, 1, 8, 8)` in [-1, 1]."""
    return nn.Sequential(
        nn.Linear(LATENT, 128),
        nn.LeakyReLU(0.2),
        nn.Linear(128, 128),
        nn.LeakyReLU(0.2),
        nn.Linear(128, 64),
        nn.Tanh(),
        nn.Unflatten(1, (1, 8, 8)),
    )
