"""How far edits go to find what satisfies, and to come back: every number that was tuned, with its default."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["EditSettings", "EncodingSettings"]


@dataclass(frozen=True)
class EncodingSettings:
    """How outputs are encoded for a model without an encoder; see `lc_core.editing.inversion`.

    Attributes:
        candidates: Prior samples that are compared with an output.
        starts: How many of those most like it are optimised.
        steps: Steps of Adam from each start.
        rate: Its first learning rate, in units of the prior's standard deviation.
        pull: Weight of the mean square of a latent, in these units, beside the mean square error.
        unit_samples: Prior samples that the prior's standard deviation is taken over.
        samples: Decoded prior samples that a network is fitted on, for a black box.
        held_out: Those that its error is taken over.
        fit_steps: Training steps of the network.
        batch: Prior samples in a step.
        fit_rate: Peak learning rate of its Adam.
        hidden: Width of its hidden layers.
        most_kinds: Whole-number outputs with no more values than this are given to the network value by value.
    """

    candidates: int = 1_024
    starts: int = 8
    steps: int = 300
    rate: float = 0.1
    pull: float = 1e-5
    unit_samples: int = 4_096
    samples: int = 16_384
    held_out: int = 1_024
    fit_steps: int = 2_000
    batch: int = 256
    fit_rate: float = 1e-3
    hidden: int = 512
    most_kinds: int = 512


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
        encoding: How outputs are encoded, for a model without an encoder.
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
    encoding: EncodingSettings = EncodingSettings()
