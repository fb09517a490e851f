"""The model card and the picture of the loss curves that `lc train melody.folk-2bar` writes."""

from __future__ import annotations

import inspect
import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["SHORT_RUNS", "draw_curves", "model_card"]

# Short runs from which size and KL weight were chosen: latent size, beta, steps (of so many planned), token accuracy,
# exact windows (all, 4/4, 2/4), KL in nats, prior diatonic share and mean leap, posterior diatonic share.
SHORT_RUNS: tuple[tuple[Any, ...], ...] = (
    (64, 0.2, "1,000 of 3,000", 0.9397, 0.4333, 0.5558, 0.1731, 58.9, 0.5452, 3.817, 0.9066),
    (128, 0.25, "3,000", 0.9895, 0.8056, 0.9147, 0.5740, 59.8, 0.5975, 3.897, 0.8829),
    (128, 0.4, "1,000 of 2,000", 0.9644, 0.4985, 0.6180, 0.2449, 44.8, 0.6185, 3.642, 0.8913),
    (128, 0.8, "3,000", 0.8880, 0.1098, 0.1443, 0.0364, 22.6, 0.8988, 2.869, 0.9595),
    (256, 0.4, "2,000", 0.9657, 0.4956, 0.6089, 0.2551, 43.1, 0.7180, 3.381, 0.8935),
)

MUSICALITY = {
    "diatonic": "diatonic",
    "onsets": "onsets",
    "range": "range",
    "mean_leap": "mean leap",
    "starts_at_0": "first note on step 0",
    "first_note": "first-note step",
    "repeated_bar": "repeated bar",
    "unique": "unique",
}
SHARES = ("diatonic", "starts_at_0", "repeated_bar", "unique")
DISTANCES = {
    "intervals_js": "intervals (JS, bits)",
    "first_note_js": "first-note step (JS, bits)",
    "onsets_w1": "onsets (W1)",
    "range_w1": "range (W1, semitones)",
    "mean_leap_w1": "mean leap (W1, semitones)",
}


def draw_curves(curves: Path, picture: Path) -> None:
    """Draw reconstruction and KL against the training step.

    Args:
        curves: A JSON list of [step, reconstruction, KL], both in nats per window.
        picture: The PNG to write.
    """
    from matplotlib.figure import Figure

    points = json.loads(curves.read_text(encoding="utf-8"))
    steps, reconstruction, kl = zip(*points, strict=True)
    figure = Figure(figsize=(8, 4.5), dpi=100, layout="constrained")
    axes = figure.subplots()
    axes.plot(steps, reconstruction, label="reconstruction, -log p(x|z)")
    axes.plot(steps, kl, label="KL(q(z|x) || p(z))")
    axes.set(xlabel="step", ylabel="nats per window", yscale="log")
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    figure.savefig(picture)


def model_card(figures: dict[str, Any]) -> str:
    """Return the model card as Markdown, with front matter as model hubs read it.

    Args:
        figures: What `lc_plugins.melody.export.finish` writes to `figures.json`.
    """
    parts = [_head(figures), _data(figures), _training(figures), _figures(figures), _choice(figures), _limits(figures)]
    return "\n\n".join(parts) + "\n"


def _head(figures: dict[str, Any]) -> str:
    steps = figures["training"]["window"]
    return f"""---
license: mit
library_name: latent-constraints
tags: [music, symbolic-music, melody, variational-autoencoder, latent-constraints]
---

# {figures["model"]}

A variational auto-encoder of folk melodies: one voice, {steps} sixteenths, a latent of {figures["latent"]["dimensions"]} dimensions with a standard
normal prior. It was trained with no knowledge of any rule; `latent-constraints` samples from it under rules. With it
come its realism critic, which tells encodings of tunes from prior samples, and `sigma_bar`, the posterior's mean
standard deviation in each dimension. Encoder and decoder are residual multi-layer perceptrons; the whole window is
decoded at once, each step the likeliest of 48 pitches, hold and note-off.

- Tokens `melody.tokens/1`: 0 to 127 the onset of that MIDI pitch, 128 hold, 129 note-off; `(B, {steps})`.
- Weights: `weights.safetensors`, float16, SHA-256 `{figures["weights_sha256"]}`.
- Licence of the weights: MIT."""


def _data(figures: dict[str, Any]) -> str:
    corpus = figures["corpus"]
    skipped = _table(("left out", "count"), [(reason, f"{count:,}") for reason, count in corpus["skipped"].items()])
    return f"""## Data and licence

Old printed collections of dance tunes, all in the public domain, typed in ABC notation by volunteers and installed
with the `music21` package: O'Neill's *Music of Ireland*, Ryan's *Mammoth Collection*, Aird's *Airs*, and a small
folder of fife and Northumbrian tunes. The Essen collection is left out, because its licence is unclear and
non-commercial. No note of the tunes is stored with the weights.

{corpus["tunes"]:,} tunes gave {corpus["windows"]:,} different windows; {corpus["held_out"]:,} of them, from tunes held out by title, were not trained on.
A window starts on a bar: two bars of 4/4, C, C| or 2/2, or four bars of 2/4. Training transposes each at random by -6
to +5 semitones.

{skipped}"""


