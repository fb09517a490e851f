"""What an engine is.

A block is a fixed number of tries. Its starts come from one generator per (seed, block), and its computation depends
on nothing else, so a try has the same result however many samples are asked for.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from lc_core.models.cost import share_of_block

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from lc_core.constraints.constraint import Entry
    from lc_core.constraints.evaluator import Evaluator, Measured
    from lc_core.energy.energy import Energy
    from lc_core.energy.preserved import Preserved
    from lc_core.energy.targets import Space
    from lc_core.models.latent_model import LatentModel

__all__ = ["EditingEngine", "Engine"]


class Engine(ABC):
    """Moves a batch of latents down an energy, one step at a time.

    Settings are typed keyword parameters of the constructor. An engine holds no state of a run: `init` returns the
    state, `step` the next one. A state is a tuple of tensors with first dimension B, the latents first, so that the
    outer loop can drop rows that are done.

    Attributes:
        needs_energy: It descends an energy, so that critics are fitted for it.
        amortised: It has weights that are trained for a spec, by `begin`, `learn`, `tensors` and `with_tensors`.
        block: Tries in a block; see `choose_block`.
        moves: Exact moves that what it found is given where a user says nothing (`lc_core.sampling.moves`).
        steps: Steps of a try, 0 or more.
        checks: Numbers of the steps after which rows that look satisfied are decoded and measured, to stop there.
    """

    needs_energy: ClassVar[bool] = True
    amortised: ClassVar[bool] = False
    block: int = 256
    moves: int = 0
    steps: int = 0
    checks: tuple[int, ...] = ()
    _block_follows: bool = False

    @classmethod
    def default_budget(cls, count: int, settings: Mapping[str, Any] | None = None) -> int:
        """Return most tries for `count` outputs where a spec gives none.

        An engine that moves latents succeeds often, or hardly ever; one that only decodes (`needs_energy` is false)
        may have to wait for what is rare.

        Args:
            count: Outputs.
            settings: Settings of the engine, where they are not all at their defaults.
        """
        return 2_000 * count if cls.needs_energy else max(1_000_000, 250_000 * count)

    def choose_block(self, given: int | None, default: int) -> None:
        """Set `block`, from the constructor.

        Args:
            given: What a spec says; None leaves it to the default, which follows the model's cost.
            default: Tries in a block where decoding is cheap.
        """
        self.block, self._block_follows = (default, True) if given is None else (given, False)

    def sized_for(self, model: LatentModel) -> Engine:
        """Return this engine with a block that suits what a decode of a model costs, unless a spec gave one."""
        if not self._block_follows:
            return self
        engine = self._changed()
        engine.choose_block(max(1, int(self.block * share_of_block(model.operations, model.device))), self.block)
        return engine

    def part(self, number: int) -> tuple[Engine, int]:
        """Return the engine that runs block `number`, and the index of its first try.

        An engine is the only part of itself, unless it is made of several.
        """
        return self, number * self.block

    def at_work(self, number: int, energy: Energy | None) -> tuple[Engine, Energy | None]:
        """Return the engine that runs block `number`, and what it descends.

        Itself and the energy that was prepared, unless it is made of several or prepares late.

        Args:
            number: Number of the block.
            energy: What was prepared.
        """
        return self, energy

    def complete(self) -> Any:
        """Prepare now what was left for later, and return it; None for an engine that leaves nothing."""
        return None

    def fit_seconds(self) -> float:
        """Return the seconds of fits that it made by itself while tries were going on."""
        return 0.0

    def data_odds(self, model: LatentModel) -> Callable[[np.ndarray], np.ndarray] | None:
        """Return the function of outputs `(B, ...)` that gives the log odds of data against prior samples, `(B,)`.

        Exact moves under `base: data` are accepted by them. None where the engine has not learned them.
        """
        return None

    def weights(self, model: LatentModel) -> str:
        """Return a digest of weights that it brings along, which are part of what a run is; empty without any."""
        return ""

    def moves_to_data(self, model: LatentModel, entries: Sequence[Entry]) -> bool:
        """Return whether exact moves under `base: data` can be made of what it finds, by `origin` or `data_odds`."""
        kind = type(self)
        return kind.origin is not Engine.origin or kind.data_odds is not Engine.data_odds

    def origin(self, state: tuple[Tensor, ...]) -> Tensor | None:
        """Return the prior samples that the model's flow transports to the latents of a state, `(B, *latent_shape)`.

        Exact moves under `base: data` are made of them. None where the engine moves what the flow made, and not what
        the flow begins with.
        """
        return None

    def transport(self, model: LatentModel, entries: Sequence[Entry]) -> Callable[[Tensor], Tensor] | None:
        """Return what brings prior samples to where data are, for `base: data`, before this engine moves them.

        The model's own flow or chain (`LatentModel.realism_alone`); None where an engine has learned that.
        """
        return model.realism_alone()

    def _changed(self, **attributes: Any) -> Self:
        """Return a copy of this engine with other values of some attributes."""
        engine = copy.copy(self)
        vars(engine).update(attributes)
        return engine

    @property
    def begins_real(self) -> bool:
        """Whether tries begin where the model's flow moves prior samples, if realism is asked for and it has one."""
        return self.needs_energy and not self.amortised

    def unfit(self, model: LatentModel, entries: Sequence[Entry], realism: float) -> str | None:
        """Return why this engine cannot serve such a problem, or None if it can."""
        return None

    def unadvised(self, model: LatentModel, entries: Sequence[Entry], realism: float) -> str | None:
        """Return why this engine should not be offered for such a problem, though it can serve it; None if it should.

        `lc show` prints the reason. Whoever names the engine is served all the same.
        """
        return None

    def for_edits(self, *, named: bool) -> Engine:
        """Return the engine that edits in place of this one; itself, unless it is for sampling only.

        Args:
            named: Whether a user named this engine for an edit.

        Raises:
            LCError: If it is named and has settings that edits do not know.
        """
        return self

    def editing(self) -> EditingEngine | None:
        """Return this engine if it can edit in more than one way, `EditingEngine`; None if it moves a start once."""
        return None

    def ready(
        self, evaluator: Evaluator, realism: float, progress: Callable[[str], None], **more: Any
    ) -> tuple[Energy | None, Engine, dict[str, Any]] | None:
        """Return an energy, this engine with weights that it has already, and their card; None to have them fitted.

        Args:
            evaluator: The model and the constraints.
            realism: Weight of realism.
            progress: Called with a line of text now and then.
            **more: `base` (`prior` or `data`), and for an engine that fits by itself `settings` and `cache`, as
                `lc_core.fitting.prepare` takes them.

        Raises:
            LCError: If the weights were fitted for something else.
        """
        return None

    def note(self, entries: Sequence[Entry], realism: float) -> str | None:
        """Return what a user should know about what this engine does with a problem, or None."""
        return None

    def init(self, z: Tensor, model: LatentModel) -> tuple[Tensor, ...]:
        """Return the state at the starts `z`."""
        return (z,)

    @abstractmethod
    def step(self, state: tuple[Tensor, ...], energy: Energy, model: LatentModel, number: int) -> tuple[Tensor, ...]:
        """Return the state after step `number`, which counts from 1."""

    def begin(self, model: LatentModel, space: Space, generator: torch.Generator) -> Engine:
        """Return this engine with fresh weights for a model and what is free; itself if it has none."""
        return self

    def study(self, energy: Energy, prior: Measured) -> None:
        """Take prior samples that were decoded and measured; called once, before the first `learn`.

        An engine that learns from examples keeps what it needs of them; the energy's entries and `space` say what is
        wanted.
        """
        return

    def learn(self, energy: Energy, model: LatentModel, generator: torch.Generator) -> None:
        """Train the weights for a while to lower an energy; called once in each round of refinement.

        What is free in it (`energy.space`) has to be drawn: `energy.at(energy.space.draw(count, generator))` is the
        energy of `count` rows, and its `code` holds what each wants.
        """
        return

    def tensors(self) -> dict[str, Tensor]:
        """Return a copy of the weights, by name, ready to be saved."""
        return {}

    def with_tensors(self, tensors: dict[str, Tensor], model: LatentModel, space: Space) -> Engine:
        """Return this engine with the weights that `tensors` gave."""
        return self

    def settings(self) -> dict[str, Any]:
        """Return the settings that decide where its path leads; fitted parts that follow it are keyed by them."""
        return {key: value for key, value in vars(self).items() if not key.startswith("_")}


