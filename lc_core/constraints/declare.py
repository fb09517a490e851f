"""What a function declares when it is made a measurement."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from lc_core.constraints.settings_code import SettingsCode
from lc_core.constraints.want import WANT_KEYS, Want

if TYPE_CHECKING:
    from lc_core.models.latent_model import LatentModel

__all__ = ["MeasurementInfo", "Needs", "Part", "measurement"]

F = TypeVar("F", bound=Callable[..., Any])


class Needs:
    """What a measurement needs beside its settings, such as a file that one of them names.

    Attributes:
        digest: Hash of what it needs: part of the key under which fitted critics are cached.
    """

    digest: str = ""

    def check_model(self, model: LatentModel) -> None:
        """Raise an `LCError` if outputs of a model cannot be measured with it. Called before anything is fitted."""

    def check_named(self, use: str, params: Mapping[str, Any], output_type: str) -> None:
        """Raise an `LCError` if a spec's model is surely another one than outputs are measured with.

        Called when a spec is read, before any model is loaded; `check_model` sees what only the model itself knows.

        Args:
            use: The model's name in the spec.
            params: Its settings, with defaults.
            output_type: What it makes.
        """

    def about(self) -> str | None:
        """Return a line for `lc show` and `lc fit` on how far the measurement can be trusted, or None."""
        return None


@dataclass(frozen=True)
class Part:
    """A setting that lets a measurement see a part of each output only, such as some bars of a melody.

    The function knows nothing of it: it is given the part as if that were the output. A spec that leaves the setting
    out measures whole outputs. A sampler that was trained for a measurement knows it of whole outputs.

    Args:
        name: The setting's name; the function has no setting of this name.
        kind: The type of its values.
        cut: Given a batch of outputs, first dimension B, and a value, returns the parts, first dimension B. Raises
            `LCError` if outputs have no such part.
        about: What it says, in a sentence or two with an example of a value, for `lc plugins NAME` and documents.
    """

    name: str
    kind: Any
    cut: Callable[[Any, Any], Any]
    about: str


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
    code: SettingsCode | Callable[[tuple[int, ...]], SettingsCode] | None = None
    part: Part | None = None
    words: Callable[[Any], Sequence[str]] | None = None


# Long by its docstring: one line for each argument.
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
    code: SettingsCode | Callable[[tuple[int, ...]], SettingsCode] | None = None,
    part: Part | None = None,
    words: Callable[[Any], Sequence[str]] | None = None,
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
        differentiable: For `guide: decoder`, and to bring edits nearer: a function with the same parameters that takes
            a torch tensor of outputs and returns the same values as a tensor `(B,)` that a gradient comes back through;
            True if the function itself does so when it is given a tensor.
        workers: For a slow function: large batches are measured in up to so many processes, at most one for each of
            the machine's processors.
        code: How a sampler is told the settings; by default, as their types say (`lc_core.SettingsCode`). It may be a
            function of the shape of one output, `()` where that is not known, that returns the code.
        part: A further setting, by which a spec asks for a part of each output only (`lc_core.Part`).
        words: For `lc score`: a function of a batch of outputs that returns a few words for each, such as the key that
            was found, which stand beside the value; empty where there is nothing to say.
        **want: The want that a spec may leave out: `at_least=1.0`, `at_most=`, `between=`, or `target=` and
            `tolerance=`.

    Example:
        >>> import numpy as np
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
        code=code,
        part=part,
        words=words,
    )

    def declare(function: F) -> F:
        function.__lc_measurement__ = info  # type: ignore[attr-defined]
        return function

    return declare
