"""What counts as unchanged, how a critic is asked for it, and where edits start."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lc_core.common.seeds import block_generator
from lc_core.constraints.constraint import Constraint
from lc_core.constraints.declare import measurement
from lc_core.constraints.measurement import Measurement
from lc_core.constraints.want import Want
from lc_core.critics.critic import Bins, Critic
from lc_core.energy.preserved import Preserved
from lc_core.engines.edit import Edit
from lc_core.errors import LCError
from lc_core.models.encodings import POOL, Encodings
from lc_core.models.latent_model import LatentModel, Posterior, encode_outputs
from lc_core.plugins.discover import build_registry
from lc_core.spec.preserve import preserve_every

NAN = float("nan")


@measurement(accepts="*", unit="", range=(0, 9), undefined="none", at_least=5)
def size(outputs):
    return outputs[:, 0]


class Halved(LatentModel):
    """Encodes to half of the latent, with a spread of 0.8 and 0.4."""

    latent_shape = (2,)

    def decode(self, z):
        return z

    def encode(self, outputs):
        mean = torch.as_tensor(np.asarray(outputs)) / 2
        return Posterior(mean, torch.tensor([0.8, 0.4]).expand(mean.shape))


def test_a_verdict_is_kept_and_an_undefined_value_stays_undefined():
    kept = Preserved(Measurement(size), "size", want=Want(at_least=5))
    before, after = np.array([4, 4, 6, NAN, NAN, 6]), np.array([1, 5, 5, NAN, 3, NAN])
    np.testing.assert_array_equal(kept.unchanged(before, after), [True, False, True, True, False, False])


def test_a_value_is_kept_within_its_tolerance():
    kept = Preserved(Measurement(size), "size", want=Want(at_least=5), tolerance=1)
    before, after = np.array([4, 4, NAN, 4]), np.array([5, 5.1, NAN, NAN])
    np.testing.assert_array_equal(kept.unchanged(before, after), [True, False, True, False])


@pytest.mark.parametrize("tolerance", [-1, float("inf")])
def test_a_tolerance_is_a_number_from_0(tolerance):
    with pytest.raises(LCError, match="tolerance must be a number"):
        Preserved(Measurement(size), "size", tolerance=tolerance)
    with pytest.raises(LCError, match="a want or a tolerance"):
        Preserved(Measurement(size), "size")


@pytest.mark.parametrize("tolerance", [None, 1.0])
def test_the_loss_is_the_critics_surprise_at_what_counts_as_unchanged(tolerance):
    values = np.arange(10.0)
    critic = Critic(2, Bins.of(values), hidden=4)
    kept = Preserved(Measurement(size), "size", want=Want(at_least=5), tolerance=tolerance)
    z, before = torch.randn(3, 2), np.array([3.0, 7.0, NAN])
    odds = critic.logits(z).softmax(dim=1).detach()
    same = [kept.unchanged(np.full(11, one), np.append(values, NAN)) for one in before]
    wanted = [-torch.log(odds[row][torch.from_numpy(mask)].sum()) for row, mask in enumerate(same)]
    torch.testing.assert_close(kept.loss(critic, critic.logits(z), before), torch.stack(wanted), atol=1e-4, rtol=1e-4)


def test_how_something_is_kept_is_part_of_the_engines_settings():
    plain, one = Edit(), Edit().keeping([Preserved(Measurement(size), "size", tolerance=1)])
    two = Edit().keeping([Preserved(Measurement(size), "size", tolerance=2)])
    assert plain.settings() != one.settings() != two.settings()


def test_keep_all_takes_the_domains_defaults_that_are_not_asked_for():
    registry = build_registry()
    names = {one.name for one in preserve_every("melody.folk-2bar", "melody.tokens/1", (), registry)}
    assert {"melody.in_scale", "melody.repeated_bar", "melody.max_leap"} <= names
    assert not names & {"melody.contour", "melody.chord_fit", "norepeats.no_repeats"}


def test_starts_are_encodings_and_are_moved_to_no_shell():
    model = Encodings(Halved())
    large = model.sample_prior(20_000, block_generator(0, 0))
    assert large.std() == pytest.approx(0.5, rel=0.02)
    small = model.sample_prior(8, block_generator(0, 1))
    assert small.shape == (8, 2) and len(torch.unique(small)) > 8
    torch.testing.assert_close(small, model.sample_prior(8, block_generator(0, 1)))
    assert not model.on_shell and POOL > 8
    torch.testing.assert_close(model.project(3 * small, small), 3 * small)
    torch.testing.assert_close(model.sigma_bar, torch.tensor([0.8, 0.4]))
    assert model.digest != Halved().digest


def test_an_encoder_that_returns_another_shape_or_what_is_not_finite_is_blamed():
    class Wrong(Halved):
        def encode(self, outputs):
            return Posterior(torch.zeros(len(outputs), 3), torch.ones(len(outputs), 3))

    class Endless(Halved):
        def encode(self, outputs):
            return Posterior(torch.full((len(outputs), 2), NAN), torch.ones(len(outputs), 2))

    with pytest.raises(LCError, match=r"returned shapes \(4, 3\) and \(4, 3\); expected \(4, 2\) twice"):
        encode_outputs(Wrong(), np.zeros((4, 2)))
    with pytest.raises(LCError, match="not finite"):
        encode_outputs(Endless(), np.zeros((4, 2)))


def test_a_measurement_that_needs_settings_is_kept_under_all_that_an_edit_does_not_involve():
    registry = build_registry()
    attribute = registry.get("constraint", "avatars.attribute")
    blond = Constraint(Measurement(attribute.load(), attribute.fill({"name": "blond_hair"}), name="avatars.attribute"))
    kept = [one.params["name"] for one in preserve_every("avatars.64", "image.rgb/1", (blond,), registry)]
    assert len(kept) == len(set(kept))
    assert {"smiling", "beard", "eyeglasses", "winking"} <= set(kept)
    assert not {"blond_hair", "black_hair", "red_hair", "bald", "hat"} & set(kept)
