"""Compare what two checkouts leave on this machine: `python -m benchmarks.same_bytes OTHER`.

For whoever moves code and wants to know that nothing else changed. Each checkout is copied, installed beside this
environment's packages, and asked for the same things with an empty cache of its own:

- ten runs over all domains and engines, with small fits: the bytes of `samples.safetensors`, of `spec.yaml`, of all
  outputs, and of `report.json` without times;
- the texts of every `--help`, of `lc schema`, of `lc plugins --json` and of `lc show`;
- the messages of bad specs: every shipped spec with one node after the other misspelt, emptied or given another type.

Digests are not kept: other processors round differently. Printed is each thing that differs, with the first line that
does, and how many things were compared; the status is 1 if one differs. About five minutes on one core.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FIT = "fit: {prior_samples: 1024, push_samples: 256, steps: 60, hidden: 32, rounds: 2, round_samples: 64}\n"
PLUGIN = '''
import numpy as np
from lc_core import hookimpl, measurement

@measurement(accepts="melody.tokens/1", unit="notes", range=(0, 32), at_least=6.0)
def notes(tokens: np.ndarray) -> np.ndarray:
    """Return how many notes start, `(B,)`."""
    return (tokens < 128).sum(axis=1)

@hookimpl
def lc_register_constraints(register):
    register("mine.notes", notes)
'''
MELODY = "lc: 1\nmodel: melody.folk-2bar\n"
SCALE = "constraints: [{use: melody.in_scale, params: {tonic: C, mode: major}}]\n"
DENSE = "constraints: [{use: melody.note_density, at_least: 0.4}, {not: {use: melody.contour, at_most: 10}}]\n"
DIGIT = "lc: 1\nmodel: digits.8x8\nconstraints: [{use: digits.digit, params: {digit: 3}}]\n"
FACE = "lc: 1\nmodel: avatars.64\nconstraints: [{use: avatars.attribute, params: {name: smiling}}]\n"
FILE = "lc: 1\nmodel: {use: models.export, params: {file: decoder.pt2, output: image.gray/1}}\n"
BRIGHT = "constraints: [{use: images.brightness, at_least: 0.6}]\n"
COUNT = "sample: {count: 6, seed: 3}\n"
RUNS: dict[str, tuple[str, str]] = {
    "melody-rejection": (MELODY + SCALE + COUNT + "engine: rejection\nrender: [midi, piano_roll]\n", "sample"),
    "melody-gradient": (MELODY + DENSE + FIT + COUNT + "engine: gradient\nrender: [midi, audio]\n", "sample"),
    "melody-realism": (MELODY + "realism: 4\n" + DENSE + FIT + COUNT + "engine: gradient\n", "sample"),
    "melody-actor": (MELODY + DENSE + FIT + COUNT + "engine: {use: actor, params: {round_steps: 20}}\n", "sample"),
    "melody-edit": (MELODY + SCALE + FIT + "render: [midi]\n", "transform --input tune.mid"),
    "melody-plugin": (
        MELODY + "constraints: [{use: mine.notes}]\n" + FIT + COUNT + "engine: gradient\n",
        "sample --plugin mine.py",
    ),
    "digits-gradient": (DIGIT + FIT + COUNT + "engine: gradient\nrender: [png]\n", "sample"),
    "avatars-rejection": (FACE + COUNT + "engine: rejection\nrender: [png]\n", "sample"),
    "export-gradient": (FILE + BRIGHT + FIT + COUNT + "engine: gradient\nrender: [png]\n", "sample"),
    "export-guided": (
        FILE + BRIGHT.replace("0.6", "0.6, guide: decoder") + FIT + COUNT + "engine: gradient\n",
        "sample",
    ),
}
NOT_COPIED = (".git", ".venv", "runs", "build", "latent_constraints.egg-info")
LEFT_OUT = (".lc", "blocks", "environment.json", "report.html", "cache")
"""Files of a run that hold times, commands, pages or digests of these; blocks hold what the samples hold."""
BAD_SPECS = """
import sys, yaml
from pathlib import Path
from lc_core.errors import LCError
from lc_core.spec import load_spec

def changed(node, at=()):
    if isinstance(node, dict):
        for key in node:
            yield at, "key", key
            yield from changed(node[key], (*at, key))
    elif isinstance(node, list):
        for number, one in enumerate(node):
            yield from changed(one, (*at, number))
    for value in (None, [], {}, "nonsense", -1.5):
        yield at, "value", value


bad = Path("bad.yaml")
for path in sorted(Path(sys.argv[1]).glob("*/*.yaml")):
    text = path.read_text(encoding="utf-8")
    for at, what, value in changed(yaml.safe_load(text)):
        tree = yaml.safe_load(text)
        if not at and what == "value":
            tree = value
        else:
            holder = tree
            for one in at if what == "key" else at[:-1]:
                holder = holder[one]
            if what == "key":
                holder[value + "x"] = holder.pop(value)
            else:
                holder[at[-1]] = value
        bad.write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
        try:
            load_spec(str(bad))
            print(path.stem, at, what, value, "ok")
        except LCError as error:
            print(path.stem, at, what, value, error.message, error.hint)
