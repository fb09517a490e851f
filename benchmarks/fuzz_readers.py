"""What random cases are read by: one class for each format that `lc` reads."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import numpy as np
import torch
import yaml
from click.testing import CliRunner

from benchmarks import fuzz_files as files
from benchmarks.fuzz_specs import broken, instance
from lc_core import load_actor
from lc_core.bank.columns import Columns
from lc_core.cli import main as lc
from lc_core.common.cache import Cache
from lc_core.common.network_files import read_network, write_network
from lc_core.constraints.evaluator import Evaluator
from lc_core.evaluation.run import read_runs
from lc_core.models.latent_model import LatentModel
from lc_core.plugins.discover import build_registry
from lc_core.plugins.readers import read_outputs, readers_of
from lc_core.plugins.registry import Registry
from lc_core.runs.sample import run_spec
from lc_core.runs.score import score_file
from lc_core.sampler.folder import read_sampler
from lc_core.spec import find_spec, load_spec, shipped_names
from lc_core.spec.jsonschema import schema_json
from lc_plugins.digits.model import SHIPPED, load_8x8
from lc_plugins.images.idx import read_idx
from lc_plugins.labels.label_set import read_label_set
from lc_plugins.labels.table import read_table
from lc_plugins.models.priors import read_tensors

__all__ = ["READERS", "Reader"]

SPEC = """lc: 1
model: digits.8x8
constraints: [{use: images.brightness, at_most: 0.6}]
sample: {count: 3, seed: 3}
"""
SHORT = "{prior_samples: 512, push_samples: 64, steps: 20, hidden: 16, rounds: 1, round_samples: 32, round_steps: 10}"


class Reader:
    """Makes cases of a format, and reads them.

    Args:
        place: Folder of its files.

    Attributes:
        weight: Its share of the cases.
        command: What reads a case on the command line, `FILE` for the case; empty if nothing does.
    """

    weight: ClassVar[int] = 1
    command: Sequence[str] = ()

    def __init__(self, place: Path) -> None:
        self.place = place
        self.registry: Registry = build_registry()

    def write(self, rng: Random) -> Path:
        """Write a case and return its file or folder."""
        raise NotImplementedError

    def read(self, path: Path) -> None:
        """Read a case."""
        raise NotImplementedError

    def names(self, path: Path) -> list[str]:
        """Return names of which a message has to have one."""
        inside = [one.name for one in path.rglob("*")] if path.is_dir() else []
        return [str(path), path.name, *inside]

    def _write(self, name: str, data: bytes) -> Path:
        path = self.place / name
        path.write_bytes(data)
        return path


def _as_yaml(tree: Any) -> bytes:
    """Return a tree as YAML; one that is nested deeper than Python follows, as brackets alone."""
    try:
        return yaml.safe_dump(tree, sort_keys=False).encode("utf-8", "surrogatepass")
    except RecursionError:
        return b"[" * 5_000


class Specs(Reader):
    """Specs that the schema allows, changed at any level."""

    weight = 8
    command = ("validate", "FILE")

    def __init__(self, place: Path) -> None:
        super().__init__(place)
        self.schema = schema_json(self.registry)

    def write(self, rng: Random) -> Path:
        tree = broken(instance(self.schema, rng), rng)
        return self._write("case.yaml", _as_yaml(tree))

    def read(self, path: Path) -> None:
        load_spec(path, registry=self.registry).to_yaml()


class ShippedSpecs(Specs):
    """Shipped specs, changed at any level."""

    weight = 3

    def __init__(self, place: Path) -> None:
        super().__init__(place)
        self.trees = [yaml.safe_load(find_spec(name).read_text(encoding="utf-8")) for name in shipped_names()]

    def write(self, rng: Random) -> Path:
        tree = broken(rng.choice(self.trees), rng)
        return self._write("case.yaml", _as_yaml(tree))


class YamlText(Specs):
    """Text made of pieces of YAML."""

    weight = 3

    def write(self, rng: Random) -> Path:
        return self._write("case.yaml", files.yaml_text(rng, ("", SPEC, "lc: 1\nmodel: digits.8x8\n")))


class Midi(Reader):
    """MIDI files."""

    weight = 3
    command = ("score", "melody/busy_c_major", "FILE")

    def __init__(self, place: Path) -> None:
        super().__init__(place)
        self.entries = load_spec("melody/busy_c_major", registry=self.registry).entries
        self.readers = readers_of(self.registry, "melody.tokens/1")

    def write(self, rng: Random) -> Path:
        return self._write("case.mid", files.mutated(files.midi(rng), rng))

    def read(self, path: Path) -> None:
        score_file(path, self.entries, readers=self.readers)


class Png(Reader):
    """PNG files."""

    weight = 2
    form = "PNG"

    def __init__(self, place: Path) -> None:
        super().__init__(place)
        self.readers = [readers_of(self.registry, one) for one in ("image.gray/1", "image.rgb/1")]
        self.command = ("score", str(self._write("rules.yaml", SPEC.encode())), "FILE")

    def write(self, rng: Random) -> Path:
        return self._write(f"case.{self.form.lower()}", files.picture(rng, self.form))

    def read(self, path: Path) -> None:
        for readers in self.readers:
            read_outputs(path, readers=readers, known={"size": 8})


class Jpeg(Png):
    """JPEG files."""

    form = "JPEG"


class Idx(Reader):
    """IDX files, plain and packed."""

    def write(self, rng: Random) -> Path:
        return self._write("case-idx", files.mutated(files.idx(rng), rng))

    def read(self, path: Path) -> None:
        read_idx(path, dimensions=3)


class Csv(Reader):
    """Tables of labels."""

    def __init__(self, place: Path) -> None:
        super().__init__(place)
        (place / "data" / "sub").mkdir(parents=True)
        for name in ("0.png", "1.png", "sub/2.png"):
            (place / "data" / name).touch()

    def write(self, rng: Random) -> Path:
        return self._write("case.csv", files.mutated(files.csv_table(rng), rng, most=2))

    def read(self, path: Path) -> None:
        read_table(path, self.place / "data", [".png"])

    def names(self, path: Path) -> list[str]:
        return [*super().names(path), "0.png", "1.png", "2.png"]


class LabelSets(Reader):
    """Label sets, safetensors files with JSON in their header."""

    def write(self, rng: Random) -> Path:
        z = np.zeros((70, 10), dtype=np.float32)
        yes = np.arange(70) % 2.0
        column = {"name": "a", "want": {"at_least": 0.5}, "source": {"file": "a.csv"}}
        model = {"use": "digits.8x8", "digest": "0", "output": "image.gray/1", "params": {}}
        told = {"format": 1, "model": model, "columns": [column], "source": {}}
        about = files.json_with(told, rng).decode("utf-8", "replace")
        return self._write(
            "case.safetensors",
            files.mutated(
                files.tensors(rng, {"z": z, "mean": z, "std": z + 1, "label:a": yes}, {"lc_labels": about}), rng, most=1
            ),
        )

    def read(self, path: Path) -> None:
        read_label_set(path)


class Latents(Reader):
    """Latents in `.npy` and safetensors files."""

    def write(self, rng: Random) -> Path:
        if rng.random() < 0.5:
            return self._write("case.npy", files.npy(rng))
        held = {"z": np.zeros((4, 3), dtype=rng.choice((np.float32, np.int64, np.bool_)))}
        return self._write("case.safetensors", files.mutated(files.tensors(rng, held, {}), rng, most=2))

    def read(self, path: Path) -> None:
        read_tensors(path)


class Networks(Reader):
    """Networks in one safetensors file each."""

    def write(self, rng: Random) -> Path:
        network: Any = torch.nn.Linear(3, 2)
        network.settings = {"in_features": 3, "out_features": 2}
        path = self.place / "case.safetensors"
        write_network(path, network, "test/1")
        data = path.read_bytes()
        size = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + size])
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))  # safetensors writes them in any order
        if rng.random() < 0.5:
            header["__metadata__"]["settings"] = files.json_with(network.settings, rng).decode("utf-8", "replace")
        text = files.json_with(header, rng) if rng.random() < 0.3 else json.dumps(header).encode()
        return self._write(path.name, len(text).to_bytes(8, "little") + text + data[8 + size :])

    def read(self, path: Path) -> None:
        read_network(path, "test/1", torch.nn.Linear)


class Folder(Reader):
    """A folder of files that belong together, of which one is changed."""

    changed: ClassVar[tuple[str, ...]]

    def __init__(self, place: Path) -> None:
        super().__init__(place)
        self.whole, self.case = place / "whole", place / "case"
        self.make()

    def make(self) -> None:
        """Write the folder without a fault."""
        raise NotImplementedError

    def write(self, rng: Random) -> Path:
        shutil.rmtree(self.case, ignore_errors=True)
        shutil.copytree(self.whole, self.case)
        path = self.case / rng.choice(self.changed)
        data = path.read_bytes()
        of_json = path.suffix == ".json" and rng.random() < 0.8
        path.write_bytes(files.json_with(json.loads(data), rng) if of_json else files.mutated(data, rng))
        return self.case

    def lc(self, *words: str) -> None:
        """Run a command that makes the folder."""
        result = CliRunner().invoke(lc, [*words, "--quiet"])
        assert result.exit_code == 0, result.output


class Models(Folder):
    """Folders of a trained model."""

    changed = ("config.json", "config.json", "weights.safetensors", "realism.safetensors")

    def make(self) -> None:
        shutil.copytree(SHIPPED, self.whole)
        self.changed = tuple(name for name in self.changed if (self.whole / name).is_file())

    def read(self, path: Path) -> None:
        load_8x8(folder=str(path))


class Runs(Folder):
    """Finished runs, as `lc eval` reads them."""

    changed = ("report.json", "report.json", "environment.json", "samples.safetensors", "spec.yaml")

    def make(self) -> None:
        self.spec = self._write("rules.yaml", SPEC.encode())
        self.lc("sample", str(self.spec), "--engine", "rejection", "--out", str(self.whole))

    def read(self, path: Path) -> None:
        for run in read_runs([path], registry=self.registry):
            assert len(run.outputs) and run.exact in (True, False)


class Unlisted(Runs):
    """Finished runs without the list of their files, so that nothing tells what was changed."""

    def make(self) -> None:
        super().make()
        shutil.rmtree(self.whole / ".lc")

    def read(self, path: Path) -> None:
        for run in read_runs([path], registry=self.registry):
            evaluator = Evaluator(run.model, run.entries)
            for _, outputs in run.outputs.pieces():
                evaluator.measure(outputs)
            assert len(run.outputs.take(np.arange(len(run.outputs)))) == len(run.outputs)


class Resumed(Runs):
    """Runs that are taken up again."""

    changed = ("blocks/run.json", "blocks/000000.safetensors", ".lc/files.jsonl", "report.json", "spec.yaml")

    def read(self, path: Path) -> None:
        spec = load_spec(self.spec, registry=self.registry, engine="rejection")
        run_spec(spec, out=path)


class Actors(Folder):
    """Fitted actors."""

    changed = ("config.json", "config.json", "weights.safetensors")

    def make(self) -> None:
        spec = self._write("rules.yaml", f"{SPEC}fit: {SHORT}\n".encode())
        self.lc("fit", str(spec), "--engine", "actor", "--out", str(self.whole))

    def read(self, path: Path) -> None:
        load_actor(path)


class Samplers(Folder):
    """Trained samplers."""

    changed = ("config.json", "config.json", "weights.safetensors")

    def make(self) -> None:
        self.model: LatentModel = load_8x8()
        small = ("samples=1024", "settings=8", "compositions=4", "width=16", "blocks=1", "batch=16")
        sets = [word for one in small for word in ("--set", one)]
        words = ("--rules", "images.brightness", "--steps", "3", "--out", str(self.whole))
        self.lc("amortise", "digits.8x8", *words, *sets)

    def read(self, path: Path) -> None:
        read_sampler(path, self.model)


class Cached(Folder):
    """Fitted parts in the cache: what is damaged is fitted again."""

    changed = ("critic-k/config.json", "critic-k/weights.safetensors", "critic-k/.lc-cache-entry", "CACHEDIR.TAG")

    def make(self) -> None:
        Cache(self.whole).get_or_fit("critic", "k", self._fit)

    def _fit(self) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
        return {"what": "a critic"}, {"w": torch.arange(6.0)}

    def read(self, path: Path) -> None:
        cache = Cache(path)
        cache.entries()
        _, tensors, _ = cache.get_or_fit("critic", "k", self._fit)
        assert torch.equal(tensors["w"], torch.arange(6.0)), "another part than the one that was fitted"
        cache.entries()


class Banks(Folder):
    """Columns of a bank: what is damaged is not given."""

    changed = ("bank-k/outputs-u1.bank", "bank-k/outputs-u1.bank", "bank-k/config.json")

    def make(self) -> None:
        for number in range(3):
            self._columns(self.whole).write("outputs", number, np.full((8, 4), number, dtype="<u1"))

    def _columns(self, root: Path) -> Columns:
        return Columns(root, "k", {"what": "a bank"}, lambda _: None)

    def read(self, path: Path) -> None:
        columns = self._columns(path)
        columns.config()
        for number in range(4):
            found = columns.read("outputs", number, np.dtype("u1"), (8, 4))
            assert found is None or (found == number).all(), "another block than the one that was written"
        columns.write("outputs", 3, np.full((8, 4), 3, dtype="<u1"))


READERS: dict[str, type[Reader]] = {
    "specs of the schema": Specs,
    "shipped specs": ShippedSpecs,
    "YAML": YamlText,
    "MIDI": Midi,
    "PNG": Png,
    "JPEG": Jpeg,
    "IDX": Idx,
    "CSV": Csv,
    "label sets": LabelSets,
    "latents": Latents,
    "networks": Networks,
    "models": Models,
    "runs": Runs,
    "runs without a list": Unlisted,
    "runs taken up": Resumed,
    "actors": Actors,
    "samplers": Samplers,
    "cache": Cached,
    "banks": Banks,
}
