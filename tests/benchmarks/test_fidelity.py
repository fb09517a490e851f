"""The benchmark of fidelity: exact samples that were stopped go on to the same sets, and a spec gets its row."""

from __future__ import annotations

import numpy as np

from benchmarks import fidelity

NAMES = ("c_major", "busy_c_major")


def test_exact_samples_that_were_stopped_go_on_to_the_same_sets(tmp_path):
    for name in ("stopped", "whole"):
        (tmp_path / name).mkdir()
    whole = fidelity.exact(NAMES, 40, 20_000, tmp_path / "whole", saved_every=2)
    fidelity.exact(("c_major",), 40, 1_024, tmp_path / "stopped", saved_every=2)
    fidelity.exact(NAMES, 40, 6_144, tmp_path / "stopped", saved_every=2)
    resumed = fidelity.exact(NAMES, 40, 20_000, tmp_path / "stopped", saved_every=2)
    for name in NAMES:
        assert len(whole[name]) == 40 and resumed[name].about() == whole[name].about()
        assert np.array_equal(resumed[name].reference, whole[name].reference)
        assert np.array_equal(resumed[name].second, whole[name].second)


def test_a_spec_gets_its_row(tmp_path):
    pairs = fidelity.exact(("c_major",), 40, 20_000, tmp_path)
    spec = fidelity.load("c_major", 40, engine="rejection", seed=0)
    assert spec.base == "prior", "as the exact samples are"
    figures = fidelity.measured(spec, pairs["c_major"], tmp_path / "run", steps=20)
    cells = dict(zip(fidelity.HEAD, fidelity.row("c_major", figures), strict=True))
    assert cells["N"] == "40" and cells["distinct"] == "100.0 %"
    assert cells["prior's rate"] == f"{pairs['c_major'].met / pairs['c_major'].looked:.3%}"
    assert figures["runs"][0]["engines"][-1]["exact"] is True
