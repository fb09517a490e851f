"""Run a command line as a reader would type it, and make the files that it names."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from click.testing import CliRunner
from PIL import Image

import lc_core
from lc_core.cli import main
from lc_core.common.seeds import block_generator
from lc_plugins.images.celeba_train import train
from lc_plugins.labels.probe import ProbeSettings
from tests.images.conftest import draw_celeba

ROOT = Path(__file__).parents[2]
MELODY = "lc: 1\nextends: melody/c_major\n"
PICTURE = "lc: 1\nmodel: digits.8x8\nconstraints: [{use: images.brightness, at_least: 0.2}]\nrender: [png]\n"
RULE = """from lc_core import hookimpl, measurement

@measurement(accepts="melody.tokens/1", unit="notes", range=(0, 32), at_least=2)
def onsets(tokens):
    \"\"\"Return the number of notes.\"\"\"
    return (tokens < 128).sum(axis=1)

@hookimpl
def lc_register_constraints(register):
    register("mine.onsets", onsets)
"""
PLACEHOLDERS: Mapping[str, str] = {
    "SPEC": "melody/c_major",
    "FILE": "song.mid",
    "MODEL": "digits.8x8",
    "FOLDER": "a-folder",
    "DIR": "a-folder",
    "COMMAND": "sample",
}


def run(line: str, *more: str) -> tuple[int, str]:
    """Run a command, `lc` within this process; return its status and what it printed.

    Args:
        line: As a reader types it.
        more: Arguments for the commands that fit critics.
    """
    words, _, target = line.partition(" > ")
    name, *arguments = shlex.split(words, comments=True)
    assert name in ("lc", "python", "cd"), f"{name} is not run in tests; say so before the block"
    if name == "cd":
        os.chdir(arguments[0])  # undone with the fixture that chose the folder
        return 0, ""
    if name == "python":
        done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr
    if arguments and arguments[0] in ("sample", "transform", "fit"):
        arguments += more
    result = CliRunner().invoke(main, arguments, obj=ProbeSettings(steps=100, hidden=32))
    if target:
        Path(target).write_text(result.stdout, encoding="utf-8")
    return result.exit_code, result.output


def filled(text: str) -> str:
    """Return a line with something real for each placeholder: SPEC, FILE, `{name}` of a message."""
    text = re.sub(r"\{[^}]*suffix[^}]*\}", "my.yaml", text)
    text = re.sub(r"\{name\}", "decoder.pt2", text)
    text = re.sub(r"^python -m lc_core$", "python -m lc_core --version", text)  # it "is lc", which wants a command
    text = text.replace("--engine NAME", "--engine rejection").replace("new-plugin NAME", "new-plugin high-notes")
    text = text.replace("plugins NAME", "plugins melody.in_scale").replace(
        "plugins {component.name}", "plugins melody.in_scale"
    )
    for name, real in PLACEHOLDERS.items():
        text = re.sub(rf"(?<![\w./-]){name}(\.\.\.)?(?![\w./-])", real, text)
    return text


def make_files(line: str) -> None:
    """Make, in the working folder, what a line reads and a reader is said to have: their own files, by name."""
    for word in re.split(r"[\s=]+", line.partition(" > ")[0]):
        maker = FILES.get(word.strip("'\""))
        if maker and not Path(word).exists():
            maker(Path(word), line)


def play(path: Path, line: str) -> None:
    """Write a melody that the shipped model knows, one of its own."""
    result = CliRunner().invoke(
        main, ["sample", "melody/free", "--engine", "rejection", "--count", "1", "--seed", str(len(path.name)),
               "--quiet", "--out", f"{path.stem}-run", "--set", "render=[midi]"]
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    shutil.copy(Path(f"{path.stem}-run", "outputs", "000000.mid"), path)


def draw_faces(folder: Path, line: str) -> None:
    """Write 60 avatars, each with a hat or without."""
    folder.mkdir()
    model = lc_core.load_model("avatars.64")
    with torch.inference_mode():
        pictures = model.decode(model.sample_prior(60, block_generator(0, 0))).numpy()
    for number, one in enumerate(np.rint(255 * pictures).astype(np.uint8)):
        Image.fromarray(one.transpose(1, 2, 0)).save(folder / f"face{number}.png")


def face(path: Path, line: str) -> None:
    """Write one avatar."""
    draw_faces(Path("one-face"), line)
    shutil.copy(Path("one-face", "face0.png"), path)


def table(column: str, values: int, *, start: int = 0) -> Callable[[Path, str], None]:
    """Return a function that writes a table of the faces with one column."""

    def write(path: Path, line: str) -> None:
        rows = [f"face{number}.png,{start + number % values}" for number in range(60)]
        path.write_text("\n".join([f"file,{column}", *rows, ""]), encoding="utf-8")

    return write


def decoder(path: Path, line: str) -> None:
    """Export a decoder of 8 x 8 pictures, in grey or in colour as the line says."""
    channels = 3 if "image.rgb" in line else 1
    layers = (torch.nn.Linear(4, 64 * channels), torch.nn.Sigmoid(), torch.nn.Unflatten(1, (channels, 8, 8)))
    batch = {0: torch.export.Dim("batch")}
    torch.export.save(
        torch.export.export(torch.nn.Sequential(*layers), (torch.zeros(2, 4),), dynamic_shapes=(batch,)), path
    )


def photographs(folder: Path, line: str) -> None:
    """Draw a folder of CelebA's layout."""
    draw_celeba(folder, count=304)


def trained(folder: Path, line: str) -> None:
    """Train the model of such a folder, by two steps."""
    if not Path("CelebA").exists():
        photographs(Path("CelebA"), line)
    train(folder, data="CelebA", progress=lambda _: None, steps=2, batch=4, width=4, latent_dim=16, realism_steps=3)


def text(content: str) -> Callable[[Path, str], None]:
    """Return a function that writes a text."""
    return lambda path, line: path.write_text(content, encoding="utf-8") and None


def example(name: str) -> Callable[[Path, str], None]:
    """Return a function that copies a file of `examples/`."""
    return lambda path, line: shutil.copy(ROOT / "examples" / name / path.name, path) and None


FILES: Mapping[str, Callable[[Path, str], None]] = {
    "my.yaml": text(MELODY),
    "my_rule.py": text(RULE),
    "song.mid": play,
    "tune.mid": play,
    "other.mid": play,
    "face.png": face,
    "faces": draw_faces,
    "faces.csv": table("smiling", 2),
    "ages.csv": table("age", 60, start=10),
    "decoder.pt2": decoder,
    "CelebA": photographs,
    "runs/celeba": trained,
    **{path.name: example(path.parent.name) for path in ROOT.glob("examples/*/*.yaml")},
}
"""What a reader has of their own, by the name that documents give it."""
