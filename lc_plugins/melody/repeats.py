"""Plays the bars of an ABC tune: repeats and numbered endings.

The rules are those of the ABC standard 2.1, sections 4.8 to 4.10. A repeat goes back to the sign that opened it. Where
there is none, it goes back to the last double bar line, to the end of the last repeat, or to the start of the tune.
The standard has no sign for the end of a second ending: it is taken to be as long as the first one, or shorter if a
sign stands there. What a text such as "D.C." or the order of parts in a `P:` field asks for is not played.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from lc_plugins.melody.abc_bars import Bar

__all__ = ["PlayedBar", "played"]


@dataclass(frozen=True)
class PlayedBar:
    """A bar as it is played.

    Attributes:
        bar: The bar as it is written.
        starts: A section starts with it: it is the tune's first bar, a sign of a repeat, an ending or a double bar
            line stands before it, or another bar was played before it than is written there.
    """

    bar: Bar
    starts: bool


@dataclass
class _Section:
    """Numbers of bars that are played together: a body, and endings of which each time takes one."""

    body: list[int] = field(default_factory=list)
    endings: list[tuple[tuple[int, ...], list[int]]] = field(default_factory=list)
    times: int = 1

    def play(self) -> Iterator[int]:
        """Yield its bars in the order in which they are played."""
        for time in range(1, max([self.times, *(max(numbers) for numbers, _ in self.endings)]) + 1):
            yield from self.body
            for numbers, bars in self.endings:
                if time in numbers:
                    yield from bars

    def ends(self, bars: Sequence[Bar], index: int) -> bool:
        """Return whether it ends after the bar at `index`, the last one that was put into it."""
        bar, after = bars[index], bars[index + 1] if index + 1 < len(bars) else None
        if after is not None and after.ending and (self.endings or after.ending[0] == 1 or bar.plays):
            return False
        if bar.plays or after is not None and after.opens:
            return True
        if len(self.endings) > 1:
            return bar.double or len(self.endings[-1][1]) >= len(self.endings[0][1])
        return bar.double and not self.endings and not bars[self.body[0]].opens


def played(bars: Sequence[Bar]) -> list[PlayedBar]:
    r"""Return bars in the order in which they are played, repeats and endings written out.

    Example:
        >>> from lc_plugins.melody.abc import parse_tunes
        >>> (tune,) = parse_tunes("X:1\nK:C\nC8|1D8:|2E8||F8|G8:|")
        >>> [one.bar.notes[0].pitch for one in played(tune.bars)]
        [60, 62, 60, 64, 65, 67, 65, 67]
    """
    found: list[PlayedBar] = []
    before = -1
    for index in (index for section in _sections(bars) for index in section.play()):
        bar = bars[index]
        sign = index == 0 or bar.opens or bool(bar.ending) or bars[index - 1].double or bars[index - 1].plays > 0
        found.append(PlayedBar(bar, sign or before != index - 1))
        before = index
    return found


def _sections(bars: Sequence[Bar]) -> Iterator[_Section]:
    section = _Section()
    for index, bar in enumerate(bars):
        if bar.ending:
            section.endings.append((bar.ending, []))
        (section.endings[-1][1] if section.endings else section.body).append(index)
        section.times = max(section.times, bar.plays)
        if section.ends(bars, index):
            yield section
            section = _Section()
    yield section
