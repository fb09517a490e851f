"""Spaces in a spec that look plain and are not."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from lc_core.cli import main

NBSP, ZERO, WIDE, MARK = "\u00a0", "\u200b", "\u3000", "\ufeff"
SPEC = "lc: 1\nmodel: digits.8x8\nconstraints:\n  - {use: images.brightness, at_least: 0.1}\n"


def validate(tmp_path: Path, text: str | bytes):
    path = tmp_path / "s.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return CliRunner().invoke(main, ["validate", str(path)])


@pytest.mark.parametrize(
    ("old", "new", "place", "name"),
    [
        ("  - {", f"{NBSP}{NBSP}- {{", "4:1", "a no-break space (U+00A0)"),
        ("  - {", f" {WIDE}- {{", "4:2", "a wide space (U+3000)"),
        ("  - {", "\u2003\u2003- {", "4:1", "a typographic space (U+2003)"),
        ("- {", f"-{NBSP}{{", "4:4", "a no-break space (U+00A0)"),
        ("model: d", f"model:{NBSP}d", "2:7", "a no-break space (U+00A0)"),
        ("use: i", f"use:{NBSP}i", "4:10", "a no-break space (U+00A0)"),
        ("8x8", f"8x8{NBSP}", "2:18", "a no-break space (U+00A0)"),
        ("0.1", f"{ZERO}0.1", "4:40", "a zero-width space (U+200B)"),
        ("bright", f"bri{ZERO}ght", "4:21", "a zero-width space (U+200B)"),
        ("model", f"{MARK}model", "2:1", "a byte order mark (U+FEFF)"),
    ],
)
def test_an_odd_space_is_named_with_its_place(tmp_path: Path, old: str, new: str, place: str, name: str) -> None:
    result = validate(tmp_path, SPEC.replace(old, new, 1))
    assert result.exit_code == 2
    assert f"s.yaml:{place}: error: {name} stands where a plain space, or nothing, is expected" in result.stderr
    assert "hint: write a plain space there" in result.stderr


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("  - {", "\t- {", "4:1: error: a tab stands where only spaces are allowed"),
        ("  - {", "  -\t{", "4:4: error: a tab stands where only spaces are allowed"),
        ("- {", "\u2013 {", "4:3: error: an en dash (U+2013) stands where a list is marked by a plain hyphen, -"),
        (
            "- {use: images.brightness",
            "\u2022 images.brightness #",
            "4:3: error: a bullet (U+2022) stands where a list",
        ),
    ],
)
def test_what_was_typed_for_a_space_or_a_hyphen_is_named(tmp_path: Path, old: str, new: str, told: str) -> None:
    result = validate(tmp_path, SPEC.replace(old, new, 1))
    assert result.exit_code == 2
    assert f"s.yaml:{told}" in result.stderr


@pytest.mark.parametrize("text", [
    SPEC.replace("model: ", "model:\t"), SPEC.replace("0.1", "0.1, label: a \u2013 b"),
    f"# une note{NBSP}: rien\n{SPEC}", SPEC.replace("0.1", f'0.1, label: "{NBSP}a{NBSP}"'),
    SPEC.replace("0.1", f"0.1, label: a{NBSP}b"), SPEC.replace("0.1", "0.1, label: \u00e9t\u00e9"),
    MARK + SPEC, SPEC.encode("utf-16"), SPEC.replace("\n", "\r\n"),
])  # fmt: skip
def test_a_spec_in_which_they_do_no_harm_is_read(tmp_path: Path, text: str | bytes) -> None:
    result = validate(tmp_path, text)
    assert result.exit_code == 0, result.output
