"""The export recipe of docs/models.md, word for word, and the commands under it."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from lc_core.cli import main
from lc_plugins.models.imports import mend_torchvision

PAGE = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")
SECTION = PAGE.split("## How to export\n")[1].split("\n## ")[0]


def block(start):
    (found,) = (one for one in re.findall(r"^```\w+\n(.*?)^```", SECTION, re.DOTALL | re.MULTILINE) if start in one)
    return found


@pytest.mark.parametrize("use", ["models.export", "models.torchscript", "models.onnx"])
def test_the_recipe_makes_a_file_that_loads_with_a_gradient(use, tmp_path, monkeypatch):
    if use == "models.onnx":
        mend_torchvision()  # which onnx2torch imports
        for name in ("onnx", "onnxruntime", "onnxscript", "onnx2torch"):
            pytest.importorskip(name, reason=f"{name} is not installed")
    exports = {"models.onnx": block("torch.onnx.export("), "models.torchscript": block("torch.jit.trace(")}
    script = tmp_path / "recipe.py"
    script.write_text(block("class Decoder(nn.Module)") + exports.get(use, ""))
    done = subprocess.run([sys.executable, str(script)], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (line,) = (one for one in block("lc inspect models.export").splitlines() if f" {use} " in one)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, shlex.split(line)[1:])
    assert result.exit_code == 0, result.output
    assert "gradient  through the decoder" in result.output
    assert "nothing is wrong with it" in result.output
