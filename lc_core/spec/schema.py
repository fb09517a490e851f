"""The shape of a spec: its keys, their types and ranges. What plugins take is checked in `resolve`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Discriminator, Field, Tag, ValidationError

from lc_core.plugins.settings import CONFIG, any_of, message_of, relevant
from lc_core.spec.load import Node
from lc_core.spec.problems import Problems, Where

__all__ = ["GROUPS", "Inner", "Keep", "Shape", "Top", "check_shape", "report"]

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
        default=0, ge=0, le=10_000, description="Exact moves of each output, which bring it nearer to an exact sample."
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
    base: Literal["", "prior", "data"] = Field(
        default="",
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


def check_shape(tree: Node, problems: Problems) -> Shape | None:
    """Check keys, types and ranges; return the values, or None if something is wrong."""
    try:
        return Shape.model_validate_json(json.dumps(tree.plain()))
    except ValidationError as error:
        report(tree, error, _known, problems)
        return None


def report(
    tree: Node,
    error: ValidationError,
    known: Callable[[Sequence[Any]], list[str]],
    problems: Problems,
    *,
    inside: str = "",
) -> None:
    """Note all that pydantic found, each at its place in the tree.

    Args:
        tree: The node that was validated.
        error: What was found.
        known: Gives the keys that would have been right at a path.
        problems: Takes it.
        inside: What the tree is, where a key is missing; nothing for the whole file.
    """
    values: dict[int, list[str]] = {}  # what is wrong with one value: several where it may have one of several types
    places: dict[int, Where] = {}
    for one in relevant(error):
        path = one["loc"]
        node, keys = tree.find(path), known(path)
        message = message_of(one, keys)
        if one["type"] == "extra_forbidden":
            holder = tree.find(path[:-1])
            problems.add(holder.place(str(path[-1])), _misplaced(str(path[-1]), keys, holder) or message)
        elif one["type"] == "missing":
            if path != ("lc",):  # told for each file when it is read
                problems.add(node.where, f"{message} in {inside}" if inside else message)
        elif path != ("lc",):
            values.setdefault(id(node), []).append(message)
            places[id(node)] = node.where
    for which, messages in values.items():
        problems.add(places[which], any_of(messages))


def _misplaced(key: str, known: Sequence[str], holder: Node) -> str | None:
    """Say why a key that exists elsewhere is not allowed in a constraint entry."""
    if "label" not in known:
        return None
    if key in ("weight", "require"):
        return f"{key} belongs on an entry of the constraints list itself, not inside any, all or not"
    forms = [form for form in ("use", *GROUPS) if form in holder.keys]
    if key in forms:
        return f"an entry holds one of use, any, all and not; found {' and '.join(forms)}"
    if key in Leaf.model_fields and forms[:1] != ["use"]:
        return f"{key} belongs on the constraints inside, not on the group"
    return None


def _known(path: Sequence[Any]) -> list[str]:
    form = next((FORMS[part] for part in reversed(path) if part in FORMS), None)
    model = form or (SECTIONS.get(path[0], Shape) if len(path) > 1 else Shape)
    return [field.alias or name for name, field in model.model_fields.items()] + (["extends"] if model is Shape else [])
