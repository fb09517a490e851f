"""The engine `sampler`: it serves any spec of a model's rules with a network that was trained once."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from lc_core.common.nets import cast_once
from lc_core.constraints.constraint import Entry, leaves
from lc_core.engines.base import Engine
from lc_core.errors import LCError
from lc_core.sampler.alternatives import MOST_ALTERNATIVES, count_alternatives
from lc_core.sampler.rules import Rules

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from torch import Tensor

    from lc_core.constraints.evaluator import Evaluator
    from lc_core.energy.energy import Energy
    from lc_core.models.latent_model import LatentModel
    from lc_core.sampler.asked import Asked
    from lc_core.sampler.folder import Trained
    from lc_core.sampler.network import Predictor

__all__ = ["Sampler"]

GATHERED, WARM = 3 / 16, 1 / 4
"""Shares of the steps: in the first what is asked comes to count, up to the second noise is as the prior has it."""


class Sampler(Engine):
    """A network that was trained once for a model guides prior samples to any set of its rules; nothing is fitted.

    The network predicts the value of every rule. A try is a chain whose law is the prior times the predicted
    probability of what is asked. It begins at a prior sample, what is asked comes to count by and by, and after a
    quarter of the steps its noise falls; from then on the try ends at the first check that measures it as satisfied.
    Rules that the sampler was not trained on get a critic each, whose gradient is followed too.

    Args:
        folder: A folder that `lc amortise` wrote; if empty, the one that was made for this model, or comes with it.
        steps: Most steps of a try.
        check_every: Steps between two checks, each of which decodes the tries that are left; 0 means none. Nor are
            there any with preferences.
        moves: Exact moves that each output is given, which bring it near to an exact sample; fewer where a decode is
            costly, none where the prior is not a standard normal, or with preferences.
        block: Tries in a block; default 64, fewer where a decode is costly.
    """

    def __init__(
        self,
        *,
        folder: str = "",
        steps: Annotated[int, Field(ge=1, le=10_000)] = 128,
        moves: Annotated[int, Field(ge=0, le=10_000)] = 8,
        check_every: Annotated[int, Field(ge=0, le=1_000)] = 4,
        block: Annotated[int, Field(ge=1, le=65_536)] | None = None,
    ) -> None:
        self.folder, self.steps, self.moves = folder, steps, moves
        self.checks = tuple(range(int(WARM * steps), steps, check_every)) if check_every else ()
        self.choose_block(block, 64)
        self._trained: Trained | None = None
        self._predictor: Predictor | None = None
        self._asked: Asked | None = None
        self._carry: Callable[[Tensor], Tensor] | None = None

    def unfit(self, model: LatentModel, entries: Sequence[Entry], realism: float) -> str | None:
        """Return why it cannot serve a problem: no sampler for this model, or too many alternatives."""
        if any(leaf.free for leaf in leaves(entries)):
            return "free values need the engine actor"
        if (ways := count_alternatives(entries)) > MOST_ALTERNATIVES:
            return f"any and not let the spec be met in {ways} ways, more than {MOST_ALTERNATIVES}"
        if (folder := self._folder(model)) is None:
            return f"there is none for {model.name}; lc amortise trains one"
        return self._unreadable(folder, model)

    @staticmethod
    def _unreadable(folder: str | Path, model: LatentModel) -> str | None:
        """Return why a folder holds no sampler of a model, or None; its weights are not read."""
        from lc_core.sampler.folder import read_config

        try:
            digest = read_config(folder)["model"]["digest"]
        except LCError as error:
            return error.message
        return None if digest == model.digest else f"the one in {folder} is of another model or other weights"

    def note(self, entries: Sequence[Entry], realism: float) -> str | None:
        """Say that realism has no part in it."""
        return "sampler ignores realism; base: data asks for outputs like data" if realism > 0 else None

    def ready(
        self, evaluator: Evaluator, realism: float, progress: Callable[[str], None], **more: Any
    ) -> tuple[Energy, Engine, dict[str, Any]]:
        """Return the engine with its network, and an energy of what that was not trained on."""
        from lc_core.sampler.asked import Asked
        from lc_core.sampler.folder import read_sampler
        from lc_core.sampler.unseen import energy_of_unseen

        model = evaluator.model
        folder = self._folder(model)
        if folder is None:
            raise LCError(f"there is no sampler for {model.name}", hint="train one: lc amortise")
        trained = read_sampler(folder, model, [leaf.measurement for leaf in evaluator.leaves])
        known = [entry for entry in evaluator.entries if all(map(trained.rules.knows, leaves([entry])))]
        others = [entry for entry in evaluator.entries if entry not in known]
        base = trained.base if more.get("base") == "data" else None
        asked = Asked.of(trained.rules, known, model.device, base).weighed(model, trained.predictor)
        energy = energy_of_unseen(evaluator, others, progress, settings=more.get("settings"), cache=more.get("cache"))
        card = {
            "weights": trained.digest,
            "known": [entry.label for entry in known],
            "fitted": [entry.label for entry in others],
        }
        carry = model.flow() if more.get("base") == "data" and base is None else None
        if more.get("base") == "data" and base is None and carry is None:
            raise LCError(
                f"the sampler of {model.name} has not learned what data are", hint="base: prior, or another engine"
            )
        ready = self.asking(trained, asked, carry)
        if len(evaluator.conditions) < len(evaluator.entries):
            ready.checks = ()  # what meets all conditions may not be as preferred yet
        return energy, ready, card

    def asking(self, trained: Trained, asked: Asked, carry: Callable[[Tensor], Tensor] | None = None) -> Sampler:
        """Return this engine with its network, what it is asked, and the flow through which it is to reach data."""
        ready = copy.copy(self)
        ready._trained, ready._asked, ready._carry = trained, asked, carry
        ready._predictor = cast_once(trained.predictor, trained.predictor.read.weight.device.type)
        return ready

    def _folder(self, model: LatentModel) -> str | Path | None:
        from lc_core.sampler.folder import find_sampler

        return self.folder or find_sampler(model)

    def transport(self, model: LatentModel, entries: Sequence[Entry]) -> Callable[[Tensor], Tensor] | None:
        """Return None where the sampler makes what is like data by itself: it has learned it, or follows the flow."""
        if self._carry or (self._trained and self._trained.base):
            return None
        return super().transport(model, entries)

    def moves_to_data(self, model: LatentModel, entries: Sequence[Entry]) -> bool:
        """Return whether the model has a flow, which it follows, or it has learned how data differ from the prior."""
        return model.flow() is not None or self.knows_base(model)

    def origin(self, state: tuple[Tensor, ...]) -> Tensor | None:
        """Return where the chains of a state are, if they follow the flow."""
        return None if self._carry is None else state[3]

    def data_odds(self, model: LatentModel) -> Callable[[np.ndarray], np.ndarray] | None:
        """Return the log odds of data against prior samples, by the model's likeness; None if not learned."""
        trained = self._trained
        if trained is None or (base := trained.base) is None:
            return None
        rule = trained.rules.rules[base.rule]
        return lambda outputs: base.log_ratio(rule.bin_of(model.unwrapped.measure_likeness(outputs)))

    def weights(self, model: LatentModel) -> str:
        """Return which weights it uses."""
        from lc_core.sampler.folder import read_config

        folder = self._folder(model)
        return str(read_config(folder)["weights_sha256"]) if folder else ""

    def knows_base(self, model: LatentModel) -> bool:
        """Return whether it has learned how data differ from prior samples."""
        from lc_core.sampler.folder import read_config

        folder = self._folder(model)
        return folder is not None and bool(read_config(folder).get("base"))

    def knows(self, model: LatentModel, entries: Sequence[Entry]) -> int:
        """Return how many of the constraints in entries it was trained on."""
        from lc_core.sampler.folder import read_config

        folder = self._folder(model)
        if folder is None:
            return 0
        rules = Rules.told(read_config(folder))
        return sum(rules.knows(leaf) for leaf in leaves(entries))

    def settings(self) -> dict[str, Any]:
        """Return the settings, and which weights they are used with."""
        weights = {"weights": self._trained.digest} if self._trained else {}
        return super().settings() | weights

    def init(self, z: Tensor, model: LatentModel) -> tuple[Tensor, ...]:
        """Return the latents, the alternative that each is given, what its noise is drawn with, and where its chain is.

        A chain is where its latents are; with a flow it is where the flow begins.
        """
        import torch

        from lc_core.sampler.guide import dice_of

        assert self._asked is not None, "prepare reads the sampler"
        with torch.no_grad():
            carried = z if self._carry is None else self._carry(z)
        return (carried, self._asked.ways(z), dice_of(z), z)

    def step(self, state: tuple[Tensor, ...], energy: Energy, model: LatentModel, number: int) -> tuple[Tensor, ...]:
        """Take a guided step."""
        import torch

        from lc_core.sampler.guide import guided, throw
        from lc_core.sampler.unseen import SamplerEnergy

        assert self._asked is not None and self._trained is not None and self._predictor is not None
        z, way, dice, here = state
        if self._asked.empty and not energy.entries:
            return state
        gradient = torch.zeros_like(here).flatten(1)
        if not self._asked.empty:
            gradient = self._asked.look(model, self._predictor, here, way, self._carry).gradient
            if isinstance(energy, SamplerEnergy) and self._trained.reads_decoder:
                energy.seen.latents += len(z)
        if energy.entries:
            with torch.enable_grad():
                free = here.detach().requires_grad_(True)
                value = -energy(free if self._carry is None else self._carry(free)).total
                (more,) = torch.autograd.grad(value.sum(), free)
            gradient = gradient + more.flatten(1)
        counted = min(1.0, number / (GATHERED * self.steps))
        heat = min(1.0, (self.steps - number) / ((1 - WARM) * self.steps))
        here = guided(model, here, gradient * counted, throw(dice, number, model.dimensions), heat)
        if self._carry is None:
            z = here
        elif number in self.checks or number == self.steps:
            with torch.no_grad():
                z = self._carry(here)
        return (z, way, dice, here)
