"""Small networks, and how each is written in the formats that are loaded."""

from __future__ import annotations

import io
import os
import zipfile

import torch
from torch import nn

D, SHAPE = 4, (1, 8, 8)
WRONG_OUTPUTS = [
    ({"output": "image.rgb/1"}, "(1, 8, 8); image.rgb/1 is (3, H, W)"),
    ({"output": "melody.tokens/1"}, "whole numbers"),
    ({"shape": [1, 9, 9]}, "expected (1, 9, 9)"),
    ({"output": "picture"}, "with its version"),
]
"""Settings that a decoder of `SHAPE` does not fit, and what is said of them."""


class Decoder(nn.Module):
    """Latents `(B, 4)` to pictures `(B, 1, 8, 8)` in [0, 1]."""

    def __init__(self, out=nn.Sigmoid, channels=1):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(D, 32), nn.ReLU(), nn.Linear(32, 64 * channels), out())
        self.channels = channels

    def forward(self, z):
        return self.net(z).view(-1, self.channels, 8, 8)


class Encoder(nn.Module):
    """Pictures to a mean and a standard deviation, each `(B, 4)`."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(64, 2 * D))

    def forward(self, x):
        mean, raw = self.net(x).chunk(2, dim=1)
        return mean, nn.functional.softplus(raw)


class Quiet(Decoder):
    """A decoder through which no gradient comes."""

    def forward(self, z):
        with torch.no_grad():
            return super().forward(z)


class NotANumber(Decoder):
    def forward(self, z):
        return super().forward(z) / 0 * 0


class Noisy(Decoder):
    def forward(self, z):
        return super().forward(z + 0.1 * torch.randn_like(z))


class Batchy(Decoder):
    def forward(self, z):
        return super().forward(z - z.mean(dim=0, keepdim=True))


class Training(Decoder):
    """A decoder that stays in training mode, as one does that is exported without `eval()`."""

    def __init__(self, layer):
        super().__init__()
        self.net.insert(2, layer)

    def train(self, mode=True):
        return super().train(True)


IN_TRAINING = {"dropout": lambda: Training(nn.Dropout()), "normalisation": lambda: Training(nn.BatchNorm1d(32))}


def build(kind, *arguments, **settings):
    torch.manual_seed(0)
    return kind(*arguments, **settings).eval().requires_grad_(False)


def latents(count=3):
    return torch.randn(count, D, generator=torch.Generator().manual_seed(1))


def save_pt2(module, path, example=None, *, free=True):
    shapes = ({0: torch.export.Dim("batch")},) if free else None
    example = latents() if example is None else example
    torch.export.save(torch.export.export(module, (example,), dynamic_shapes=shapes), path)
    return path


def save_torchscript(module, path, example=None):
    torch.jit.trace(module, latents() if example is None else example, check_trace=False).save(str(path))
    return path


def rewritten(path, change):
    """Write an archive again, each member as `change(name, content)` returns it; None leaves one out."""
    out = io.BytesIO()
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as written:
        for name in archive.namelist():
            content = change(name.partition("/")[2], archive.read(name))
            if content is not None:
                written.writestr(name, content)
    path.write_bytes(out.getvalue())
    return path


class Payload:
    """Creates a file when it is unpickled."""

    def __init__(self, target):
        self.target = str(target)

    def __reduce__(self):
        return os.mkdir, (self.target,)
