"""Each measurement against its formula once more, written slowly and literally for one melody."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from lc_core.constraints.measurement import Measurement
from lc_plugins.melody import measurements as m
from tests.melody.rules import PARAMS, lengths_of

HOLD, NOTE_OFF = 128, 129
WEIGHTS = [5, 1, 2, 1, 3, 1, 2, 1, 4, 1, 2, 1, 3, 1, 2, 1]
NAN = math.nan


def sound(tokens: list[int]) -> list[tuple[int | None, bool]]:
    """Return for each step the pitch that sounds, or None, and whether a note begins."""
    now: int | None = None
    result = []
    for token in tokens:
        if token < HOLD:
            now = token
        elif token == NOTE_OFF:
            now = None
        result.append((now, token < HOLD))
    return result


def notes(tokens: list[int]) -> list[int]:
    return [token for token in tokens if token < HOLD]


def intervals(tokens: list[int]) -> list[int]:
    pitches = notes(tokens)
    return [after - before for before, after in zip(pitches, pitches[1:], strict=False)]


def share(items: list[bool]) -> float:
    return sum(items) / len(items) if items else NAN


def lowest(tokens: list[int]) -> float:
    return min(notes(tokens), default=NAN)


def highest(tokens: list[int]) -> float:
    return max(notes(tokens), default=NAN)


def span(tokens: list[int]) -> float:
    return highest(tokens) - lowest(tokens)


def contour(tokens: list[int]) -> float:
    return sum(map(abs, intervals(tokens))) if notes(tokens) else NAN


def max_leap(tokens: list[int]) -> float:
    return max(map(abs, intervals(tokens)), default=0) if notes(tokens) else NAN


def arch(tokens: list[int]) -> float:
    pitches = notes(tokens)
    if not pitches:
        return NAN
    moved = contour(tokens)
    return 2 * min(max(pitches) - pitches[0], max(pitches) - pitches[-1]) / moved if moved else 0.0


def stepwise_share(tokens: list[int]) -> float:
    return share([abs(interval) in (1, 2) for interval in intervals(tokens)])


def in_scale(tokens: list[int]) -> float:
    return share([pitch % 12 in (0, 2, 4, 5, 7, 9, 11) for pitch in notes(tokens)])


def starts_on(tokens: list[int]) -> float:
    return float(notes(tokens)[0] % 12 == 0) if notes(tokens) else NAN


def ends_on(tokens: list[int]) -> float:
    return float(notes(tokens)[-1] % 12 == 0) if notes(tokens) else NAN


def pitch_class_entropy(tokens: list[int]) -> float:
    shares = [count / len(notes(tokens)) for count in Counter(pitch % 12 for pitch in notes(tokens)).values()]
    return -sum(s * math.log2(s) for s in shares) if shares else NAN


def chord_fit(tokens: list[int]) -> float:
    chords = [{2, 5, 9, 0}, {7, 11, 2, 5}]  # Dm7, G7
    beats = [(step // 16, pitch) for step, (pitch, _) in enumerate(sound(tokens)) if step % 4 == 0]
    return share([pitch % 12 in chords[bar % 2] for bar, pitch in beats if pitch is not None])


def note_density(tokens: list[int]) -> float:
    return len(notes(tokens)) / len(tokens)


def rest_share(tokens: list[int]) -> float:
    return share([pitch is None for pitch, _ in sound(tokens)])


def rhythm_complexity(tokens: list[int]) -> float:
    weights = [WEIGHTS[step % 16] for step in range(len(tokens))]
    found = [weight for weight, token in zip(weights, tokens, strict=True) if token < HOLD]
    return sum(sorted(weights, reverse=True)[: len(found)]) - sum(found) if found else NAN


def syncopation(tokens: list[int]) -> float:
    total = 0
    for step, token in enumerate(tokens):
        if token < HOLD:
            passed = []
            for later in range(step + 1, len(tokens)):
                if tokens[later] < HOLD:
                    break
                passed.append(WEIGHTS[later % 16])
            total += max(0, max(passed, default=0) - WEIGHTS[step % 16])
    return total if notes(tokens) else NAN


def repeated_bar(tokens: list[int]) -> float:
    sounds = sound(tokens)
    bars = [sounds[start : start + 16] for start in range(0, len(tokens) - 15, 16)]
    return share([bar == before for before, bar in zip(bars, bars[1:], strict=False)])


def halves(tokens: list[int]) -> tuple[list[tuple[int | None, bool]], list[tuple[int | None, bool]]]:
    sounds = sound(tokens)
    return sounds[: len(sounds) // 2], sounds[len(sounds) // 2 :]


def form(tokens: list[int]) -> float:
    first, second = halves(tokens)
    return 0.0 if first == second else 1.0  # AB


def returns(tokens: list[int]) -> float:
    sounds = sound(tokens)
    bars = [sounds[start : start + 16] for start in range(0, len(tokens) - 15, 16)]
    return share([bar in bars[:at] for at, bar in enumerate(bars)][1:])


def overlap(first: list[bool], second: list[bool]) -> float:
    pairs = [pair for pair in zip(first, second, strict=True) if any(pair)]
    return share([all(pair) for pair in pairs])


def call_and_response(tokens: list[int]) -> float:
    half = len(tokens) // 2
    call, response = tokens[:half], tokens[half:]
    found = overlap([token < HOLD for token in call], [token < HOLD for token in response])
    same_end = notes(call) and notes(response) and notes(call)[-1] == notes(response)[-1]
    return 0.0 if same_end else found


def cadence(tokens: list[int]) -> float:
    heard = [[pitch for pitch, _ in half if pitch is not None] for half in halves(tokens)]
    return share([pitches[-1] % 12 == wanted for pitches, wanted in zip(heard, (7, 0), strict=True) if pitches])


MAJOR = [6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88]
MINOR = [6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17]


def key(tokens: list[int]) -> float:
    counts = Counter(pitch % 12 for pitch, _ in sound(tokens) if pitch is not None)
    time = [counts[one] for one in range(12)]
    if len(set(time)) == 1:
        return NAN
    keys = [[profile[(one - tonic) % 12] for one in range(12)] for profile in (MAJOR, MINOR) for tonic in range(12)]
    found = np.corrcoef([time, *keys])[0, 1:]
    return float(found[0] - max(found[1:]))


def rhythm(tokens: list[int]) -> float:
    found = overlap([token < HOLD for token in tokens], [step % 8 in (0, 3, 6) for step in range(len(tokens))])
    return found if notes(tokens) else 0.0


def off_beat_start(tokens: list[int]) -> float:
    first = next((step for step, token in enumerate(tokens) if token < HOLD), None)
    return NAN if first is None else float(first % 4 > 0)


def range_of_voice(tokens: list[int]) -> float:
    return share([60 <= pitch <= 81 for pitch in notes(tokens)])


def same_rhythm(tokens: list[int]) -> float:
    return overlap([token < HOLD for token in tokens], [step in range(0, 32, 4) for step in range(len(tokens))])


def same_pitches(tokens: list[int]) -> float:
    one, other = notes(tokens), [60, 62, 64, 65, 67, 69, 71, 72]
    table = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for (row, a), (column, b) in itertools.product(enumerate(one), enumerate(other)):
        longer = max(table[row][column + 1], table[row + 1][column])
        table[row + 1][column + 1] = table[row][column] + 1 if a == b else longer
    return table[-1][-1] / max(len(one), len(other))


LITERAL: dict[str, Callable[[list[int]], float]] = {
    function.__name__: function
    for function in (
        lowest, highest, span, contour, max_leap, arch, stepwise_share, in_scale, starts_on, ends_on,
        pitch_class_entropy, chord_fit, note_density, rest_share, rhythm_complexity, syncopation, repeated_bar,
        form, returns, call_and_response, cadence, key, rhythm, off_beat_start, range_of_voice, same_rhythm,
        same_pitches,
    )
}  # fmt: skip


def random_melodies(steps: int) -> np.ndarray:
    """Return melodies of every kind: busy and sparse, narrow and wide, with many rests and with none."""
    generator = np.random.default_rng(steps)
    kinds = []
    for onset in (0.02, 0.1, 0.3, 0.7, 1.0):
        for low, high in ((0, 128), (60, 62), (55, 80)):
            pitches = generator.integers(low, high, (100, steps))
            others = generator.choice([HOLD, HOLD, HOLD, NOTE_OFF], (100, steps))
            kinds.append(np.where(generator.random((100, steps)) < onset, pitches, others))
    melodies = np.concatenate(kinds)
    if steps >= 32:
        melodies[::3, 16:32] = melodies[::3, :16]
    return melodies


def test_every_measurement_but_novelty_has_a_literal_twin() -> None:
    assert set(LITERAL) == set(m.__all__) - {"novelty"}


@pytest.mark.parametrize(("name", "steps"), [(name, steps) for name in LITERAL for steps in lengths_of(name)])
def test_it_agrees_with_the_formula_written_out(name: str, steps: int) -> None:
    tokens = random_melodies(steps)
    measured = Measurement(getattr(m, name), PARAMS.get(name, {}))(tokens)
    expected = np.array([LITERAL[name](row) for row in tokens.tolist()], dtype=np.float64)
    np.testing.assert_allclose(measured, expected, rtol=0, atol=1e-12)
