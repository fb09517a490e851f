"""Measurements, functions of decoded outputs that may be plain numpy, and what is wanted of them.

Nothing here imports torch.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from lc_core.errors import LCError, blaming
from lc_core.limits import CALL_SECONDS, limited

if TYPE_CHECKING:
    from lc_core.latent_model import LatentModel

__all__ = [
    "SLACK",
    "WANT_KEYS",
    "Measurement",
    "MeasurementInfo",
    "Needs",
    "PluginFault",
    "Want",
    "measure_all",
    "measurement",
]

SLACK = 1e-9
"""Bounds are inclusive, with this much slack for rounding."""

F = TypeVar("F", bound=Callable[..., Any])


class PluginFault(LCError):
    """A plugin's function raised, or returned what its declaration rules out."""


@dataclass(frozen=True)
class Want:
    """The interval `[low, high]` that a measurement is wanted in, and how the user said it.

    Exactly one of `at_least`, `at_most`, `between`, or `target` with `tolerance` is given.
    """

    at_least: float | None = None
    at_most: float | None = None
    between: tuple[float, float] | None = None
    target: float | None = None
    tolerance: float | None = None

    def __post_init__(self) -> None:
        given = [key for key in ("at_least", "at_most", "between", "target") if getattr(self, key) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise LCError(f"expected one of at_least, at_most, between, target with tolerance; found {found}")
        if (self.target is None) != (self.tolerance is None):
            raise LCError("target and tolerance belong together; found only one of them")
        numbers = [self.at_least, self.at_most, *(self.between or ()), self.target, self.tolerance]
        if any(number is not None and not math.isfinite(number) for number in numbers):
            raise LCError(f"a wanted value must be a finite number; found {self.as_dict()}")
        if self.between is not None and (len(self.between) != 2 or self.between[0] > self.between[1]):
            raise LCError(f"between needs [low, high] with low <= high; found {list(self.between)}")
        if self.tolerance is not None and self.tolerance < 0:
            raise LCError(f"tolerance must be 0 or more; found {self.tolerance}")
        if self.between is not None:
            object.__setattr__(self, "between", tuple(self.between))  # a list is no key of a dictionary

    @property
    def low(self) -> float:
        """The lowest value that satisfies, or -inf."""
        if self.between is not None:
            return self.between[0]
        if self.target is not None and self.tolerance is not None:
            return self.target - self.tolerance
        return -math.inf if self.at_least is None else self.at_least

    @property
    def high(self) -> float:
        """The highest value that satisfies, or inf."""
        if self.between is not None:
            return self.between[1]
        if self.target is not None and self.tolerance is not None:
            return self.target + self.tolerance
        return math.inf if self.at_most is None else self.at_most

    def met(self, values: np.ndarray) -> np.ndarray:
        """Return which values `(B,)` lie inside; NaN does not."""
        inside: np.ndarray = (values >= self.low - SLACK) & (values <= self.high + SLACK)
        return inside

    def as_dict(self) -> dict[str, Any]:
        """Return what was given, as it stands in a spec."""
        items = {key: getattr(self, key) for key in ("at_least", "at_most", "between", "target", "tolerance")}
        return {key: list(v) if isinstance(v, tuple) else v for key, v in items.items() if v is not None}

    def __str__(self) -> str:
        return ", ".join(f"{key} {value}" for key, value in self.as_dict().items())


WANT_KEYS = ("at_least", "at_most", "between", "target", "tolerance")


class Needs:
    """What a measurement needs beside its settings, such as a file that one of them names.

    Attributes:
        digest: Hash of what it needs: part of the key under which fitted critics are cached.
    """

    digest: str = ""

    def check_model(self, model: LatentModel) -> None:
        """Raise an `LCError` if outputs of a model cannot be measured with it. Called before anything is fitted."""

    def about(self) -> str | None:
        """Return a line for `lc show` and `lc fit` on how far the measurement can be trusted, or None."""
        return None


@dataclass(frozen=True)
class MeasurementInfo:
    """What a measurement declares about itself; see `measurement`."""

    accepts: tuple[str, ...]
    unit: str
    range: tuple[float, float]
    want: Want | None = None
    undefined: str | None = None
    per_sample: bool = False
    together: Callable[[Any, Sequence[Mapping[str, Any]]], Any] | None = None
    involves: Callable[[Mapping[str, Any]], Sequence[Mapping[str, Any]]] | None = None
    needs: Callable[..., Needs] | None = None
    differentiable: bool | Callable[..., Any] = False
    workers: int = 1


def measurement(
    *,
    accepts: str | Sequence[str],
    unit: str,
    range: tuple[float, float],  # noqa: A002
    undefined: str | None = None,
    per_sample: bool = False,
    together: Callable[[Any, Sequence[Mapping[str, Any]]], Any] | None = None,
    involves: Callable[[Mapping[str, Any]], Sequence[Mapping[str, Any]]] | None = None,
    needs: Callable[..., Needs] | None = None,
    differentiable: bool | Callable[..., Any] = False,
    workers: int = 1,
    **want: Any,
) -> Callable[[F], F]:
    """Declare that a function measures decoded outputs. The function itself stays as it is.

    The function's first parameter is a batch of outputs, for example tokens `(B, T)`; the others are its settings:
    keyword parameters with types and defaults, which become the `params` of a spec. It returns one number per
    output, `(B,)`.

    Args:
        accepts: Output types that it can measure, such as `"melody.tokens/1"`; `"*"` for any.
        unit: Unit of the value, such as `"share"` or `"semitones"`.
        range: Lowest and highest possible value; may be infinite.
        undefined: Where the value does not exist, in words ("no notes"). Only then may the function return NaN.
        per_sample: The function takes one output and returns one number.
        together: A quicker way to measure under several settings at once: a function of a batch and a list of S
            settings that returns `(B, S)`, in each column what the function itself returns. For a network that
            answers all of them in one pass.
        involves: Settings of the same measurement that may have to change with one: a function of the settings. An
            edit of the one does not count these as kept or changed.
        needs: For a function that reads a file that a setting names: called with the settings when a spec is read,
            it returns `Needs`, or raises `LCError` if the settings make no sense together. No torch yet.
        differentiable: For `guide: decoder`: a function with the same parameters that takes a torch tensor of outputs
            and returns the same values as a tensor `(B,)` that a gradient comes back through; True if the function
            itself does so when it is given a tensor.
        workers: For a slow function: large batches are measured in up to so many processes, at most one for each of
            the machine's processors.
        **want: The want that a spec may leave out: `at_least=1.0`, `at_most=`, `between=`, or `target=` and
            `tolerance=`.

    Example:
        >>> @measurement(accepts="melody.tokens/1", unit="notes", range=(0, 32), at_least=8)
        ... def onsets(tokens: np.ndarray) -> np.ndarray:
        ...     "Number of notes."
        ...     return (tokens < 128).sum(axis=1)
        >>> onsets(np.array([[60, 128, 62, 128]]))
        array([2])
    """
    unknown = set(want) - set(WANT_KEYS)
    if unknown:
        raise TypeError(f"measurement() got unknown keys {sorted(unknown)}")
    if not isinstance(workers, int) or isinstance(workers, bool) or workers < 1:
        raise TypeError(f"workers should be a whole number, 1 or more; found {workers!r}")
    info = MeasurementInfo(
        accepts=(accepts,) if isinstance(accepts, str) else tuple(accepts),
        unit=unit,
        range=(float(range[0]), float(range[1])),
        want=Want(**want) if want else None,
        undefined=undefined,
        per_sample=per_sample,
        together=together,
        involves=involves,
        needs=needs,
        differentiable=differentiable,
        workers=workers,
    )

    def declare(function: F) -> F:
        function.__lc_measurement__ = info  # type: ignore[attr-defined]
        return function

    return declare


@dataclass(frozen=True)
class Measurement:
    """A declared function with its settings filled in: outputs to one float64 each.

    Args:
        function: The function; one without a declaration is taken as measuring any output, without bounds.
        params: Settings given to it by keyword.
        name: The name it is known by in errors and reports, such as `melody.in_scale`.
        source: The distribution it comes from, told in errors.
    """

    function: Callable[..., Any]
    params: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", getattr(self.function, "__name__", type(self.function).__name__))

    def settings(self) -> dict[str, Any]:
        """Return the settings that it is called with, the function's own defaults included."""
        given = list(inspect.signature(self.function).parameters.values())[1:]
        return {one.name: one.default for one in given if one.default is not one.empty} | dict(self.params)

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
            return self.info.needs(**self.settings()) if self.info.needs else None

    def accepts(self, output_type: str) -> bool:
        """Return whether outputs of this type can be measured."""
        return "*" in self.info.accepts or output_type in self.info.accepts

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
            from lc_core.workers import measure_in_workers

            return measure_in_workers(self, outputs, first_index)
        return self.measure_here(outputs, first_index=first_index)

    def measure_here(self, outputs: Any, *, first_index: int = 0) -> np.ndarray:
        """Measure a batch in this process, `(B,)` float64, whatever is declared; see `__call__`."""
        return self._checked(self._measure, outputs, first_index, (len(outputs),))

    def measure_together(self, others: Sequence[Measurement], outputs: Any, *, first_index: int = 0) -> np.ndarray:
        """Measure a batch under the settings of S measurements by this one's function, `(B, S)` float64."""
        together = self.info.together
        assert together is not None
        settings = [one.settings() for one in others]
        return self._checked(
            lambda given: together(given, settings), outputs, first_index, (len(outputs), len(settings))
        )

    def _measure(self, given: Any) -> Any:
        if self.info.per_sample:
            return [self.function(one, **self.params) for one in given]
        return self.function(given, **self.params)

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
        except Exception as error:
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
        """Say which output the function raises on, alone; all of them if it takes each one alone."""
        for at in range(len(outputs)):
            one = outputs[at : at + 1]
            one = one.copy() if isinstance(one, np.ndarray) else one
            try:
                self.function(one[0] if self.info.per_sample else one, **self.params)
            except Exception:
                return f"output {first_index + at} was"
        return f"outputs {first_index} to {first_index + len(outputs) - 1} were"

    @staticmethod
    def _as_float64(raw: Any, who: str) -> np.ndarray:
        if hasattr(raw, "detach"):
            raw = raw.detach().cpu().numpy()
        try:
            return np.asarray(raw, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise PluginFault(f"measurement {who} returned {type(raw).__name__}, not one number per output") from error


def measure_all(measurements: Sequence[Measurement], outputs: Any, *, first_index: int = 0) -> list[np.ndarray]:
    """Measure a batch of outputs by several measurements, `(B,)` float64 each; errors are those of a measurement.

    Settings of one function that declares `together` are measured in one call of that.
    """
    alike: dict[int, list[int]] = {}
    for number, one in enumerate(measurements):
        alike.setdefault(id(one.function) if one.info.together else -1 - number, []).append(number)
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
