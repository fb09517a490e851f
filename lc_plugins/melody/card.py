"""The model card and the picture of the loss curves that `lc train melody.folk-2bar` writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lc_core.common import counted
from lc_plugins.vae.card import front_matter, machine, minutes, percent, table

__all__ = ["SHORT_RUNS", "draw_curves", "model_card"]

# Trial runs from which size and KL weight were chosen: latent size, beta, steps (of so many planned), token accuracy,
# exact windows (all, 4/4, 2/4), KL in nats, prior diatonic share and mean leap, posterior diatonic share.
SHORT_RUNS: tuple[tuple[Any, ...], ...] = (
    (64, 0.2, "1,000 of 3,000", 0.9397, 0.4333, 0.5558, 0.1731, 58.9, 0.5452, 3.817, 0.9066),
    (128, 0.2, "13,000", 0.9962, 0.9146, 0.9774, 0.7813, 64.5, 0.662, 3.736, 0.891),
    (128, 0.25, "3,000", 0.9895, 0.8056, 0.9147, 0.5740, 59.8, 0.5975, 3.897, 0.8829),
    (128, 0.4, "1,000 of 2,000", 0.9644, 0.4985, 0.6180, 0.2449, 44.8, 0.6185, 3.642, 0.8913),
    (128, 0.8, "3,000", 0.8880, 0.1098, 0.1443, 0.0364, 22.6, 0.8988, 2.869, 0.9595),
    (256, 0.4, "2,000", 0.9657, 0.4956, 0.6089, 0.2551, 43.1, 0.7180, 3.381, 0.8935),
)

SHARES = ("diatonic", "first note on step 0", "repeated bar", "unique")


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
    parts = [_head(figures), _data(figures), _training(figures), _figures(figures), _choice(), _limits(figures)]
    return "\n\n".join(parts) + "\n"


def _head(figures: dict[str, Any]) -> str:
    steps, dimensions = figures["training"]["window"], figures["network"]["latent_dim"]
    return f"""{front_matter("music", "symbolic-music", "melody", "variational-autoencoder")}

# {figures["model"]}

A variational auto-encoder of folk melodies: one voice, {steps} sixteenths, a latent of {dimensions} dimensions with a
standard normal prior. It was trained with no knowledge of any rule; `latent-constraints` samples from it under rules.
With it come its realism critic, which tells encodings of tunes from prior samples, and `sigma_bar`, the posterior's
mean standard deviation in each dimension; and in `ear.safetensors` an output-space discriminator, which tells decoded
encodings of tunes from decoded prior samples (AUC {figures["ear"]["held-out AUC"]:.3f} on melodies it was not trained
on). Encoder and decoder
are residual multi-layer perceptrons; the whole window is decoded at once, each step the likeliest of 48 pitches, hold
and note-off.

- Tokens `melody.tokens/1`: 0 to 127 the onset of that MIDI pitch, 128 hold, 129 note-off; `(B, {steps})`.
- Weights: `weights.safetensors`, float16, SHA-256 `{figures["weights_sha256"]}`.
- Licence of the weights: MIT."""


def _data(figures: dict[str, Any]) -> str:
    corpus = figures["corpus"]
    skipped = table(("left out", "count"), [(reason, f"{count:,}") for reason, count in corpus["skipped"].items()])
    return f"""## Data and licence

Dance tunes from printed collections of the eighteenth and nineteenth centuries, typed in ABC notation by volunteers and
installed with the `music21` package: O'Neill's *Music of Ireland*, Ryan's *Mammoth Collection*, Aird's *Airs*, and a
small folder of fife and Northumbrian tunes. The Essen collection is left out, because its licence is unclear and
non-commercial. No note of the tunes is stored with the weights.

{corpus["tunes"]:,} tunes gave {corpus["windows"]:,} different windows; {corpus["held_out"]:,} of them, from tunes held
out by title, were not trained on. A window starts on a bar: two bars of 4/4, C, C| or 2/2, or four bars of 2/4.
Training transposes each at random by -6 to +5 semitones.

{skipped}"""


def _training(figures: dict[str, Any]) -> str:
    settings = figures["training"]
    seed, steps, batch, beta = (settings[name] for name in ("seed", "steps", "batch", "beta"))
    return f"""## Training

