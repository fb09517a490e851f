"""A checked spec, as commands and the Python API use it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import to_jsonable_python

from lc_core.constraints.constraint import Constraint, Entry
from lc_core.constraints.measurement import Measurement
from lc_core.errors import LCError
from lc_core.plugins.messages import message_of
from lc_core.plugins.registry import Registered
from lc_core.spec.load import FLOAT, INTEGER
from lc_core.spec.refine_settings import RefineSettings
from lc_core.spec.schema import Fit

__all__ = ["FitSettings", "Preserve", "SampleSettings", "Selected", "Spec", "plain", "yaml_text"]


@dataclass(frozen=True)
class Selected:
    """A component that a spec selects, with all its settings.

    Args:
        plugin: The component.
        params: Its settings by keyword, defaults included.
        use: The name that a spec gives it: with its distribution where two have that name.
    """

    plugin: Registered
    params: Mapping[str, Any] = field(default_factory=dict, hash=False)
    use: str = ""

    def build(self, **more: Any) -> Any:
        """Import the component and call it with its settings."""
        return self.plugin.load()(**self.params, **more)


@dataclass(frozen=True)
class SampleSettings:
    """How many outputs to deliver, from which seed, with how many tries at most, and whether they must differ.

    A budget of None is the default of an engine that has yet to be built, and so are moves of None.
    """

    count: int = 16
    seed: int = 0
    budget: int | None = None
    unique: bool = False
    moves: int | None = None


@dataclass(frozen=True)
class FitSettings:
    """How critics are fitted. All counts are fixed, so that a fit does the same work on any machine.

    Attributes:
        seed: Seed of the fit, never the seed of sampling.
        prior_samples: Prior samples that are decoded and measured.
        push_samples: Samples pushed towards each end of the measured value.
        steps: Training steps of a critic.
        batch: Latents in a training step.
        lr: Adam's learning rate.
        hidden: Width of a critic's hidden layers.
        rounds: Most rounds of refinement.
        patience: Rounds without progress after which refinement ends, once 90 % of tries satisfy; twice as many once
            half do.
        round_samples: Tries of the engine in a round.
        round_steps: Training steps in a round.
        stop_at: Share of the tries of a round at which refinement ends; None goes on while it helps.
        refine: How refinement chooses its rounds.

    Raises:
        LCError: If one of them is out of its range.
    """

    seed: int = 0
    prior_samples: int = 16_384
    push_samples: int = 4_096
    steps: int = 600
    batch: int = 512
    lr: float = 2e-3
    hidden: int = 256
    rounds: int = 40
    patience: int = 6
    round_samples: int = 256
    round_steps: int = 80
    stop_at: float | None = None
    refine: RefineSettings = RefineSettings()

    def __post_init__(self) -> None:
        given = {key: one for key, one in asdict(self).items() if one is not None}
        try:
            Fit.model_validate(given)
        except ValidationError as error:
            messages = [
                f"{'.'.join(map(str, one['loc']))} {message_of(dict(one), list(given))}" for one in error.errors()
            ]
            raise LCError(f"FitSettings: {'; '.join(messages)}") from error

    def changed(self) -> dict[str, Any]:
        """Return those that are not at their defaults."""
        default = asdict(FitSettings())
        return {name: value for name, value in asdict(self).items() if value != default[name]}

    def as_dict(self) -> dict[str, Any]:
        """Return all of them; of `refine` what is not at its default."""
        found, default = asdict(self), asdict(RefineSettings())
        changed = {name: value for name, value in found.pop("refine").items() if value != default[name]}
        return found | ({"refine": changed} if changed else {})


@dataclass(frozen=True)
class Preserve:
    """A measurement that an edit must not change, and the largest change that counts as none, if the spec says it."""

    measurement: Measurement
    tolerance: float | None = None


@dataclass(frozen=True)
class Spec:
    """What to sample, with every default filled in.

    Args:
        name: Names the run's folder.
        model: The latent model.
        entries: Constraints and groups, each with a label of its own.
        engine: Turns the constraints into latents.
        realism: Weight of the realism term, 0 or more.
        base: What tries begin from, `prior` or `data`; empty where a spec does not say it.
        sample: How many outputs, and how long to try.
        fit: How critics are fitted.
        renderers: What writes the outputs.
        keep: What an edit must not change; sampling ignores it.
        view: What says which outputs are the same; None without one for this type of output.
        source: The file it was read from; two specs may be equal whatever their files.
        resolved: What `to_yaml` was given by the run that wrote the file.
        given: Which keys of `engine.params` (under `engine`) and of `sample` are said by the file or the command line;
            all others are defaults.
    """

    name: str
    model: Selected
    entries: tuple[Entry, ...]
    engine: Selected
    realism: float = 0.0
    base: str = ""
    sample: SampleSettings = field(default_factory=SampleSettings)
    fit: FitSettings = field(default_factory=FitSettings)
    renderers: tuple[Selected, ...] = ()
    keep: tuple[Preserve, ...] = ()
    view: Registered | None = field(default=None, compare=False)
    source: Path | None = field(default=None, compare=False)
    resolved: Mapping[str, Any] = field(default_factory=dict, compare=False)
    given: Mapping[str, tuple[str, ...]] = field(default_factory=dict, compare=False)

    @property
    def output_type(self) -> str:
        """The type of the model's outputs, such as `melody.tokens/1`."""
        return self.model.plugin.output(self.model.params)

    def to_yaml(self, **extra: Any) -> str:
        """Return the spec as YAML with every default written out; loading it gives an equal spec.

        Args:
            **extra: What a run settled beside the spec, such as its block size; kept under `resolved`.
        """
        tree: dict[str, Any] = {
            "lc": 1,
            "name": self.name,
            "model": _component(self.model),
            "realism": self.realism,
            **({"base": self.base} if self.base else {}),
            "constraints": [_entry(one, top=True) for one in self.entries],
            "engine": _component(self.engine),
            "sample": _without_none(asdict(self.sample)),
            "fit": _without_none(self.fit.as_dict()),
            "render": [_component(one) for one in self.renderers],
        }
        if self.keep:
            tree["keep"] = [_kept(one) for one in self.keep]
        if extra:
            tree["resolved"] = plain(extra)
        return yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def yaml_text(tree: Mapping[str, Any]) -> str:
    """Return a spec that is given as plain data as YAML, as short as it was given; short lists stand on one line."""
    return str(yaml.dump(plain(tree), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110))


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


