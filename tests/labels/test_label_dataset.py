"""`lc label --dataset`, with a data set of a plugin of one file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lc_plugins.labels.label_set import read_label_set

PLUGIN = """
import numpy as np
from lc_core import hookimpl


def read(folder, *, shade: float = 0.0, progress=print):
    \"\"\"Read pictures that are kept in one array.\"\"\"
    pictures = np.load(folder / "pictures.npy")[:, None].astype(np.float32) / 255
    progress("read all")
    return np.clip(pictures + shade, 0, 1), {"seven": np.load(folder / "labels.npy")[:, 0]}


@hookimpl
def lc_register_datasets(register):
    register("mine.array", read, output="image.gray/1")
"""
RETURNS = 'return np.clip(pictures + shade, 0, 1), {"seven": np.load(folder / "labels.npy")[:, 0]}'


@pytest.fixture
def label(lc, digits):
    """Label an array of digits; the plugin's file is as it should be or as a test wants it."""
    Path("data").mkdir()
    np.save("data/pictures.npy", digits[0])
    np.save("data/labels.npy", digits[1])

    def run(*more, source=PLUGIN):
        Path("my_data.py").write_text(source)
        options = ["--plugin", "my_data.py", "--data", "data", "--dataset", "mine.array", "--out", "set.safetensors"]
        return lc("label", "digits.8x8", *options, *more)

    return run


def test_a_set_holds_what_the_plugin_read(label, digits):
    result = label("--set", "data.shade=0.1")
    assert result.exit_code == 0, result.output
    assert "read all" in result.stderr and "encoded 500 of 500 outputs" in result.stderr
    found = read_label_set(Path("set.safetensors"))
    np.testing.assert_array_equal(found.values["seven"], digits[1][:, 0])
    assert found.mean.shape == (500, 10)
    assert found.source == {"kind": "dataset", "dataset": "mine.array", "params": {"shade": 0.1}, "rows": 500}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ((RETURNS, "return pictures, {}"), "returned 500 outputs and 0 names; expected one of each at least"),
        ((RETURNS, "return pictures, {'a': [1]}"), "returned labels a of shape (1,); expected (500,), finite numbers"),
        ((RETURNS, "return pictures"), "dataset mine.array of my_data raised ValueError"),
        ((RETURNS, "return pictures, {'a': np.arange(500)}"), "a has values from 0 to 499; expected 0 and 1"),
        (("image.gray/1", "image.rgb/1"), "dataset mine.array holds image.rgb/1, but digits.8x8 makes image.gray/1"),
        ((', output="image.gray/1"', ""), "dataset mine.array must be registered with output="),
    ],
)
def test_what_will_not_do_is_told(label, change, told):
    result = label(source=PLUGIN.replace(*change))
    assert result.exit_code == 2 and told in " ".join(result.stderr.split()), result.output
    assert not Path("set.safetensors").exists()
