"""Measuring: a declared function is called with its settings, and what it returns is checked."""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from lc_core.common.guard import CALL_SECONDS, blaming, limited
from lc_core.constraints.declare import MeasurementInfo, Needs
from lc_core.constraints.workers import measure_in_workers
from lc_core.errors import LCError, PluginFault

__all__ = ["Measurement", "measure_all"]

BLAMED_SECONDS = 5.0
"""Seconds in which the output is looked for that a function raises on."""


@dataclass(frozen=True)
class Measurement:
    """A declared function with its settings filled in: outputs to one float64 each.

    Args:
        function: The function; one without a declaration is taken as measuring any output, without bounds.
        params: Settings given to it by keyword.
        name: The name it is known by in errors and reports, such as `melody.in_scale`.
        source: The distribution it comes from, named in errors.
    """

    function: Callable[..., Any]
    params: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", getattr(self.function, "__name__", type(self.function).__name__))

    def settings(self) -> dict[str, Any]:
        """Return the settings that it is called with: the function's own with defaults, and that of a part if given."""
        given = list(inspect.signature(self.function).parameters.values())[1:]
        part = {} if self.part is None or self.info.part is None else {self.info.part.name: self.part}
        return {one.name: one.default for one in given if one.default is not one.empty} | self.own_params | part

    @property
    def part(self) -> Any:
        """What of each output it sees, as its setting of `Part` says; None for all of it."""
        return None if self.info.part is None else self.params.get(self.info.part.name)

    @property
    def own_params(self) -> dict[str, Any]:
        """The parameters that the function itself takes."""
        name = self.info.part.name if self.info.part else None
        return {key: value for key, value in self.params.items() if key != name}

    def seen(self, outputs: Any) -> Any:
        """Return what of outputs it sees, first dimension B.

        Raises:
            LCError: If they have no such part.
        """
        return outputs if self.part is None or self.info.part is None else self.info.part.cut(outputs, self.part)

    @property
    def who(self) -> str:
        """Its name in errors, with the distribution it comes from."""
        return f"{self.name} (from {self.source})" if self.source else self.name

    @property
    def info(self) -> MeasurementInfo:
        """What the function declares."""
        default = MeasurementInfo(accepts=("*",), unit="", range=(-math.inf, math.inf))
        declared = getattr(self.function, "__lc_measurement__", default)
        assert isinstance(declared, MeasurementInfo)
        return declared

    def needs(self) -> Needs | None:
        """Return what it needs beside its settings, or None.

        Raises:
            LCError: If that is not to be had, or the settings make no sense together.
        """
        with blaming(f"measurement {self.name}"):
            return self.info.needs(**replace(self, params=self.own_params).settings()) if self.info.needs else None

    def accepts(self, output_type: str) -> bool:
        """Return whether outputs of this type can be measured."""
        return "*" in self.info.accepts or output_type in self.info.accepts

    def words(self, outputs: Any) -> list[str]:
        """Return what it says of each output in a few words; empty where it says nothing.

        Raises:
            LCError: If the function that says it raises, or returns something else than a text for each output.
        """
        if self.info.words is None:
            return [""] * len(outputs)
        with blaming(f"the words of {self.who}"):
            found = list(self.info.words(self.seen(outputs)))
        if len(found) != len(outputs) or not all(isinstance(one, str) for one in found):
            raise PluginFault(f"the words of {self.who} are {found!r}; expected a text for each output")
        return found

    def __call__(self, outputs: Any, *, first_index: int = 0) -> np.ndarray:
        """Measure a batch of outputs.

        Args:
            outputs: Decoded outputs, first dimension B.
            first_index: Index of the first output, for error messages.

        Returns:
            Values `(B,)` float64.

        Raises:
            PluginFault: If the function raises, changes its input, or returns another shape, an infinity, or an
                undeclared NaN.
        """
        if self.info.workers > 1 and len(outputs) > 1 and isinstance(outputs, np.ndarray):
            return self.measure_in_workers(outputs, first_index=first_index)
        return self.measure_here(outputs, first_index=first_index)

    def measure_in_workers(self, outputs: np.ndarray, *, first_index: int = 0) -> np.ndarray:
        """Measure a batch in worker processes, `(B,)` float64, whatever is declared; see `__call__`."""
        who = f"measurement {self.who}"
        return measure_in_workers(self.measure_here, outputs, first_index, who=who, workers=self.info.workers)

    def measure_here(self, outputs: Any, *, first_index: int = 0) -> np.ndarray:
        """Measure a batch in this process, `(B,)` float64, whatever is declared; see `__call__`."""
        return self._checked(self._measure, outputs, first_index, (len(outputs),))

    def measure_together(self, others: Sequence[Measurement], outputs: Any, *, first_index: int = 0) -> np.ndarray:
        """Measure a batch under the settings of S measurements of this one's function and part, `(B, S)` float64."""
        together = self.info.together
        assert together is not None
        settings = [replace(one, params=one.own_params).settings() for one in others]
        return self._checked(
            lambda given: together(self.seen(given), settings), outputs, first_index, (len(outputs), len(settings))
        )

    def _measure(self, given: Any) -> Any:
        given, params = self.seen(given), self.own_params
        if self.info.per_sample:
            return [self.function(one, **params) for one in given]
        return self.function(given, **params)

    def _checked(
        self, measure: Callable[[Any], Any], outputs: Any, first_index: int, shape: tuple[int, ...]
    ) -> np.ndarray:
        who = self.who
        given = outputs.copy() if isinstance(outputs, np.ndarray) else outputs
        try:
            with limited(f"measurement {who}", CALL_SECONDS):
                raw = measure(given)
        except LCError:
            raise
        except (Exception, SystemExit) as error:
            raise PluginFault(
                f"measurement {who} raised {type(error).__name__}: {error}",
                hint=f"{self._blame(outputs, first_index)} being measured",
            ) from error
        if isinstance(given, np.ndarray) and not np.array_equal(given, outputs, equal_nan=given.dtype.kind == "f"):
            rows = zip(given, outputs, strict=True)
            same = [np.array_equal(now, before, equal_nan=given.dtype.kind == "f") for now, before in rows]
            changed = first_index + same.index(False)
            raise PluginFault(f"measurement {who} changed its input (output {changed}); it must leave it as it is")
        values = self._as_float64(raw, who)
        if values.shape != shape:
            raise PluginFault(
                f"measurement {who} returned shape {values.shape} for outputs {first_index} to "
                f"{first_index + len(outputs) - 1}; expected {shape}"
            )
        bad = np.isinf(values) if self.info.undefined else ~np.isfinite(values)
        if bad.any():
            at = tuple(np.argwhere(bad)[0])
            hint = None
            if np.isnan(values[at]):
                hint = 'where the value does not exist, declare it: @measurement(..., undefined="no notes")'
            raise PluginFault(f"measurement {who} returned {values[at]} for output {first_index + at[0]}", hint=hint)
        return values

    def _blame(self, outputs: Any, first_index: int) -> str:
        """Say which output the function raises on, alone; all of them if it takes each one alone, or is slow."""
        until = time.monotonic() + BLAMED_SECONDS
        for at in range(len(outputs)):
            if time.monotonic() > until:
                break
            one = outputs[at : at + 1]
            one = one.copy() if isinstance(one, np.ndarray) else one
            try:
                self._measure(one)
            except (Exception, SystemExit):
                return f"output {first_index + at} was"
        return f"outputs {first_index} to {first_index + len(outputs) - 1} were"

    @staticmethod
    def _as_float64(raw: Any, who: str) -> np.ndarray:
        if hasattr(raw, "detach"):
            raw = raw.detach().cpu().numpy()
        try:
            found = np.asarray(raw)
            if found.dtype.kind == "c":
                raise PluginFault(
                    f"measurement {who} returned {found.dtype}, not one number per output",
                    hint="a complex number has no order: return its real part (.real) or its size (abs)",
                )
            return found.astype(np.float64, copy=False)
        except (TypeError, ValueError) as error:
            raise PluginFault(f"measurement {who} returned {type(raw).__name__}, not one number per output") from error


def measure_all(measurements: Sequence[Measurement], outputs: Any, *, first_index: int = 0) -> list[np.ndarray]:
    """Measure a batch of outputs by several measurements, `(B,)` float64 each; errors are those of a measurement.

    Settings of one function that declares `together` are measured in one call of that, of one part of the outputs.
    """
    alike: dict[object, list[int]] = {}
    for number, one in enumerate(measurements):
        alike.setdefault((id(one.function), repr(one.part)) if one.info.together else number, []).append(number)
    found: list[np.ndarray] = [np.zeros(0)] * len(measurements)
    for numbers in alike.values():
        some = [measurements[number] for number in numbers]
        if len(some) == 1:
            columns = some[0](outputs, first_index=first_index)[:, None]
        else:
            columns = some[0].measure_together(some, outputs, first_index=first_index)
        for number, column in zip(numbers, columns.T, strict=True):
            found[number] = column
    return found
