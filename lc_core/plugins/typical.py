"""What values of a measurement are typical of a model: measured once by a command, kept in a file beside the plugin.

A constraint is registered with `typical=` and the path of a JSON file, and `lc plugins NAME`, `lc schema` and the
reference pages show what the file says of it. Nothing here imports torch.

The file is `{"rules": {NAME: [ROW, ...]}}`. A row holds `model`, `digest` (of the model), `samples`, `seed`, `params`
(the settings), `quantiles` (`{"1": ..., "25": ..., "50": ..., "75": ..., "99": ...}`, empty if no sample has a value),
`undefined` and `meets_default` (counts of samples; `meets_default` is null without a default), and it may hold
`histogram`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lc_core.common.json_text import parsed_json
from lc_core.common.pointers import read_bytes
from lc_core.common.words import counted
from lc_core.errors import LCError
from lc_core.plugins.registry import Registered

__all__ = ["Histogram", "Typical", "read_typical", "typical_lines", "unmet_note"]

Count = Annotated[int, Field(ge=0)]


class Histogram(BaseModel):
    """How many samples have a value in each of equal steps from `low` to `high`."""

    model_config = ConfigDict(extra="forbid")

    low: float
    high: float
    counts: list[Count]


class Typical(BaseModel):
    """Values of one measurement, under some settings, on prior samples of one model."""

    model_config = ConfigDict(extra="forbid")

    model: str
    digest: str
    samples: Annotated[int, Field(ge=1)]
    seed: int
    params: dict[str, object] = {}
    quantiles: dict[str, float]
    undefined: Count
    meets_default: Count | None
    histogram: Histogram | None = None

    @property
    def settings_text(self) -> str:
        """The settings as words: `tonic C, mode major`."""
        return ", ".join(f"{key} {_plain(value)}" for key, value in self.params.items())

    @property
    def values_text(self) -> str:
        """The quantiles in words."""
        if not self.quantiles:
            return "no sample has a value"
        one, low, middle, high, most = (number(self.quantiles[key]) for key in ("1", "25", "50", "75", "99"))
        return f"median {middle}, half of all from {low} to {high}, 98 % from {one} to {most}"

    def text(self) -> str:
        """Return one line in plain words."""
        parts = [self.values_text]
        if self.undefined and self.quantiles:
            parts.append(f"undefined for {percent(self.undefined, self.samples)}")
        if self.meets_default is not None:
            parts.append(self.default_text)
        settings = f" with {self.settings_text}" if self.params else ""
        return f"typical on {self.model}{settings}: {'; '.join(parts)}"

    @property
    def default_text(self) -> str:
        """How many samples meet the default, in words."""
        if not self.meets_default:
            return f"none of {counted(self.samples, 'sample')} meets the default"
        return f"{percent(self.meets_default, self.samples)} meet the default"


def read_typical(component: Registered) -> list[Typical]:
    """Return what is known of a measurement's values, by model and settings; empty if it declares nothing.

    Raises:
        LCError: If the file that it was registered with cannot be read, or is none of this kind.
    """
    given = component.about.get("typical")
    if given is None:
        return []
    try:
        rows = parsed_json(read_bytes(Path(given)))["rules"].get(component.name, [])
        return [Typical.model_validate(one) for one in rows]
    except (LCError, OSError, ValueError, KeyError, TypeError, AttributeError, ValidationError) as error:
        kind = "" if isinstance(error, LCError) else f"{type(error).__name__}: "
        reason = kind + str(error).splitlines()[0]
        raise LCError(
            f"{component.name} of {component.distribution}: typical values cannot be read from {given}: {reason}",
            hint="its author makes the file again, or leaves out typical=",
        ) from error


def typical_lines(component: Registered) -> list[str]:
    """Return the typical values in words, one line each; what is wrong with their file, if that cannot be read."""
    try:
        return [one.text() for one in read_typical(component)]
    except LCError as error:
        return [error.message]


def unmet_note(component: Registered) -> str:
    """Return a note for lists if no sample that was measured meets the default, else nothing."""
    try:
        rows = [one for one in read_typical(component) if one.meets_default is not None]
    except LCError:
        return ""
    if not rows or any(one.meets_default for one in rows):
        return ""
    return f"{rows[0].default_text.replace('samples', f'samples of {rows[0].model}')}"


def number(value: float) -> str:
    """Return a value as it is read best: three digits."""
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def percent(part: int, whole: int) -> str:
    """Return a share; a small one is not rounded to nothing, nor a large one to all."""
    share = 100 * part / whole
    if 0 < share < 0.01:
        return "less than 0.01 %"
    if 99.9 < share < 100:
        return "more than 99.9 %"
    return f"{share:.2g} %" if share < 10 else f"{share:.3g} %"


def _plain(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(one)}" for key, one in value.items())
    return " ".join(map(_plain, value)) if isinstance(value, (list, tuple)) else f"{value}"
