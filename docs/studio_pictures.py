"""Screenshots of the page of `lc studio`, for `docs.pictures`: a person's session, by a real browser."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["FRAMES", "photograph"]

ANSWERED = "li.answer:not([hidden]):not(.old)"
CONFLICT = """lc: 1
model: melody.folk-2bar
constraints:
  - {use: melody.in_scale, params: {tonic: C, mode: major_pentatonic}}
  - {use: melody.in_scale, params: {tonic: F#, mode: major_pentatonic}}
  - {use: melody.arch, at_least: 0.4}
  - {use: melody.note_density, at_least: 0.5}
"""
SMILING = """lc: 1
model: avatars.64
base: data
constraints:
  - {use: avatars.attribute, params: {name: smiling}, at_least: 0.9}
  - {use: avatars.attribute, params: {name: eyeglasses}, at_least: 0.9}
"""


def photograph(name: str, folder: Path) -> Path:
    """Take one of `FRAMES` and return its file."""
    from playwright.sync_api import sync_playwright

    spec, dark, act = FRAMES[name]
    place = folder / f"studio-{name}.png"
    browser = next(found for one in ("chromium", "google-chrome") if (found := shutil.which(one)))
    with sync_playwright() as playwright, _served(spec, folder) as address:
        opened = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = opened.new_page(viewport={"width": 1440, "height": 900}, color_scheme="dark" if dark else "light")
        page.goto(address)
        page.wait_for_selector(ANSWERED, timeout=120_000) if act is not _mistaken else page.wait_for_timeout(5_000)
        act(page)
        page.wait_for_timeout(2_500)
        page.screenshot(path=place)
        opened.close()
    return place


@contextmanager
def _served(spec: str, folder: Path) -> Iterator[str]:
    """Serve a studio on a spec, and give its address."""
    if "\n" in spec:
        (folder / "studio.yaml").write_text(spec, encoding="utf-8")
        spec = str(folder / "studio.yaml")
    with tempfile.TemporaryDirectory() as kept:
        command = [sys.executable, "-m", "lc_core", "studio", spec, "--no-open", "--folder", kept]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
            process.wait()


def _looked(page: Any) -> None:
    """Do nothing but look."""


def _mistaken(page: Any) -> None:
    """Look at what cannot be met."""


def _kept(page: Any) -> None:
    """Star two answers and compare them."""
    for number in (1, 2):
        page.get_by_role("button", name=f"Star answer {number}", exact=False).first.click()
    for number, slot in ((1, "a"), (2, "b")):
        page.locator("li.answer").nth(number - 1).locator(f"[data-act={slot}]").click()


FRAMES = {
    "page": ("melody/evening_song", False, _looked),
    "dark": ("melody/evening_song", True, _kept),
    "conflict": (CONFLICT, False, _mistaken),
    "avatars": (SMILING, False, _looked),
}
"""For each screenshot the spec, whether the page is dark, and what is done before it is taken."""