```
{figures["command"]}
```

Seed {seed}; {counted(steps, "step")} of {batch} windows with AdamW; KL weight {beta:g}; an average of the weights
is kept. {minutes(settings["seconds"])} on {machine(figures)}, bfloat16 autocast; then
{counted(settings["realism_steps"], "step")} of the realism critic, {minutes(figures["realism_seconds"])}; then
{counted(settings["ear_steps"], "step")} of the discriminator, {minutes(figures["ear"]["seconds"])}.
The same seed gives the same weights on one machine and one version of PyTorch.

![Loss curves](curves.png)"""


def _figures(figures: dict[str, Any]) -> str:
    kl, active = figures["posterior"]["KL nats"], figures["posterior"]["active dimensions"]
    dimensions, auc = figures["network"]["latent_dim"], figures["realism"]["held-out AUC"]
    sets = figures["samples"]
    columns = list(next(iter(sets.values())))
    distant = [name for name in columns if name.endswith(")")]
    plain = [name for name in columns if name not in distant]
    reconstruction = table(
        list(figures["reconstruction"]), [[percent(value) for value in figures["reconstruction"].values()]]
    )
    musicality = table(
        ["", *plain],
        [
            [name, *(percent(row[key]) if key in SHARES else f"{row[key]:.2f}" for key in plain)]
            for name, row in sets.items()
        ],
    )
    distances = table(
        ["", *distant], [[name, *(f"{row[key]:.4f}" for key in distant)] for name, row in list(sets.items())[1:]]
    )
    return f"""## Figures

Measured on the model as it is loaded from its files, on decoded tokens.

Held-out windows that come back from their posterior mean:

{reconstruction}

KL {kl:.1f} nats for a held-out window; {active} of {dimensions} dimensions active.

What the melodies are like. *Diatonic*: all notes in one major scale; *span* and *mean leap* in semitones. One
posterior sample for each held-out window; {figures["prior_samples"]:,} prior samples; the same ones refined by realism
alone (40 steps of the gradient engine, no rule):

{musicality}

Distances to the held-out windows: Jensen-Shannon divergence (JS, bits), Wasserstein-1 distance (W1):

{distances}

Realism critic, posterior samples of held-out windows against prior samples: AUC {auc:.3f}."""


def _choice() -> str:
    rows = []
    for size, beta, steps, *shares, kl, prior, leap, posterior in SHORT_RUNS:
        percents = [percent(value) for value in shares]
        rows.append(
            [f"{size}", f"{beta:g}", steps, *percents, f"{kl:.1f}", percent(prior), f"{leap:.2f}", percent(posterior)]
        )
    head = "latent size, KL weight, steps, token accuracy, exact, exact 4/4, exact 2/4, KL nats, prior diatonic"
    trials = table([*head.split(", "), "prior mean leap", "posterior diatonic"], rows)
    return f"""## Why this architecture

Trial runs, the training otherwise the same, measured on held-out windows and 4,000 to 10,000 prior samples:

{trials}

A larger KL weight gives a better prior and loses the tunes: at 0.8, one window in nine comes back exactly. A larger
latent at the same weight has a somewhat better prior and no better reconstruction; a smaller one is worse in both. The
long run at 0.2 kept more of the tunes than is needed, so 0.3 was trained: room that goes into the prior. The gap that
is left between prior and posterior (the prior's "holes") is for the realism critic. A normalising flow as the prior (8
affine coupling layers, 0.9 million weights) raised the diatonic share of prior samples from 60 % to 66 % only and was
left out."""


def _limits(figures: dict[str, Any]) -> str:
    return f"""## Limits

- {counted(figures["training"]["window"] // 16, "bar")} of sixteenths: no triplets, no 32nds, no 3/4 or 6/8.
- One voice, MIDI pitches 48 to 95; pitches beyond are moved by octaves when a melody is encoded.
- Irish, Scottish and American dance tunes from printed books: what it makes up sounds like them.
- Prior samples are less musical than the tunes, as the table says; realism closes part of the gap.
- A sample may come out like a known tune; the rule `melody.novelty` checks for the windows it was trained on."""
