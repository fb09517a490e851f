"""How a sampler is told settings: by the types of parameters, or as a measurement declares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import pytest
from pydantic import Field

from lc_core import SettingsCode, measurement
from lc_core.constraints.settings_code import code_of

if TYPE_CHECKING:
    from nowhere import Missing


def choices(outputs: Any, *, mode: Literal["major", "minor"] = "major", loud: bool = False) -> Any:
    """Two choices."""


def numbers(
    outputs: Any,
    *,
    few: Annotated[int, Field(ge=2, le=4)],
    many: Annotated[int, Field(ge=0, le=1000)],
    share: Annotated[float, Field(ge=-1, le=1)],
    inner: Annotated[int, Field(gt=0, lt=4)],
) -> Any:
    """Numbers with bounds."""


def nothing(outputs: Any) -> Any:
    """No settings."""


def test_a_code_may_depend_on_the_shape_of_outputs() -> None:
    def sized(shape: tuple[int, ...]) -> SettingsCode:
        return SettingsCode(shape[0] if shape else 2, lambda settings: [], lambda rng: {})

    @measurement(accepts="toy/1", unit="", range=(0, 1), code=sized, at_least=1)
    def some(outputs: Any, *, names: tuple[str, ...] = ()) -> Any:
        """Names, one for each place."""

    found = [code_of(some), code_of(some, (5, 3))]
    assert [one.size for one in found if one] == [2, 5]


def test_choices_are_told_by_one_number_each() -> None:
    code = code_of(choices)
    assert code is not None and code.size == 4
    assert list(code.encode({"mode": "minor", "loud": False})) == [0, 1, 1, 0]


def test_numbers_are_told_by_choices_or_by_their_place_between_bounds() -> None:
    code = code_of(numbers)
    assert code is not None and code.size == 3 + 1 + 1 + 3
    assert list(code.encode({"few": 3, "many": 250, "share": 0.0, "inner": 1})) == [0, 1, 0, 0.25, 0.5, 1, 0, 0]


@pytest.mark.parametrize("function", [choices, numbers, nothing])
def test_settings_that_are_drawn_are_within_their_types(function: Any) -> None:
    code = code_of(function)
    assert code is not None
    rng = np.random.default_rng(0)
    drawn = [code.draw(rng) for _ in range(60)]
    codes = np.array([code.encode(one) for one in drawn])
    assert codes.shape == (60, code.size)
    assert ((codes >= 0) & (codes <= 1)).all()
    if function is numbers:
        assert {one["inner"] for one in drawn} == {1, 2, 3}
        assert {type(one["many"]) for one in drawn} == {int}


def text(outputs: Any, *, words: str = "") -> Any:
    """Return nothing."""


def half(outputs: Any, *, low: Annotated[float, Field(ge=0)] = 0.0) -> Any:
    """A number with one bound."""


def untyped(outputs: Any, *, what=None) -> Any:  # type: ignore[no-untyped-def]
    """A setting without a type."""


def unresolved(outputs: Any, *, what: Missing | None = None) -> Any:
    """A type that is no name when the program runs."""


@pytest.mark.parametrize("function", [text, half, untyped, unresolved])
def test_settings_that_cannot_be_drawn_have_no_code(function: Any) -> None:
    assert code_of(function) is None


def test_a_declared_code_goes_before_types() -> None:
    own = SettingsCode(1, lambda settings: [len(settings["words"])], lambda rng: {"words": "a"})
    declared = measurement(accepts="*", unit="", range=(0, 1), code=own)(text)
    assert code_of(declared) is own
    assert list(own.encode({"words": "abc"})) == [3]
