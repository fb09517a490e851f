"""The judge only reports: who imports it, what it was trained on, and that it is good at it."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from importlib.util import resolve_name
from pathlib import Path

import numpy as np
import pytest

import lc_core
import lc_plugins
from lc_core.errors import LCError
from lc_plugins.avatars import plugin, verifier
from lc_plugins.avatars.attributes import visible
from lc_plugins.avatars.dataset import Avatars
from lc_plugins.avatars.judge import SHIPPED, judge, judge_features

JUDGE = "lc_plugins.avatars.judge"
REPORTING = {"lc_plugins.avatars.evaluate", "lc_plugins.avatars.export", "lc_plugins.avatars.train"}
"""The figures of a model, what writes its card, and the recipe that ends with it."""

ASKS = re.compile(r"""(?<!\breport)\.\s*(?:all|get)\(\s*(?:kind\s*=\s*)?["']judge["']""")
"""Text that asks a registry for judges, or for one; a report has what they said under the same word."""


def modules() -> Iterator[tuple[str, Path]]:
    for package in (lc_core, lc_plugins):
        root = Path(next(iter(package.__path__)))
        for path in root.rglob("*.py"):
            parts = path.relative_to(root.parent).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def imports(name: str, path: Path) -> set[str]:
    """Return every module that a file may import, inside functions too."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package)
            found |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    return found


def who_reaches(target: str) -> set[str]:
    """Return every module from which imports lead to another."""
    table = {name: imports(name, path) for name, path in modules()}
    reached, grown = {target}, True
    while grown:
        more = {name for name, used in table.items() if used & reached} - reached
        reached |= more
        grown = bool(more)
    return reached - {target}


def test_the_walk_sees_imports_inside_functions_and_through_others() -> None:
    assert {"lc_plugins.avatars.verifier", "lc_plugins.avatars.judge"} <= who_reaches("lc_plugins.avatars.classifier")


def test_nothing_but_reports_can_import_the_judge() -> None:
    assert who_reaches(JUDGE) == REPORTING


def test_nothing_that_is_registered_to_guide_or_select_leads_to_the_judge() -> None:
    targets: list[str] = []
    for hook in (plugin.lc_register_models, plugin.lc_register_constraints):
        hook(lambda name, target, **about: targets.append(target.partition(":")[0]))
    assert len(targets) == 3
    assert not {JUDGE, *REPORTING} & set(targets)


def test_the_judge_is_named_where_judges_are_registered_and_these_are_asked_when_all_is_done() -> None:
    texts = {name: path.read_text(encoding="utf-8") for name, path in modules()}
    assert [name for name, text in texts.items() if f"{JUDGE}:" in text] == [plugin.__name__]
    assert texts[plugin.__name__].count(f"{JUDGE}:") == 2, "as a judge, and as a space to compare sets in"
    targets: list[str] = []
    plugin.lc_register_judges(lambda name, target, **about: targets.append(target.partition(":")[0]))
    assert targets == [JUDGE]
    assert [name for name, text in texts.items() if ASKS.search(text)] == ["lc_core.editing.judge"]
    users = [name for name, text in texts.items() if re.search(r"\bspace_of\(", text)]
    assert sorted(users) == ["lc_core.evaluation.figures", "lc_core.plugins.registry"]
    assert who_reaches("lc_core.evaluation.figures") == {"lc_core.evaluation", *REPORTING, "lc_core.cli.eval"}
    assert who_reaches("lc_core.editing.judge") <= {"lc_core.runs.transform", "lc_core.cli.transform"}


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ('registry.all("judge")', True),
        ("registry.all('judge')", True),
        ('registry.get("judge", name)', True),
        ("registry.get(\n    'judge', name\n)", True),
        ("registry.all(kind='judge')", True),
        ('registry.all("measurement")', False),
        ('figures["judge"].items()', False),
        ('report.get("judge", {})', False),
    ],
)
def test_however_a_judge_is_asked_for_it_is_seen(text: str, asks: bool) -> None:
    assert bool(ASKS.search(text)) == asks


def test_judge_and_verifier_share_no_picture_and_no_seed() -> None:
    one, other = (
        json.loads((folder / "config.json").read_text())["training"] for folder in (SHIPPED, verifier.SHIPPED)
    )
    (first, last), (other_first, other_last) = one["pictures"], other["pictures"]
    assert last <= other_first or other_last <= first
    assert one["seed"] != other["seed"]


def test_the_judge_tells_what_drawn_avatars_have(avatars: Avatars, pictures: np.ndarray) -> None:
    said = judge(pictures)
    assert ((said >= 0.5) == avatars.held)[visible(avatars.held)].mean() > 0.99
    assert not np.array_equal(said, verifier.probabilities(pictures))


def test_its_last_layer_is_a_space_of_128_features(pictures: np.ndarray) -> None:
    features = judge_features(pictures[:5])
    assert features.shape == (5, 128)
    assert np.isfinite(features).all()


def test_the_judge_refuses_other_pictures() -> None:
    with pytest.raises(LCError, match=r"the judge takes float images \(B, 3, 64, 64\)"):
        judge(np.zeros((1, 3, 28, 28), np.float32))


@pytest.mark.parametrize("folder", [SHIPPED, verifier.SHIPPED])
def test_a_card_says_how_accurate_a_classifier_is(folder: Path) -> None:
    figures = json.loads((folder / "figures.json").read_text())
    assert figures["summary"]["macro-F1"] >= 0.98
    assert len(figures["attributes"]) == 30
    assert figures["weights_sha256"] == json.loads((folder / "config.json").read_text())["weights_sha256"]
    assert figures["weights_sha256"] in (folder / "MODEL_CARD.md").read_text()
