"""What a figure of the suite is, and how two things are measured in turn."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = [
    "Clock",
    "Exponent",
    "Figure",
    "Ratio",
    "Sizes",
    "exponent",
    "in_turn",
    "quartiles_of",
    "ratio",
    "short",
    "spent",
]

Run = Callable[[int], object]


@dataclass(frozen=True)
class Sizes:
    """How large the things are that a figure measures.

    Attributes:
        rounds: Times that each of two things is measured.
        limit: Seconds after which a figure begins no new round.
        latents: Latents of the ratios to a decode, a loop and a product.
        large: Latents of the second bare loop.
        steps: Steps of a bare loop with `latents`.
        compositions: Compositions of each rarity.
        decades: The rarities: k where 1 prior sample in 10 to the power of k satisfies; rising.
        tenfold: Decodes of a black-box search for each decode of the sampler.
        counts: Outputs in the growth with their number.
        dimensions: Values of a latent in the growth with them.
        constraints: Constraints in the growth with them.
        banks: Samples in the growth with the bank.
        pairs: Times that one process and two are timed.
        many: Outputs of a run by one process and by two.
        engine: Engine of the growth with the number of outputs.
        alike: Outputs of each way that are compared with exact ones.
        fit_rounds: Rounds of refinement of the actor; 1 means the quickest fit there is, which learns nothing.
    """

    rounds: int = 5
    limit: float = 240.0
    latents: int = 4_096
    large: int = 65_536
    steps: int = 20
    compositions: int = 5
    decades: tuple[int, ...] = (2, 3, 4)
    tenfold: int = 10
    counts: tuple[int, ...] = (1_000, 10_000, 100_000)
    dimensions: tuple[int, ...] = (16, 64, 256, 1_024)
    constraints: tuple[int, ...] = (1, 2, 4, 8, 16)
    banks: tuple[int, ...] = (4_096, 16_384, 65_536)
    pairs: int = 5
    many: int = 4_000
    engine: str = "rejection"
    alike: int = 300
    fit_rounds: int = 9


class Clock:
    """Tells whether a figure's time is over.

    Args:
        limit: Seconds that it has.
        now: Returns the seconds so far: of a watch, or of a processor (`spent`).
    """

    def __init__(self, limit: float, now: Callable[[], float] = time.monotonic) -> None:
        self._now, self._began, self.limit = now, now(), limit

    @property
    def seconds(self) -> float:
        """Seconds so far."""
        return self._now() - self._began

    @property
    def over(self) -> bool:
        """Whether they are over."""
        return self.seconds >= self.limit


@dataclass(frozen=True)
class Ratio:
    """How many times as fast one thing is as another, over rounds.

    Attributes:
        what: The thing.
        against: The other.
        middle: The median.
        low: The lower quartile.
        high: The upper quartile.
        rounds: How many rounds; fewer than were wanted where the time was over.
        bar: What it should reach at least; None where nothing is wanted of it.
        seconds: Median seconds of the two.
    """

    what: str
    against: str
    middle: float
    low: float
    high: float
    rounds: int
    bar: float | None = None
    seconds: tuple[float, float] | None = None

    @property
    def reached(self) -> bool | None:
        """Whether it reaches its bar; None without one."""
        return None if self.bar is None else self.middle >= self.bar


@dataclass(frozen=True)
class Exponent:
    """How a cost grows: as the size to the power of `exponent`.

    Attributes:
        what: The cost.
        size: What grows.
        points: Size and median cost of each point.
        exponent: By least squares on the logarithms of the larger half.
        low: The lower quartile of the exponents of single rounds.
        high: The upper quartile.
        rounds: How many rounds.
    """

    what: str
    size: str
    points: tuple[tuple[float, float], ...]
    exponent: float
    low: float
    high: float
    rounds: int


@dataclass
class Figure:
    """A figure, or several that are measured together.

    Attributes:
        title: A line.
        about: What is measured, in a sentence or two.
        ratios: Its ratios.
        exponents: Its growths.
        tables: Further tables: a head and rows.
        notes: What a reader has to know.
        details: Everything else, as plain data, for the JSON.
        seconds: What it took.
    """

    title: str
    about: str
    ratios: list[Ratio] = field(default_factory=list)
    exponents: list[Exponent] = field(default_factory=list)
    tables: list[tuple[Sequence[str], list[Sequence[Any]]]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0


def spent() -> float:
    """Return the seconds of a processor that this process and those that it waited for have had.

    On a quiet machine they are the seconds of a watch, as all is done on one thread. On a busy one they say more.
    """
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def in_turn(
    runs: Mapping[str, Run], rounds: int, clock: Clock, *, warm: bool = False, now: Callable[[], float] = spent
) -> dict[str, list[float]]:
    """Time some things in turn, in each round in the opposite order; a first round warms up and is not counted.

    Args:
        runs: The things, by name; each is given the number of the round.
        rounds: How many rounds.
        clock: After its time no new round begins; one round is counted in any case.
        warm: Whether all is warm already, so that the first round is left out.
        now: Returns the seconds so far.

    Returns:
        The seconds of each round, by name.
    """
    found: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(1 if warm else 0, rounds + 1):
        if number > 1 and clock.over:
            break
        for name in list(runs)[:: -1 if number % 2 else 1]:
            began = now()
            runs[name](number)
            if number:
                found[name].append(now() - began)
    return found


def ratio(
    what: str, ours: Run, against: str, theirs: Run, sizes: Sizes, clock: Clock, *, bar: float | None = None
) -> Ratio:
    """Return how many times as fast the first is as the second."""
    seconds = in_turn({what: ours, against: theirs}, sizes.rounds, clock)
    first, second = np.array(seconds[what]), np.array(seconds[against])
    middle, low, high = quartiles_of(second / first)
    both = (float(np.median(first)), float(np.median(second)))
    return Ratio(what, against, middle, low, high, len(first), bar, both)


def quartiles_of(values: Sequence[float] | np.ndarray) -> tuple[float, float, float]:
    """Return the median and the quartiles."""
    middle, low, high = np.quantile(np.asarray(values, dtype=float), [0.5, 0.25, 0.75])
    return float(middle), float(low), float(high)


def exponent(what: str, size: str, costs: Mapping[int, Sequence[float]]) -> Exponent:
    """Return how a cost grows.

    Args:
        what: The cost.
        size: What grows.
        costs: Seconds of each round, equally many, by size; at least two sizes, rising.
    """
    sizes, seconds = np.array(list(costs), dtype=float), np.array(list(costs.values()))
    first = min(len(sizes) // 2, len(sizes) - 2)

    def slopes(of: np.ndarray) -> np.ndarray:
        found: np.ndarray = np.polyfit(np.log(sizes[first:]), np.log(of[first:]), 1)[0]
        return found

    middle = np.median(seconds, axis=1)
    _, low, high = quartiles_of(slopes(seconds))
    points = tuple(zip(sizes.tolist(), middle.tolist(), strict=True))
    return Exponent(what, size, points, float(slopes(middle)), low, high, seconds.shape[1])


def short(value: Any) -> str:
    """Return a number with three digits that count, or a text as it is."""
    if not isinstance(value, float):
        return f"{value:,}" if isinstance(value, int) else str(value)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
