"""The energy: terms that add up, and odds that combine as logic does."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lc_core.constraints.constraint import Constraint, Entry, all_of, any_of, none_of
from lc_core.constraints.want import Want
from lc_core.critics.critic import Odds
from lc_core.energy.energy import Energy

Z = torch.randn(50, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


class Coordinate(nn.Module):
    """A stand-in for a critic: coordinate k, c, is the log odds of "met", and -c - 1 those of its negation."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def every(self, z: Tensor) -> Tensor:
        return z[:, self.number].view(-1, 1, 1)

    def odds(self, every: Tensor, want: Want) -> Odds:
        return Odds(every[:, 0, 0], -every[:, 0, 0] - 1)


CRITICS = {label: Coordinate(number) for number, label in enumerate("abcd")}


def leaf(label: str, *, weight: float = 1.0, require: bool = True) -> Constraint:
    return Constraint(lambda outputs: outputs, at_least=0, label=label, weight=weight, require=require)


def odds(entry: Entry, z: Tensor = Z) -> Odds:
    return energy_of(entry).odds(z, [entry])[entry.label]


def energy_of(*entries: Entry, **options: object) -> Energy:
    return Energy(entries, CRITICS, **options)  # type: ignore[arg-type]


def same(one: Odds, other: Odds) -> bool:
    return torch.allclose(one.yes, other.yes) and torch.allclose(one.no, other.no)


def test_the_terms_add_up_to_the_energy() -> None:
    entries = [leaf("a", weight=2.0), any_of(leaf("b"), leaf("c"), weight=0.5), leaf("d", require=False)]
    value = energy_of(*entries, realism=lambda z: z.sum(1), realism_weight=0.3)(Z)
    assert list(value.terms) == ["a", "any(b, c)", "d", "realism"]
    assert torch.allclose(sum(value.terms.values()), value.total)  # type: ignore[arg-type]
    assert all(term.shape == (50,) and bool((term >= 0).all()) for term in value.terms.values())


def test_a_term_is_the_weighted_cross_entropy_of_met() -> None:
    value = energy_of(leaf("a", weight=2.0))(Z)
    assert torch.allclose(value.total, -2.0 * torch.sigmoid(Z[:, 0]).log())


def test_weights_scale_their_own_term_alone() -> None:
    light, heavy = energy_of(leaf("a"), leaf("b"))(Z).terms, energy_of(leaf("a"), leaf("b", weight=3.0))(Z).terms
    assert torch.allclose(heavy["a"], light["a"])
    assert torch.allclose(heavy["b"], 3 * light["b"])


def test_an_entry_of_weight_zero_has_no_term() -> None:
    assert list(energy_of(leaf("a", weight=0.0), leaf("b"))(Z).terms) == ["b"]


def test_an_energy_of_nothing_is_zero_with_a_gradient_of_zero() -> None:
    z = Z.clone().requires_grad_()
    value = Energy([])(z)
    (gradient,) = torch.autograd.grad(value.total.sum(), z)
    assert value.terms == {}
    assert not value.total.any()
    assert not gradient.any()


def test_not_swaps_the_odds_of_met_and_of_its_negation() -> None:
    plain, negated = odds(leaf("a")), odds(none_of(leaf("a")))
    assert torch.equal(negated.yes, plain.no)
    assert torch.equal(negated.no, plain.yes)
    assert same(odds(none_of(none_of(leaf("a")))), plain)


def test_de_morgan_holds_at_every_depth() -> None:
    a, b, c = leaf("a"), leaf("b"), leaf("c")
    assert same(odds(none_of(all_of(a, b, c))), odds(any_of(none_of(a), none_of(b), none_of(c))))
    assert same(odds(none_of(any_of(a, b))), odds(all_of(none_of(a), none_of(b))))
    assert same(odds(none_of(all_of(a, any_of(b, none_of(c))))), odds(any_of(none_of(a), all_of(none_of(b), c))))


def test_order_and_nesting_of_one_kind_do_not_matter() -> None:
    a, b, c = leaf("a"), leaf("b"), leaf("c")
    assert same(odds(any_of(a, b, c)), odds(any_of(c, any_of(b, a))))
    assert same(odds(all_of(a, b, c)), odds(all_of(all_of(c, a), b)))
    assert same(odds(all_of(a)), odds(a))
    assert same(odds(any_of(a)), odds(a))


def test_any_is_at_least_as_likely_as_its_likeliest_part_and_all_at_most_as_its_unlikeliest() -> None:
    either, both = odds(any_of(leaf("a"), leaf("b"))).yes, odds(all_of(leaf("a"), leaf("b"))).yes
    assert (either >= Z[:, :2].amax(1)).all()
    assert (both <= Z[:, :2].amin(1)).all()


def test_energy_falls_as_a_part_that_is_wanted_gets_likelier_and_rises_under_not() -> None:
    tree = all_of(leaf("a"), any_of(leaf("b"), leaf("c")), none_of(leaf("d")))
    before = energy_of(tree)(Z).total
    for number, falls in enumerate([True, True, True, False]):
        moved = Z.clone()
        moved[:, number] += 0.5
        after = energy_of(tree)(moved).total
        assert (after < before).all() if falls else (after > before).all()


def test_rows_do_not_depend_on_each_other() -> None:
    energy = energy_of(all_of(leaf("a"), none_of(leaf("b"))), leaf("c"))
    assert torch.allclose(energy(Z).total[10:20], energy(Z[10:20]).total)


def test_likely_asks_every_condition_and_no_preference() -> None:
    energy = energy_of(leaf("a"), leaf("b", weight=0.0), leaf("c", require=False))
    assert torch.equal(energy.predicted_satisfied(Z), (Z[:, 0] > 0) & (Z[:, 1] > 0))
    assert energy_of(leaf("c", require=False)).predicted_satisfied(Z).all()