class EditingEngine(Engine):
    """An engine that `lc transform` sends out of an encoding several times, and back towards it.

    Any engine edits; one of this class also holds measurements near what they were, and is tried again, with other
    settings, where a first try does not satisfy.
    """

    def editing(self) -> EditingEngine | None:
        """Return this engine."""
        return self

    @abstractmethod
    def keeping(self, kept: Sequence[Preserved], before: Mapping[str, np.ndarray] | None = None) -> EditingEngine:
        """Return this engine holding measurements near what they were.

        Args:
            kept: The measurements.
            before: What each was, `(B,)` by label, for the one block that it is to run; measured on the decoded
                starts if not given.
        """

    @abstractmethod
    def for_fit(self) -> EditingEngine:
        """Return this engine as critics are to be fitted for it: with fewer steps, where most edits need fewer."""

    @abstractmethod
    def faster(self, factor: float) -> EditingEngine:
        """Return this engine with larger steps, `factor` times as large."""

    @abstractmethod
    def nearer(self, factor: float) -> EditingEngine:
        """Return this engine with a heavier weight of the distance from the start, `factor` times as heavy."""

    @abstractmethod
    def init(self, z: Tensor, model: LatentModel, *, anchor: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the state at `z`.

        Args:
            z: Where to begin, `(B, *latent_shape)`.
            model: The model.
            anchor: What to keep near, of the same shape; default `z`.
        """