class _Dumper(yaml.SafeDumper):
    """Quotes text that YAML 1.1 or 1.2 would read as a number, and writes no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    # Only double quotes have escapes, and line separators such as U+0085 are lost without them.
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"')


_Dumper.add_representer(str, _text)
_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", FLOAT, list("-+.0123456789"))
_Dumper.add_implicit_resolver("tag:yaml.org,2002:int", INTEGER, list("-+0123456789"))


def _component(one: Selected) -> dict[str, Any]:
    return {"use": one.use, "params": _params(one.params)}


def _entry(entry: Entry, *, top: bool = False) -> dict[str, Any]:
    if isinstance(entry, Constraint):
        found = {"use": entry.measurement.name, "params": _params(entry.measurement.params), **entry.want.as_dict()}
        if entry.free:
            found["free"] = _params(entry.free.as_dict())
        if entry.guide != "critic":
            found["guide"] = entry.guide
    else:
        inside = [_entry(one) for one in entry.entries]
        found = {entry.kind: inside[0] if entry.kind == "not" else inside}
    return found | {"label": entry.label} | ({"weight": entry.weight, "require": entry.require} if top else {})


def _kept(one: Preserve) -> dict[str, Any]:
    found = {"use": one.measurement.name, "params": _params(one.measurement.params)}
    return found if one.tolerance is None else found | {"tolerance": one.tolerance}


def _params(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings fit for YAML. An infinity can only be a default, which no spec may say: it is left out."""
    found = {key: plain(value) for key, value in params.items()}
    return {key: value for key, value in found.items() if not (isinstance(value, float) and not math.isfinite(value))}


def plain(value: Any) -> Any:
    """Return settings as YAML and JSON can say them: sets become sorted lists, tuples lists."""
    if isinstance(value, set | frozenset):
        return sorted(map(plain, value), key=repr)
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return to_jsonable_python(value)
