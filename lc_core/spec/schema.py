"""The shape of a spec: its keys, their types and ranges. What plugins take is checked in `components`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Discriminator, Field, Tag

from lc_core.plugins.settings import CONFIG

__all__ = ["FORMS", "GROUPS", "SECTIONS", "Inner", "Keep", "Shape", "Top"]

GROUPS = ("any", "all", "not")
ABSENT: Any = None
"""Default of a key that has no value unless it is given; null is not a value that can be given."""

Weight = Annotated[float, Field(ge=0, description="Weight of its term in the energy.")]
Label = Annotated[str, Field(min_length=1, max_length=80, description="Name in reports; unique.")]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
MOST = 10_000_000
"""Most of anything that a fit counts."""


class Strict(BaseModel):
    """Forbids unknown keys and converts nothing."""

    model_config = CONFIG


class Component(Strict):
    """A plugin's component and its settings."""

    use: str
    params: dict[str, Any] = {}


class EngineComponent(Component):
    """An engine and its settings."""

    use: str = "auto"


class Sample(Strict):
    """How many outputs, and how long to try."""

    count: int = Field(default=16, ge=1, description="Outputs to deliver.")
    seed: Seed = Field(default=0, description="Output i depends on the seed and on i alone.")
    budget: int = Field(
        default=ABSENT,
        ge=1,
        description="Most tries; if not given 2,000 for each output, or 250,000 (at least 1,000,000) by rejection.",
    )
    unique: bool = Field(default=False, description="Deliver no two outputs with the same bytes.")
    moves: int = Field(
        default=ABSENT,
        ge=0,
        le=10_000,
        description="Exact moves of each output, which bring it nearer to an exact sample;"
        " the engine's own if not given.",
    )


class Keep(Component):
    """A measurement that an edit must not change."""

    tolerance: float = Field(default=ABSENT, ge=0, description="Largest change of its value that counts as none.")


class Refine(Strict):
    """How refinement chooses its rounds and what it learns from."""

    threshold_share: float = Field(
        default=0.1, gt=0, lt=1, description="An entry that a smaller share of tries meets gets a looser threshold."
    )
    average: float = Field(default=0.99, ge=0, lt=1, description="What a training step keeps of averaged weights.")
    window: int = Field(default=3, ge=1, le=10_000, description="Rounds that the share of good tries is averaged over.")
    most_over_own: float = Field(
        default=1.25, ge=1, description="Most that a round counts for, as a multiple of its own share."
    )
    fair: float = Field(default=0.5, ge=0, le=1, description="Share from which a long lack of progress ends it.")
    good: float = Field(default=0.9, ge=0, le=1, description="Share from which a shorter lack of progress ends it.")
    enough: float = Field(default=0.995, ge=0, le=1, description="Share at which it ends at once.")
    progress: float = Field(default=0.2, gt=0, lt=1, description="Share fewer tries that fail, to count as progress.")
    preference_score: float = Field(
        default=0.2, ge=0, description="What meeting every preference is worth, beside 1 for every condition."
    )
    visits: int = Field(default=8, ge=1, le=10_000, description="Latents of a try that are decoded in a round.")
    nearest: int = Field(default=64, ge=1, le=MOST, description="Nearest latents that are copied if none satisfies.")
    redrawn: float = Field(default=0.2, ge=0, le=1, description="Share of a copy's values that are drawn anew.")


class Fit(Strict):
    """How critics are fitted."""

    seed: Seed = Field(default=0, description="Seed of what is fitted.")
    prior_samples: int = Field(
        default=16_384, ge=64, le=MOST, description="Prior samples that are decoded and measured."
    )
    push_samples: int = Field(
        default=4_096, ge=1, le=MOST, description="Samples pushed towards each end of the measured value."
    )
    steps: int = Field(default=600, ge=4, le=MOST, description="Training steps of a critic.")
    batch: int = Field(default=512, ge=4, le=MOST, description="Latents in a training step.")
    lr: float = Field(default=2e-3, gt=0, le=1, description="Adam's learning rate.")
    hidden: int = Field(default=256, ge=1, le=8_192, description="Width of a critic's hidden layers.")
    rounds: int = Field(default=40, ge=0, le=10_000, description="Most rounds of refinement; 0 refines nothing.")
    patience: int = Field(
        default=6,
        ge=1,
        le=10_000,
        description="Rounds without progress after which refinement ends, once 90 % of tries satisfy.",
    )
    round_samples: int = Field(default=256, ge=8, le=MOST, description="Tries of the engine in a round.")
    round_steps: int = Field(default=80, ge=1, le=MOST, description="Training steps in a round.")
    stop_at: float = Field(
        default=ABSENT, gt=0, le=1, description="Share of a round's tries that satisfy at which refinement ends."
    )
    refine: Refine = Field(default_factory=Refine, description="Numbers by which refinement chooses its rounds.")


