"""Trains the generator against a discriminator (Goodfellow et al. 2014), on the digits that scikit-learn brings."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from pydantic import Field

BATCH = 128


def train(
    folder: Path,
    *,
    steps: Annotated[int, Field(ge=1)] = 6_000,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> None:
    """A GAN of 1,797 digits, in a minute on one core.

    Args:
        folder: Where `generator.safetensors` is written.
        steps: Training steps of each network.
        seed: Seed of the weights and of the batches.
        progress: Called with a line of text now and then.
    """
    import copy

    import torch
    from safetensors.torch import save_file
    from sklearn.datasets import load_digits
    from torch import nn
    from torch.nn import functional as F

    from lc_tiny_gan.network import LATENT, generator

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = generator()
        judge = nn.Sequential(
            nn.Flatten(),
            nn.Linear(64, 256),
            nn.LeakyReLU(0.2),
            nn.Dropout(0.3),
            nn.Linear(256, 128),
            nn.LeakyReLU(0.2),
            nn.Dropout(0.3),
            nn.Linear(128, 1),
        )
        average = copy.deepcopy(made)
        data = torch.from_numpy(load_digits().images / 8 - 1).float()[:, None]
        ours = torch.optim.Adam(made.parameters(), lr=5e-4, betas=(0.5, 0.99))
        theirs = torch.optim.Adam(judge.parameters(), lr=5e-4, betas=(0.5, 0.99))
        for step in range(1, steps + 1):
            real = data[torch.randint(len(data), (BATCH,))]
            real = real + 0.1 * torch.randn_like(real)
            fake = made(2 * torch.rand(BATCH, LATENT) - 1)
            noisy = fake + 0.1 * torch.randn_like(fake)
            loss = F.softplus(-judge(real)).mean() + F.softplus(judge(noisy.detach())).mean()
            theirs.zero_grad()
            loss.backward()
            theirs.step()
            fooled = F.softplus(-judge(noisy)).mean()
            ours.zero_grad()
            fooled.backward()
            ours.step()
            with torch.no_grad():
                for kept, new in zip(average.parameters(), made.parameters(), strict=True):
                    kept.lerp_(new, 0.002 if step > 1_000 else 0.05)
            if step % 1_000 == 0:
                progress(f"step {step}/{steps}: discriminator {loss:.2f}, generator {fooled:.2f}")
    save_file(dict(average.state_dict()), folder / "generator.safetensors")
