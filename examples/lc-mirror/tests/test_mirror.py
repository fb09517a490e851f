import numpy as np
import torch
from lc_core.testing import parametrize_with_checks

from lc_mirror import symmetry


@parametrize_with_checks([symmetry])
def test_it_keeps_what_a_constraint_promises(check):
    check()


def picture(*rows):
    return np.array([[rows]], dtype=np.float32)


def test_pictures_are_measured_by_hand():
    arch, step, left = picture([0, 1, 0], [1, 0, 1]), picture([0, 1], [0, 1]), picture([1, 0, 0, 0])
    np.testing.assert_allclose(symmetry(arch), 1)
    np.testing.assert_allclose(symmetry(step), -1)
    np.testing.assert_allclose(symmetry(left), -1 / 3, rtol=1e-6)  # 1 - (2 / 4) / (2 * 3 / 16)
    np.testing.assert_allclose(symmetry(step, sides="top-bottom"), 1)
    np.testing.assert_allclose(symmetry(arch, sides="top-bottom"), -1)


def test_it_is_the_correlation_with_the_mirror_image_in_colour_too():
    pictures = np.random.default_rng(0).random((4, 3, 6, 5))
    expected = [np.corrcoef(one.ravel(), one[:, :, ::-1].ravel())[0, 1] for one in pictures]
    np.testing.assert_allclose(symmetry(pictures), expected)


def test_neither_contrast_nor_a_negative_changes_it():
    pictures = np.random.default_rng(1).random((4, 1, 8, 8))
    np.testing.assert_allclose(symmetry(0.2 + 0.5 * pictures), symmetry(pictures))
    np.testing.assert_allclose(symmetry(1 - pictures), symmetry(pictures))


def test_a_picture_of_one_colour_is_symmetric_and_has_a_finite_gradient():
    pictures = torch.full((1, 1, 4, 4), 0.5, requires_grad=True)
    value = symmetry(pictures)
    assert value.item() == 1
    (gradient,) = torch.autograd.grad(value.sum(), pictures)
    assert gradient.isfinite().all()