"""


class Checkout:
    """A copy of a checkout, installed into a folder of its own, and an empty folder to work in.

    Args:
        source: The checkout, with whatever is not committed.
        folder: Where everything goes.
    """

    def __init__(self, source: Path, folder: Path) -> None:
        self.folder = folder / "work"
        self.folder.mkdir(parents=True)
        copy = folder / "copy"
        shutil.copytree(source, copy, ignore=lambda where, _: NOT_COPIED if Path(where) == source else ())
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        parts = [copy, *(one.parent for one in sorted(copy.glob("examples/*/pyproject.toml")))]
        install += ["--target", str(folder / "site"), *map(str, parts)]
        subprocess.run(install, check=True, stderr=subprocess.DEVNULL)
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("LC_", "PYTHON"))}
        cache = {"LC_CACHE_DIR": str(folder / "cache"), "OMP_NUM_THREADS": "1", "COLUMNS": "120"}
        self.variables = kept | cache | {"PYTHONPATH": str(folder / "site")}
        self.specs = copy / "constraint_specs"

    def lc(self, *words: str) -> str:
        """Run `lc` and return all that it writes, without what depends on the folder."""
        return self.python("-m", "lc_core", *words)

    def python(self, *words: str) -> str:
        """Run Python and return all that it writes."""
        command = [sys.executable, *words]
        done = subprocess.run(command, cwd=self.folder, env=self.variables, capture_output=True, text=True)
        text = f"{done.stdout}\n{done.stderr}\nstatus {done.returncode}\n"
        return text.replace(str(self.folder.parent), "FOLDER")


def inputs(folder: Path) -> None:
    """Write what the runs need: a plugin file, a tune, a decoder of another library, the specs."""
    import mido
    import torch
    from torch import nn

    (folder / "mine.py").write_text(PLUGIN)
    tune = mido.MidiFile(ticks_per_beat=480)
    track = mido.MidiTrack()
    tune.tracks.append(track)
    for pitch in (60, 62, 63, 67, 66, 64, 62, 61):
        track.append(mido.Message("note_on", note=pitch, velocity=80, time=0))
        track.append(mido.Message("note_off", note=pitch, velocity=0, time=480))
    tune.save(folder / "tune.mid")
    torch.manual_seed(0)
    decoder = nn.Sequential(nn.Linear(8, 64), nn.Sigmoid(), nn.Unflatten(1, (1, 8, 8))).eval()
    example = (torch.zeros(2, 8),)
    program = torch.export.export(decoder, example, dynamic_shapes=({0: torch.export.Dim("batch")},))
    torch.export.save(program, folder / "decoder.pt2")
    for name, (text, _) in RUNS.items():
        (folder / f"{name}.yaml").write_text(text)


def left_by(checkout: Checkout) -> Iterator[tuple[str, bytes]]:
    """Yield the name and content of everything that a checkout leaves or says."""
    for name, (_, command) in RUNS.items():
        words, *options = command.split()
        said = checkout.lc(words, f"{name}.yaml", *options, "--out", name, "--quiet")
        yield f"{name}: status", said.rpartition("status")[2].encode()
        run = checkout.folder / name
        for path in sorted(one for one in run.rglob("*") if one.is_file()):
            inside = path.relative_to(run)
            if inside.parts[0] not in LEFT_OUT and not inside.name.startswith("."):
                yield f"{name}/{inside}", _content(path)
    helped = re.findall(r"^  ([a-z-]+) ", checkout.lc("--help").partition("Commands:")[2], re.MULTILINE)
    for words in ([], *([one] for one in helped)):
        yield f"lc {' '.join([*words, '--help'])}", checkout.lc(*words, "--help").encode()
    yield "lc schema", checkout.lc("schema").encode()
    yield "lc plugins --json", timeless(checkout.lc("plugins", "--json").partition("\n\n")[0])
    for path in sorted(checkout.specs.glob("*/*.yaml")):
        name = f"{path.parent.name}/{path.stem}"
        yield f"lc show {name}", checkout.lc("show", name).encode()
    messages = checkout.python("-c", BAD_SPECS, str(checkout.specs)).splitlines()
    for number, line in enumerate(messages):
        yield f"bad spec {number}", line.encode()


def _content(path: Path) -> bytes:
    """Return a file's bytes; of a report all but its times."""
    return timeless(path.read_text(encoding="utf-8")) if path.suffix == ".json" else path.read_bytes()


def timeless(text: str) -> bytes:
    """Return JSON without its times."""

    def without(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: without(one) for key, one in node.items() if "seconds" not in key}
        return [without(one) for one in node] if isinstance(node, list) else node

    return json.dumps(without(json.loads(text)), indent=2).encode()


def _first_difference(ours: bytes | None, other: bytes | None) -> str:
    """Return the first line that differs, or digests of what is no text."""
    if ours is None or other is None:
        return f"only {'the other checkout' if ours is None else 'this checkout'} has it"
    try:
        pairs = zip(ours.decode().splitlines() + [""], other.decode().splitlines() + [""], strict=False)
        here, there = next((pair for pair in pairs if pair[0] != pair[1]), ("", ""))
        return f"here {here.strip()[:150]!r}, there {there.strip()[:150]!r}"
    except UnicodeDecodeError:
        return f"bytes {hashlib.sha256(ours).hexdigest()[:12]}, there {hashlib.sha256(other).hexdigest()[:12]}"


def main() -> None:
    """Compare this checkout with another."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path, help="folder of the other checkout")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        found = []
        for name, source in (("here", ROOT), ("there", options.other.resolve())):
            checkout = Checkout(source, Path(temporary) / name)
            inputs(checkout.folder)
            found.append(dict(left_by(checkout)))
            print(f"{source.name}: {len(found[-1])} things", flush=True)
    here, there = found
    names = list(dict.fromkeys([*here, *there]))
    different = [name for name in names if here.get(name) != there.get(name)]
    for name in different:
        print(f"{name}: {_first_difference(here.get(name), there.get(name))}")
    print(f"{len(names)} compared, {len(different)} differ")
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
