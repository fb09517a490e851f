"""How far edits go to find what satisfies, and to come back: every number that was tuned, with its default."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["EditSettings"]


@dataclass(frozen=True)
class EditSettings:
    """How `lc transform` searches. With 0 or () a way is left out.

    Attributes:
        step_sizes: Step sizes of an example's tries out of its encoding, as multiples of the engine's own; the last is
            a last resort.
        weights: Weights of what is asked in these tries, as multiples of its own: what is preserved holds some
            examples back. As many as step sizes.
        jitter: Share of sigma_bar by which the start of a further try is off the encoding.
        patience: Where something is preserved, an example goes on until this multiple of the step that first
            satisfied, plus `patience_steps`.
        patience_steps: See `patience`.
        others: Encodings among which the third try looks for one that satisfies, to come back from it.
        others_steps: Steps of that way back.
        halvings: Halvings of the straight way back to the start, in search of the nearest place that satisfies.
        nearer: Multiples of the weights of distance and of what is asked with which the engine goes back, one pair for
            each time; only where what is asked has no gradient through the decoder.
        nearer_steps: Steps of each.
        slides: Moves towards the start along what leaves the asked values as they are, by their gradient through the
            decoder.
        slides_per_gradient: Moves that share one gradient.
        slide: Share of the way that the first move goes.
        slide_longest: Most of the way that one move goes.
        slide_shortest: Least of the way that one move goes.
        slide_longer: What a move is multiplied by after one that still satisfied.
        slide_shorter: What a move is multiplied by after one that did not.
        slide_spent: Share of what a move gains in squared distance that is spent on going deeper into what is asked:
            ways are curved.
        parts: Times that a random part of an example's coordinates is brought halfway back.
        part: How large such a part is, as a share of all coordinates.
    """

    step_sizes: tuple[float, ...] = (1.0, 3.0, 10.0)
    weights: tuple[float, ...] = (1.0, 4.0, 16.0)
    jitter: float = 0.25
    patience: int = 2
    patience_steps: int = 20
    others: int = 2_048
    others_steps: int = 80
    halvings: int = 6
    nearer: tuple[tuple[float, float], ...] = ((4.0, 4.0), (16.0, 8.0))
    nearer_steps: int = 60
    slides: int = 32
    slides_per_gradient: int = 2
    slide: float = 0.3
    slide_longest: float = 0.6
    slide_shortest: float = 0.004
    slide_longer: float = 1.5
    slide_shorter: float = 0.5
    slide_spent: float = 0.05
    parts: int = 128
    part: float = 0.1
