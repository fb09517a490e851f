import pytest
from lc_core import LCError
from lc_core.testing import check_model

from lc_tiny_gan.model import TinyGan, load
from lc_tiny_gan.train import train


def test_it_keeps_what_a_model_promises():
    check_model(load)
    assert load().differentiable


def test_what_is_trained_can_be_loaded(tmp_path):
    pytest.importorskip("sklearn")
    train(tmp_path, steps=5)
    assert load(folder=str(tmp_path)).digest != load().digest


def test_a_file_without_weights_is_refused(tmp_path):
    (tmp_path / "generator.safetensors").write_bytes(b"nothing")
    with pytest.raises(LCError, match="holds no generator"):
        TinyGan(tmp_path / "generator.safetensors")
