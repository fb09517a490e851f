"""What sixteen pictures of a slow decoder cost, by blocks as they are chosen and by blocks of 256.

    python -m benchmarks.slow_decoder

The decoder is a DCGAN of random weights, 100 numbers to 3 x 64 x 64, saved as a .pt2 file. One rule is followed through
it: a brightness that few prior samples have. Each run begins with an empty cache. Its report counts the decodes of its
tries. Beside them stand all decodes of the process, those of the checks and of the rule's spread too.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import nn

from lc_core import LatentModel, load_model
from lc_core.cli import main as lc
from lc_core.common.seeds import block_generator
from lc_core.models.latent_model import decode_array, draw_prior
from lc_plugins.models import export, foreign

SAMPLES = 512
"""Prior samples that the bound is chosen from."""
RARE = 0.98
"""Quantile of their brightness that is the bound."""


def dcgan(width: int = 64) -> nn.Module:
    """Return a decoder as of DCGAN with random weights: 100 numbers to 3 x 64 x 64; 3.6 million weights at width 64."""
    sizes = [100, 8 * width, 4 * width, 2 * width, width]
    layers: list[nn.Module] = [nn.Unflatten(1, (100, 1, 1))]
    for number, (wide, narrow) in enumerate(zip(sizes, sizes[1:], strict=False)):
        stride, padding = (1, 0) if number == 0 else (2, 1)
        layers += [nn.ConvTranspose2d(wide, narrow, 4, stride, padding, bias=False), nn.BatchNorm2d(narrow), nn.ReLU()]
    layers += [nn.ConvTranspose2d(width, 3, 4, 2, 1, bias=False), nn.Tanh()]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nn.Sequential(*layers)
        for layer in net:
            if isinstance(layer, nn.ConvTranspose2d):
                nn.init.normal_(layer.weight, 0.0, 0.05)
    return net.eval()


def save(net: nn.Module, path: Path) -> Path:
    """Save a decoder of 100 numbers as a .pt2 file and return it."""
    batch = torch.export.Dim("batch", min=1, max=4_096)
    program = torch.export.export(net, (torch.zeros(3, 100),), dynamic_shapes=({0: batch},))
    torch.export.save(program, path)
    return path


def load(file: Path) -> LatentModel:
    """Load a saved decoder."""
    model: LatentModel = load_model("models.export", file=str(file), output="image.rgb/1", values=[-1, 1])
    return model


def write_spec(folder: Path, file: Path, *, rare: float = RARE, samples: int = SAMPLES) -> Path:
    """Write a spec with one rule on brightness that few prior samples of a decoder meet, and return it."""
    model = load(file)
    pictures = decode_array(model, draw_prior(model, samples, block_generator(0, 0, "bench")))
    bright = torch.from_numpy(pictures).float().flatten(1).mean(dim=1) / (255 if pictures.dtype.kind in "iu" else 1)
    bound = float(torch.quantile(bright, rare))
    path = folder / "bright.yaml"
    path.write_text(
        f"lc: 1\nmodel: {{use: models.export, params: {{file: {file.name}, output: image.rgb/1, values: [-1, 1]}}}}\n"
        f"constraints:\n  - {{use: images.brightness, at_least: {bound:.5f}, guide: decoder}}\n"
    )
    return path


@contextlib.contextmanager
def counting() -> Iterator[list[int]]:
    """Yield a list that gets the number of latents of each call of a foreign model's decoder."""
    counted: list[int] = []
    assemble = foreign.assemble

    def with_count(network: foreign.Network, **settings: Any) -> foreign.ForeignModel:
        def decode(z: torch.Tensor) -> Any:
            counted.append(len(z))
            return network.decode(z)

        return assemble(replace(network, decode=decode), **settings)

    with mock.patch.object(export, "assemble", with_count):
        yield counted


def report_of(spec: Path, out: Path, *more: str) -> dict[str, object]:
    """Run `lc sample` and return its report."""
    arguments = ["sample", str(spec), "--json", "--quiet", "--out", str(out), *more]
    with contextlib.redirect_stdout(io.StringIO()) as text:
        lc(arguments, prog_name="lc", standalone_mode=False)
    found: dict[str, object] = json.loads(text.getvalue())
    return found


def main() -> None:
    """Print the decodes of both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=64, help="channels of the last hidden layer")
    width = parser.parse_args().width
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        net = dcgan(width)
        spec = write_spec(folder, save(net, folder / "dcgan.pt2"))
        weights = sum(one.numel() for one in net.parameters())
        operations = load(folder / "dcgan.pt2").operations
        print(f"torch {torch.__version__}, one thread; {weights:,} weights, {operations:,} operations a decode")
        print("| block | delivered | tries | decodes of tries | all decodes | seconds |\n|---|---|---|---|---|---|")
        for block, more in (("chosen", ()), ("256", ("--set", "engine.params.block=256"))):
            cache = {"LC_CACHE_DIR": str(folder / f"cache-{block}")}
            with counting() as counted, mock.patch.dict(os.environ, cache):
                report = report_of(spec, folder / block, *more)
            seconds = report["seconds"]["sample"]  # type: ignore[index]
            decodes = (f"{report['decodes']:,}", f"{sum(counted):,}")
            row = (block, report["delivered"], report["tried"], *decodes, f"{seconds:.0f}")
            print(f"| {' | '.join(map(str, row))} |", flush=True)


if __name__ == "__main__":
    main()
