"""A small sampler is trained in a second or two, and meets what the prior seldom does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from lc_core import Constraint, FitSettings, Group, Measurement, SampleResult, sample
from lc_core.errors import LCError
from lc_core.plugins.registry import Registry
from lc_core.sampler import Amortised, Rule, Sampler, SamplerSettings, Trainer, amortise, tabulate
from tests.core.sampler.conftest import TINY, Gauss, spread, total, value

AT_0 = Constraint(Measurement(value, {"at": 0}), at_least=1.0)
AT_1 = Constraint(Measurement(value, {"at": 1}), at_most=-1.0)


def samples() -> tuple[torch.Tensor, np.ndarray]:
    """Return latents of the Gaussian and their outputs."""
    z = torch.randn(256, 4, generator=torch.Generator().manual_seed(0))
    return z, z.numpy()


FIT = FitSettings(prior_samples=2_048, push_samples=256, steps=80, hidden=32)


def tries(amortised: Amortised, *constraints: Constraint | Group, count: int = 128) -> SampleResult:
    """Return those of `count` first tries that meet all."""
    engine = Sampler(folder=str(amortised.folder), block=64)
    return sample(
        model=Gauss(), constraints=constraints, engine=engine, count=count, budget=count, fit=FIT, cache=False
    )  # fmt: skip


def test_a_small_sampler_meets_what_one_prior_sample_in_forty_does(amortised: Amortised) -> None:
    result = tries(amortised, AT_0, AT_1)
    assert len(result) > 0.4 * 128
    assert (result.outputs[:, 0] >= 1).all() and (result.outputs[:, 1] <= -1).all()


def test_of_alternatives_each_is_made(amortised: Amortised) -> None:
    high = Constraint(Measurement(value, {"at": 0}), at_least=1.5, label="high")
    low = Constraint(Measurement(value, {"at": 0}), at_most=-1.5, label="low")
    found = tries(amortised, Group("any", (high, low))).outputs[:, 0]
    assert (found >= 1.5).sum() > 10 and (found <= -1.5).sum() > 10


def test_a_rule_that_it_has_never_seen_is_met_by_a_critic(amortised: Amortised) -> None:
    unseen = Constraint(Measurement(spread), at_least=2.5)
    result = tries(amortised, unseen, Constraint(Measurement(total), between=(-1.0, 1.0)))
    assert result.report["fit"]["known"] == ["total"]
    assert result.report["fit"]["fitted"] == ["spread"]
    assert len(result) > 0.2 * 128, "of prior samples 1 in 70 does"


def test_it_serves_a_spec_of_which_it_knows_no_rule(amortised: Amortised) -> None:
    result = tries(amortised, Constraint(Measurement(spread), at_least=2.5))
    assert result.report["fit"]["known"] == []
    assert len(result) > 0.1 * 128, "of prior samples 1 in 70 does"


def test_an_output_has_the_same_bytes_whatever_the_count(amortised: Amortised) -> None:
    few, many = (tries(amortised, AT_0, AT_1, count=count) for count in (70, 200))
    rows = np.isin(many.index, few.index)
    assert few.outputs.tobytes() == many.outputs[rows][: len(few)].tobytes()
    assert few.latents.tobytes() == many.latents[rows][: len(few)].tobytes()


def test_a_training_goes_on_as_if_it_had_not_been_stopped() -> None:
    model, settings = Gauss(), replace(TINY, steps=14, warm=4)
    rules = [Rule.of(Measurement(one), fixed=False) for one in (value, total)]
    made = tabulate(rules, settings, [samples()])
    whole, first, second = (Trainer(model, *made, settings) for _ in range(3))
    whole.run()
    first.run(steps=9)
    second.load(first.state())
    second.run()
    for one, other in zip(whole.average.parameters(), second.average.parameters(), strict=True):
        assert torch.equal(one, other)


def test_training_ends_in_time() -> None:
    model, settings = Gauss(), replace(TINY, steps=1_000_000, minutes=1e-6)
    made = tabulate([Rule.of(Measurement(total), fixed=False)], settings, [samples()])
    trainer = Trainer(model, *made, settings)
    trainer.run()
    assert trainer.step == 1


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"stps": 3}, "did you mean steps"),
        ({"steps": 0}, "steps: should be greater than or equal to 1"),
        ({"sizes": []}, "sizes: should have at least 1 entry"),
        ({"sizes": [0, 0]}, "sizes should have a number above 0"),
        ({"width": "wide"}, "width: should be a whole number"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes: dict[str, object], told: str) -> None:
    with pytest.raises(LCError, match=told):
        SamplerSettings.given(changes)


class Shifted(Gauss):
    """Its data lie two to the right of its prior samples."""

    name = "shifted"

    def flow(self) -> nn.Module:
        class Flow(nn.Module):
            def forward(self, z: torch.Tensor) -> torch.Tensor:
                return z + 2.0 * torch.eye(4)[0]

        return Flow()


def test_under_base_data_tries_follow_the_flow_and_keep_to_data(tmp_path: Path) -> None:
    model = Shifted()
    amortise(model, rules=[value, total], settings=TINY, out=tmp_path / "s", registry=Registry())
    engine = Sampler(folder=str(tmp_path / "s"), block=64)
    found = sample(model=model, constraints=[AT_1], engine=engine, base="data", count=256, budget=512, cache=False)
    assert len(found) > 200 and (found.outputs[:, 1] <= -1).all()
    assert abs(found.outputs[:, 0].mean() - 2.0) < 0.3, "nothing is asked of the first value: it is as data have it"
    assert np.allclose(found.outputs, found.latents), "latents are where the flow leads"
    assert found.report["moves"]["proposed"] >= 8 * 256, "as under base: prior"
    settings = {"model": model, "constraints": [AT_0], "base": "data", "cache": False}
    exact = sample(engine=engine, count=512, budget=768, moves=40, **settings).outputs[:, 0]
    assert abs(exact.mean() - 2.288) < 0.1 and abs(exact.var() - 0.630) < 0.12, "a normal about 2, above 1"
    with pytest.raises(LCError, match="moves: 2 cannot be made: engine gradient neither follows a flow of shifted"):
        sample(engine="gradient", count=1, moves=2, fit=FIT, **settings)


def test_a_base_that_was_not_learned_and_has_no_flow_is_refused(amortised: Amortised) -> None:
    engine = Sampler(folder=str(amortised.folder), block=64)
    with pytest.raises(LCError, match="no flow or chain"):
        sample(model=Gauss(), constraints=[AT_1], engine=engine, base="data", count=1, cache=False)