def _training(figures: dict[str, Any]) -> str:
    import torch

    settings = figures["training"]
    threads = torch.get_num_threads()
    on = f"{'one thread' if threads == 1 else f'{threads} threads'} of an {platform.machine()} processor"
    return f"""## Training

```
{_command(figures)}
```

Seed {settings["seed"]}; {settings["steps"]:,} steps of {settings["batch"]} windows with AdamW, KL weight {settings["beta"]:g}, an average of the weights kept;
{settings["seconds"] / 60:.0f} minutes on {on}, bfloat16 autocast; then {settings["realism_steps"]:,} steps of the
realism critic, {figures["realism_fit_seconds"] / 60:.0f} minutes. The same seed gives the same weights on one machine and version of PyTorch.

![Loss curves](curves.png)"""


def _command(figures: dict[str, Any]) -> str:
    """Return the command that trains the model again: seed and steps, and what differs from the recipe's defaults."""
    from lc_plugins.melody.train import train

    settings = figures["training"]
    words = [f"lc train melody.folk-2bar --seed {settings['seed']} --steps {settings['steps']}"]
    for name, parameter in inspect.signature(train).parameters.items():
        if name in settings and name not in ("seed", "steps") and settings[name] != parameter.default:
            words.append(f"--set {name}={settings[name]}")
    return " ".join(words)


def _figures(figures: dict[str, Any]) -> str:
    latent, realism = figures["latent"], figures["realism"]
    reconstruction = _table(
        ("metre", "windows", "tokens right", "windows right in every token"),
        [
            (name, f"{row['windows']:,}", _percent(row["tokens"]), _percent(row["exact"]))
            for name, row in figures["reconstruction"].items()
        ],
    )
    musicality = _table(
        ("", *MUSICALITY.values()),
        [
            (name, *(_percent(row[key]) if key in SHARES else f"{row[key]:.2f}" for key in MUSICALITY))
            for name, row in figures["musicality"].items()
        ],
    )
    distances = _table(
        ("", *DISTANCES.values()),
        [(name, *(f"{row[key]:.4f}" for key in DISTANCES)) for name, row in figures["distances"].items()],
    )
    return f"""## Figures

Measured on the model as loaded from its files, and on decoded tokens.

Reconstruction of held-out windows from the posterior mean:

{reconstruction}

KL {latent["kl_nats"]:.1f} nats for a held-out window; {latent["active"]} of {latent["dimensions"]} dimensions active (more than 0.02 nats).

What the melodies are like. *Diatonic*: all notes in one major scale; *range* and *mean leap* in semitones. One
posterior sample for each held-out window; 10,000 prior samples; the same ones refined by realism alone (the gradient
engine at its defaults, no rule):

{musicality}

Distances to the held-out windows, Jensen-Shannon divergence (JS) or Wasserstein-1 distance (W1); training windows
show how near two sets of real tunes are:

{distances}

The realism critic tells posterior samples of held-out windows from prior samples with an AUC of {realism["auc"]:.3f}; its mean
logit is {realism["mean_logit"]["posterior"]:.2f} for these, {realism["mean_logit"]["prior"]:.2f} for prior samples, {realism["mean_logit"]["refined"]:.2f} after refinement."""


def _choice(figures: dict[str, Any]) -> str:
    rows = [
        (str(size), f"{beta:g}", steps, *(_percent(value) for value in shares), f"{kl:.1f}", _percent(prior), f"{leap:.2f}", _percent(posterior))
        for size, beta, steps, *shares, kl, prior, leap, posterior in SHORT_RUNS
    ]
    table = _table(
        (
            "latent size",
            "KL weight",
            "steps",
            "tokens",
            "exact, all",
            "4/4",
            "2/4",
            "KL, nats",
            "prior diatonic",
            "prior mean leap",
            "posterior diatonic",
        ),
        rows,
    )
    return f"""## Why this architecture

Short runs with the same training otherwise, measured on held-out windows while training (4,000 prior samples):

{table}

A larger KL weight gives a better prior and loses the tunes: at 0.8 one window in nine comes back exactly. With a
larger latent at the same weight the prior is somewhat better and reconstruction no better; with a smaller one both are
worse. So a small weight was taken, which keeps the tunes, and the gap between prior and posterior (its "holes") is
left to the realism critic. A normalising flow as the prior (8 affine coupling layers, 0.9 million weights) raised the
diatonic share of prior samples from 60 % to 66 % only and was left out."""


def _limits(figures: dict[str, Any]) -> str:
    steps = figures["training"]["window"]
    return f"""## Limits

- {steps // 16} bars of sixteenths: no triplets, no 32nds, no 3/4 or 6/8.
- One voice; MIDI pitches 48 to 95. Pitches beyond are moved by octaves when a melody is encoded.
- Irish, Scottish and American dance tunes from printed books: what it makes up sounds like them.
- Prior samples are less musical than the tunes (see the table); a realism weight closes part of the gap.
- A prior sample may come close to a known tune; the rule `melody.novelty` checks for windows it was trained on."""


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