class Leaf(Component):
    """A constraint inside a group."""

    at_least: float = Field(default=ABSENT, description="Lowest value that is wanted.")
    at_most: float = Field(default=ABSENT, description="Highest value that is wanted.")
    between: tuple[float, float] = Field(default=ABSENT, description="Lowest and highest value that are wanted.")
    target: float = Field(default=ABSENT, description="Value that is wanted, within the tolerance.")
    tolerance: float = Field(default=ABSENT, ge=0, description="How far from the target a value may be.")
    label: Label = ABSENT
    free: dict[str, Any] = Field(
        default=ABSENT,
        min_length=1,
        description="What may differ without a new fit of an amortised engine: for a parameter `all` or a list of"
        " values, for at_least, at_most or target its range [low, high].",
    )
    guide: Literal["critic", "decoder"] = Field(
        default="critic",
        description="What an engine follows: a critic that is fitted, or the gradient of the measurement through the"
        " decoder.",
    )


class AnyGroup(Strict):
    """At least one entry is wanted."""

    any: list[Inner] = Field(min_length=1)
    label: Label = ABSENT


class AllGroup(Strict):
    """Every entry is wanted."""

    all: list[Inner] = Field(min_length=1)
    label: Label = ABSENT


class NotGroup(Strict):
    """The entry is not wanted."""

    not_: Inner = Field(alias="not")
    label: Label = ABSENT


class Top(Strict):
    """What only an entry of the list itself may have."""

    weight: Weight = 1.0
    require: bool = Field(default=True, description="False makes it a preference.")


class TopLeaf(Leaf, Top):
    """A constraint."""


class TopAny(AnyGroup, Top):
    """At least one entry is wanted."""


class TopAll(AllGroup, Top):
    """Every entry is wanted."""


class TopNot(NotGroup, Top):
    """The entry is not wanted."""


def _form(entry: Any) -> str:
    keys = entry if isinstance(entry, dict) else ()
    return f"<{next((key for key in ('use', *GROUPS) if key in keys), 'use')}>"


def _top_form(entry: Any) -> str:
    return f"<top {_form(entry)[1:]}"


Inner = Annotated[
    Annotated[Leaf, Tag("<use>")]
    | Annotated[AnyGroup, Tag("<any>")]
    | Annotated[AllGroup, Tag("<all>")]
    | Annotated[NotGroup, Tag("<not>")],
    Discriminator(_form),
]
Entry = Annotated[
    Annotated[TopLeaf, Tag("<top use>")]
    | Annotated[TopAny, Tag("<top any>")]
    | Annotated[TopAll, Tag("<top all>")]
    | Annotated[TopNot, Tag("<top not>")],
    Discriminator(_top_form),
]
FORMS: dict[str, type[BaseModel]] = {
    "<use>": Leaf,
    "<any>": AnyGroup,
    "<all>": AllGroup,
    "<not>": NotGroup,
    "<top use>": TopLeaf,
    "<top any>": TopAny,
    "<top all>": TopAll,
    "<top not>": TopNot,
}


class Shape(Strict):
    """A whole spec, extended and with its components written in full."""

    lc: Literal[1]
    name: str = Field(
        default=ABSENT,
        pattern=r"^\w[\w.-]*$",
        max_length=100,
        description="Names the run's folder: letters, digits, ., _ and -. The file's name if not given.",
    )
    model: Component
    realism: float = Field(default=0.0, ge=0, description="Weight of the realism term in the energy.")
    base: Literal["prior", "data"] = Field(
        default=ABSENT,
        description="What tries begin from: prior samples, or what the model's own flow or chain makes of them,"
        " which is like data. If not given: data where realism is asked for and the engine is left open; else prior.",
    )
    constraints: list[Entry] = []
    keep: list[Keep] = Field(default=[], description="What lc transform must not change: all, or measurements.")
    engine: EngineComponent = EngineComponent()
    sample: Sample = Sample()
    fit: Fit = Fit()
    render: list[Component] = []
    resolved: dict[str, Any] = Field(default={}, description="Written by lc into the spec of a run; has no effect.")


SECTIONS: dict[str, type[BaseModel]] = {
    "model": Component,
    "engine": EngineComponent,
    "sample": Sample,
    "fit": Fit,
    "render": Component,
    "keep": Keep,
}
for _group in (AnyGroup, AllGroup, NotGroup, TopAny, TopAll, TopNot, Shape):
    _group.model_rebuild()
