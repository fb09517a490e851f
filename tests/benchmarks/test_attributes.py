"""The judge's totals, and the energy of full attribute vectors: what is hidden counts nowhere."""

from __future__ import annotations

import numpy as np
import torch

from benchmarks.paper import e5_attributes
from benchmarks.paper.attributes import AttributeEnergy
from lc_plugins.avatars.attributes import NAMES, visible


def labels(*rows):
    return np.array([[name in row for name in NAMES] for row in rows])


def test_totals_count_what_can_be_seen():
    held = labels(["hat", "smiling"], ["black_hair", "smiling"], ["black_hair"], ["sad"])
    said = labels(["hat", "smiling", "red_hair"], ["black_hair", "smiling"], [], ["sad"])  # red hair, under a hat
    found = e5_attributes.scores_of(said.astype(float), held)
    assert found["summary"]["all attributes right"] == 3 / 4
    assert found["attributes"]["black_hair"]["recall"] == 1 / 2
    assert found["attributes"]["red_hair"]["accuracy"] == 1
    shares = {"hat": 1 / 4, "smiling": 1 / 2, "black_hair": 2 / 3, "sad": 1 / 4}
    recall = sum(share * (0.5 if name == "black_hair" else 1) for name, share in shares.items())
    assert np.isclose(found["summary"]["weighted recall"], recall / sum(shares.values()))


def test_the_energy_falls_towards_wanted_attributes_and_ignores_hidden_ones():
    held = labels(["hat"])
    wanted, seen = torch.from_numpy(held), torch.from_numpy(visible(held))
    plain = {"critic": torch.nn.Identity(), "realism": lambda z: z.sum(1), "weight": 0.0}
    energy = AttributeEnergy(**plain, wanted=wanted, seen=seen)
    z = torch.zeros(1, len(NAMES))
    at = {name: z.clone() for name in ("hat", "black_hair")}
    for name, moved in at.items():
        moved[0, NAMES.index(name)] = 1.0
    assert energy(at["hat"]).total < energy(z).total
    assert energy(at["black_hair"]).total == energy(z).total
    assert torch.isclose(energy(z).total, torch.log(torch.tensor(2.0)) * seen.sum())
