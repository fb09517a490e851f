"""The model cards that `lc train avatars.64`, `avatars.verifier` and `avatars.judge` write."""

from __future__ import annotations

from typing import Any

from lc_core.common import counted
from lc_plugins.vae.card import front_matter, machine, minutes, percent, table

__all__ = ["REFINING", "classifier_card", "model_card"]

REFINING = 40
"""Steps of the gradient engine that refine prior samples where a model has no flow."""

DATA = """40,000 avatars to train on and 5,000 to test on, drawn at 64 x 64 pixels by
`dicebear-core` (MIT) and `pylunasvg` (MIT) in the style *avataaars* of `dicebear-styles`: a remix of
[Avataaars](https://avataaars.com/) by Pablo Stanley, free for personal and commercial use. Parts are chosen
independently, with the weights of `lc_plugins/avatars/attributes.py`; labels follow from the choice, so they have no
errors. What a hat, a bald head or sunglasses hide is not asked of a picture. These are drawings: nothing here tells
anything about photographs or people."""


def model_card(figures: dict[str, Any]) -> str:
    """Return the card of a VAE as Markdown, with front matter as model hubs read it.

    Args:
        figures: What `lc_plugins.avatars.export.finish` writes to `figures.json`.
    """
    parts = [_head(figures), f"## Data and licence\n\n{DATA}", _training(figures), _figures(figures), _limits(figures)]
    return "\n\n".join(parts) + "\n"


def _head(figures: dict[str, Any]) -> str:
    network, training = figures["network"], figures["training"]
    flow = ""
    if training["flow_steps"]:
        flow = "; and in `flow.safetensors` a flow, which carries prior samples to encodings"
    return f"""{front_matter("images", "avatars", "variational-autoencoder")}

# {figures["model"]}

A convolutional variational auto-encoder of drawn avatars, 64 x 64 pixels, with a latent of {network["latent_dim"]}
dimensions and a standard normal prior; a pixel has a standard deviation of {training["sigma_x"]:g} in the
likelihood. It was trained with no knowledge of any attribute; `latent-constraints` samples from it under rules. With it
come its realism critic, which tells encodings of pictures from prior samples, and `sigma_bar`, the posterior's mean
standard deviation in each dimension{flow}.

- Pictures `image.rgb/1`: float32 `(B, 3, 64, 64)` in [0, 1].
- Weights: `weights.safetensors`, float16, SHA-256 `{figures["weights_sha256"]}`.
- Licence of the weights: MIT."""


def _training(figures: dict[str, Any]) -> str:
    settings = figures["training"]
    flow = ""
    if settings["flow_steps"]:
        flow = f"; then\n{counted(settings['flow_steps'], 'step')} of the flow, {minutes(figures['flow_seconds'])}"
    return f"""## Training

```
{figures["command"]}
```

Seed {settings["seed"]}; {counted(settings["steps"], "step")} of {settings["batch"]} pictures with AdamW; KL weight
{settings["beta"]:g}; an average of the weights is kept. {minutes(settings["seconds"])} on {machine(figures)}; then
{counted(settings["realism_steps"], "step")} of the realism critic, {minutes(figures["realism_seconds"])}{flow}."""


def _figures(figures: dict[str, Any]) -> str:
    posterior, samples = figures["posterior"], figures["two-sample AUC"]
    images, again = (figures["judge"][name] for name in ("images", "reconstructions"))
    lost = 100 * (images["summary"]["macro-F1"] - again["summary"]["macro-F1"])
    how = "carried by the flow" if figures["training"]["flow_steps"] else f"{REFINING} steps of the gradient engine"
    totals = table(
        ["the judge on", *images["summary"]],
        [[name, *map(percent, one["summary"].values())] for name, one in figures["judge"].items()],
    )
    rows = []
    for name, row in images["attributes"].items():
        other = again["attributes"][name]
        rows.append([name, *(percent(one) for one in (row["share"], row["f1"], other["f1"]))])
        rows[-1] += [percent(other["precision"]), percent(other["recall"])]
    attributes = table(
        ["attribute", "share", "F1, images", "F1, reconstructions", "precision, reconstructions", "recall, same"], rows
    )
    return f"""## Figures

Measured on {figures["pictures"]["test"]:,} held-out pictures, with the model as it is loaded from its files. The judge
is a classifier that took no part in any training here (see `judge/MODEL_CARD.md`).

{totals}

Macro-F1 falls by {lost:.1f} points from pictures to their reconstructions. Root mean square error of a pixel:
{posterior["pixel error"]:.4f}. KL {posterior["KL nats"]:.1f} nats; {posterior["active dimensions"]} of
{counted(figures["network"]["latent_dim"], "dimension")} active.

A small network that is trained to tell decoded samples from decoded posterior samples of held-out pictures, AUC on
pictures it was not trained on (0.5 is best): prior samples {samples["prior"]:.3f}; prior samples refined by realism
alone ({how}) {samples["refined"]:.3f}. Realism critic, posterior samples of held-out pictures
against prior samples: AUC {figures["realism"]["held-out AUC"]:.3f}.

{attributes}

Held-out pictures above their reconstructions, from posterior means:

![Reconstructions](reconstructions.png)

Prior samples; the same latents refined by realism alone; posterior samples of held-out pictures:

![Prior samples](prior.png)

![Prior samples, refined by realism](refined.png)

![Posterior samples](posterior.png)"""


def _limits(figures: dict[str, Any]) -> str:
    blurry = figures["training"]["sigma_x"] >= 0.5
    holes = "Blurry, as is meant: small features are lost." if blurry else "Prior samples have holes; see above."
    return f"""## Limits

- Drawings of one style, of one size, in front of one background.
- {holes}
- Parts that were not in the choice of the training pictures are not represented: an encoder gives them the nearest."""


def classifier_card(role: str, weights_sha256: str, training: dict[str, Any], scores: dict[str, Any]) -> str:
    """Return the card of a classifier as Markdown.

    Args:
        role: `verifier` or `judge`.
        weights_sha256: Hash of its weights.
        training: Settings, `pictures` it was trained on (first, one after the last), `command`, `seconds`, `threads`,
            `processor`.
        scores: `summary` and `attributes` on held-out pictures, from `lc_plugins.avatars.scores`.
    """
    tasks = {
        "verifier": "It is the measurement `avatars.attribute`: it decides whether a picture meets a spec, and critics"
        " are fitted to it.",
        "judge": "It only reports: no code that guides or selects imports it, and every published figure is its own.",
    }
    first, last = training["pictures"]
    attributes = table(
        ["attribute", "share", "accuracy", "precision", "recall", "F1"],
        [[name, *map(percent, row.values())] for name, row in scores["attributes"].items()],
    )
    totals = ", ".join(f"{name} {percent(value)}" for name, value in scores["summary"].items())
    return f"""{front_matter("images", "avatars", "image-classification")}

# avatars.{role}

A small convolutional network that tells {len(scores["attributes"])} attributes of a drawn avatar. {tasks[role]}

- Weights: `weights.safetensors`, float16, SHA-256 `{weights_sha256}`.
- Licence of the weights: MIT.

## Data and licence

{DATA}

Trained on the training pictures {first:,} to {last - 1:,}; the last {training["calibration"]:,} of them are used only
to calibrate it, with one temperature for each attribute. Verifier and judge share no picture.

## Training

```
{training["command"]}
```

Half of the pictures in a step are blurred or made noisy, so that it can be asked about decoded pictures; no model's
output is used. {minutes(training["seconds"])} on {machine(training)}.

## Figures

On 5,000 held-out pictures: {totals}.

{attributes}
"""
