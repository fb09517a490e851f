"""Typical values of every shipped rule on its shipped models: `python -m benchmarks.typical`.

Prior samples are decoded and measured, and each domain's `typical.json` is written, which `lc plugins NAME`, `lc
schema` and the reference pages show. A test says when a rule is missing there, or when the model is another one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

from lc_core import load_model
from lc_core.common.seeds import block_generator
from lc_core.constraints.measurement import Measurement, measure_all
from lc_core.models.latent_model import LatentModel, decode_array
from lc_core.plugins.discover import DISTRIBUTION, build_registry
from lc_core.plugins.registry import Registered
from lc_plugins.avatars.attributes import ATTRIBUTES

PLUGINS = Path(__file__).parents[1] / "lc_plugins"
SEED = 2_026
BINS = 24
MODELS = {"melody.folk-2bar": 65_536, "digits.8x8": 65_536, "avatars.64": 4_096}
"""Models, and how many samples of each."""
DOMAINS = {"melody": ["melody.folk-2bar"], "digits": ["digits.8x8"], "avatars": ["avatars.64"]}
DOMAINS["images"] = ["digits.8x8", "avatars.64"]
"""Domains with rules of their own, and the models that these are measured on."""
SETTINGS: dict[str, list[dict[str, Any]]] = {
    "melody.in_scale": [
        {"tonic": "C", "mode": "major"},
        {"tonic": "F#", "mode": "major"},
        {"tonic": "D", "mode": "dorian"},
        {"tonic": "G", "mode": "major_pentatonic"},
    ],
    "melody.chord_fit": [{"chords": ["Dm7", "G7"]}, {"chords": ["C", "G7"]}],
    "melody.form": [{"letters": "AB"}, {"letters": "AA", "likeness": "rhythm"}],
    "melody.returns": [{}, {"likeness": "rhythm"}],
    "melody.cadence": [{"degrees": [5, 1]}, {"degrees": [1]}],
    "melody.key": [{"tonic": "C"}, {"tonic": "A", "mode": "minor"}],
    "melody.rhythm": [{"pattern": "x.x.x.x.x.x.x.x."}, {"pattern": "x...x...x...x..."}],
    "melody.range_of_voice": [{"voice": voice} for voice in ("soprano", "alto", "tenor", "bass")],
    "melody.starts_on": [{"pitch_class": "C"}, {"pitch_class": "F#"}],
    "melody.ends_on": [{"pitch_class": "C"}, {"pitch_class": "F#"}],
    "digits.digit": [{"digit": digit} for digit in range(10)],
    "avatars.attribute": [{"name": name} for name in ATTRIBUTES],
    "images.color_distance": [{"color": "#ff0000"}, {"color": "#ffffff"}],
}
"""Settings that stand for others, where a rule needs some; the others are measured as they are."""
OF_FILES = {"melody.same_rhythm", "melody.same_pitches"}
"""Rules that measure by a file of a user's."""


def rules(domain: str) -> Iterator[tuple[Registered, dict[str, Any]]]:
    """Yield the rules of a domain, each with every setting that it is measured under."""
    for one in build_registry().all("constraint"):
        if one.distribution == DISTRIBUTION and one.name.startswith(f"{domain}.") and one.name not in OF_FILES:
            yield from ((one, params) for params in SETTINGS.get(one.name, [{}]))


def samples(model: LatentModel, count: int) -> Iterator[np.ndarray]:
    """Yield decoded prior samples, block by block."""
    for block in range(-(-count // model.block)):
        size = min(model.block, count - block * model.block)
        yield decode_array(model, model.sample_prior(model.block, block_generator(SEED, block)))[:size]


def row(model: LatentModel, one: Registered, params: dict[str, Any], values: np.ndarray) -> dict[str, Any]:
    """Return what is kept of the values `(N,)` of one rule."""
    known = values[~np.isnan(values)]
    want = one.load().__lc_measurement__.want
    keys = (1, 25, 50, 75, 99)
    found = {
        "model": model.name,
        "digest": model.digest,
        "samples": len(values),
        "seed": SEED,
        "params": params,
        "quantiles": dict(zip(map(str, keys), map(rounded, np.percentile(known, keys)), strict=True))
        if len(known)
        else {},
        "undefined": len(values) - len(known),
        "meets_default": None if want is None else int(want.met(values).sum()),
    }
    if len(known):
        low, high = np.percentile(known, [0.5, 99.5])
        low, high = (low, high) if high > low else (low - 0.5, high + 0.5)
        counts, _ = np.histogram(known.clip(low, high), bins=BINS, range=(low, high))
        found["histogram"] = {"low": rounded(low), "high": rounded(high), "counts": counts.tolist()}
    return found


def rounded(value: float) -> float:
    return float(f"{value:.6g}")


def measured(domain: str, *, counts: dict[str, int]) -> dict[str, Any]:
    """Return the content of a domain's file."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name in DOMAINS[domain]:
        model = load_model(name)
        every = [(one, params, Measurement(one.load(), params, name=one.name)) for one, params in rules(domain)]
        asked = [one for one in every if one[2].accepts(model.output_type)]
        measurements = [measurement for *_, measurement in asked]
        parts = [measure_all(measurements, outputs) for outputs in samples(model, counts[name])]
        for (one, params, _), values in zip(asked, map(np.concatenate, zip(*parts, strict=True)), strict=True):
            found.setdefault(one.name, []).append(row(model, one, params, values))
    return {"rules": found}


@click.command()
@click.argument("domains", nargs=-1, type=click.Choice(list(DOMAINS)))
def main(domains: tuple[str, ...]) -> None:
    """Measure prior samples and write each domain's typical.json."""
    torch.set_num_threads(1)
    for domain in domains or DOMAINS:
        path = PLUGINS / domain / "typical.json"
        rows = measured(domain, counts=MODELS)["rules"]
        lines = (
            f" {json.dumps(name)}: [\n" + ",\n".join(f"  {json.dumps(one)}" for one in some) + "\n ]"
            for name, some in rows.items()
        )
        path.write_text('{"rules": {\n' + ",\n".join(lines) + "\n}}\n", encoding="utf-8")
        click.echo(f"{path.relative_to(PLUGINS.parent)}: {len(rows)} rules")


if __name__ == "__main__":
    main()
