"""One model in every format: `python -m benchmarks.foreign_models` trains a VAE with pythae and exports it.

Prints, for each format, the largest difference of a pixel from pythae's own decoder, whether a gradient comes through,
the lines of a whole spec under `digits.digit`, and the share of 1,024 tries that satisfy it with one engine, one seed
and one critic, fitted on pythae's own model. Needs `pip install -c constraints.txt pythae`; about two minutes.

What pythae trains is no AutoencoderKL of diffusers and no folder of `lc train`: that these decode as their own
libraries do is in tests/models/test_folders.py.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import lc_core
from benchmarks.tables import table
from lc_core.common.seeds import block_generator
from lc_core.constraints.evaluator import Evaluator
from lc_core.fitting.prepare import prepare
from lc_core.models.latent_model import LatentModel, decode_array
from lc_core.runs.build import build_problem
from lc_core.sampling.problem import Problem
from lc_core.sampling.sample import collect

D, SHAPE = 8, (1, 8, 8)
TRIES = 1_024
RULE = "{use: digits.digit, params: {digit: 3}, at_least: 0.9}"
FORMATS = {
    "models.export": "{file: decoder.pt2, encoder: encoder.pt2, output: image.gray/1}",
    "models.torchscript": "{file: decoder.pt, encoder: encoder.pt, output: image.gray/1, latent: [8]}",
    "models.onnx": "{file: decoder.onnx, encoder: encoder.onnx, output: image.gray/1}",
    "models.pythae": "{folder: pythae, output: image.gray/1}",
}


class Decoder(nn.Module):
    """pythae's decoder as a plain module."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.decoder = model.decoder

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return self.decoder(z).reconstruction


class Encoder(nn.Module):
    """pythae's encoder, with standard deviations."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.encoder = model.encoder

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        found = self.encoder(x)
        return found.embedding, (0.5 * found.log_covariance).exp()


class Native(LatentModel):
    """pythae's model as it is, without a file."""

    name, latent_shape, output_type, block = "native", (D,), "image.gray/1", 256

    def __init__(self, model: Any) -> None:
        self.model = model

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        return self.model.decoder(z).reconstruction


def train(folder: Path, epochs: int) -> Any:
    """Train a VAE with pythae's own pipeline on scikit-learn's digits, and save it as pythae does."""
    from pythae.models import VAE, VAEConfig
    from pythae.pipelines import TrainingPipeline
    from pythae.trainers import BaseTrainerConfig
    from sklearn.datasets import load_digits

    torch.manual_seed(0)
    model = VAE(VAEConfig(input_dim=SHAPE, latent_dim=D, reconstruction_loss="bce"))
    config = BaseTrainerConfig(
        output_dir=str(folder / "training"),
        num_epochs=epochs,
        learning_rate=1e-3,
        per_device_train_batch_size=128,
        no_cuda=True,
        seed=0,
    )
    pictures = (load_digits().images / 16).astype("float32")[:, None]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        TrainingPipeline(model=model, training_config=config)(train_data=pictures)
    trained = VAE.load_from_folder(str(next((folder / "training").glob("VAE_training_*")) / "final_model"))
    trained.save(str(folder / "pythae"))
    return trained.eval().requires_grad_(False)


def export(model: Any, folder: Path) -> None:
    """Write the decoder and the encoder in every format of one file."""
    free = {0: torch.export.Dim("batch")}
    for part, example in (("decoder", torch.zeros(3, D)), ("encoder", torch.zeros(3, *SHAPE))):
        network = (Decoder if part == "decoder" else Encoder)(model).eval()
        program = torch.export.export(network, (example,), dynamic_shapes=(free,))
        torch.export.save(program, folder / f"{part}.pt2")
        torch.jit.trace(network, example, strict=False).save(str(folder / f"{part}.pt"))
        onnx = folder / f"{part}.onnx"
        axes = {"x": {0: "batch"}}
        torch.onnx.export(network, (example,), str(onnx), input_names=["x"], dynamic_axes=axes, dynamo=False)


def specs(folder: Path) -> Iterator[tuple[str, Path]]:
    """Write a whole spec for each format."""
    for use, params in FORMATS.items():
        path = folder / f"{use}.yaml"
        path.write_text(
            f"lc: 1\nmodel:\n  use: {use}\n  params: {params}\nconstraints:\n  - {RULE}\nsample: {{count: 16}}\n"
        )
        yield use, path


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=40, help="of pythae's training")
    parser.add_argument("--tries", type=int, default=TRIES, help="for each format")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.INFO)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        began = time.monotonic()
        model = train(folder, arguments.epochs)
        print(f"trained by pythae in {time.monotonic() - began:.0f} s", file=sys.stderr)
        export(model, folder)
        rows = list(measure(model, folder, arguments.tries))
    print(table(["format", "max abs difference", "gradient", "encoder", "lines of YAML", "satisfied"], rows))


def measure(model: Any, folder: Path, tries: int) -> Iterator[list[str]]:
    """Yield a row for pythae's own model, and one for each format."""
    native = Native(model)
    z = native.sample_prior(512, block_generator(0, 0, "benchmark"))
    wanted = decode_array(native, z)
    problems = {use: (path, build_problem(lc_core.load_spec(path))) for use, path in specs(folder)}
    first = next(iter(problems.values()))[1]
    prepared = prepare(Evaluator(native, first.entries), first.engine)
    assert prepared.energy is not None

    def share(of: LatentModel) -> str:
        problem = Problem(
            model=of,
            entries=first.entries,
            engine=prepared.engine,
            realism=0.0,
            count=tries,
            seed=1,
            budget=tries,
            unique=False,
        )
        result, _ = collect(problem, prepared.energy)
        return f"{len(result) / result.report['tried']:.2%}"

    yield ["native", "", str(native.differentiable), "", "", share(native)]
    for use, (path, problem) in problems.items():
        off = float(np.abs(decode_array(problem.model, z) - wanted).max())
        yield [
            use,
            f"{off:.1e}",
            str(problem.model.differentiable),
            str(problem.model.encodes),
            str(len(path.read_text().splitlines())),
            share(problem.model),
        ]


if __name__ == "__main__":
    main()
