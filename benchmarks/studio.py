"""How soon the page of `lc studio` answers: `python -m benchmarks.studio`.

A browser opens the page on random compositions of the model's rules, drawn by `benchmarks.random_specs` with seed 3,
and moves their faders a little, several times. It is timed in the page, from a move until the histograms are drawn
anew, until the first answer and until all sixteen are there. Then several pages are moved at random at the same time,
most moves before the last one is answered, and what is left over is counted. Needs the extra `studio`, playwright and
Chromium.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.tables import say, table

COMPOSITIONS = Path(__file__).parent / "bench" / "compositions.json"
NEAR, FAR = (1, 2, 3), (4, 5)
"""Decades of rates, 1e-k, whose moves are told together."""
BANK = 262_144
SLOWEST = 20.0
"""Seconds after which a move counts as not answered."""
TIMED = """() => {
  const seen = (window.seen = { at: 0, look: null, first: null, all: null });
  const watch = (records) => {
    if (!seen.at) return;
    const now = performance.now() - seen.at;
    if (seen.look === null && records.some((one) => one.target.closest?.(".bars"))) seen.look = now;
    const fresh = document.querySelectorAll("li.answer:not([hidden]):not(.old)").length;
    if (fresh && seen.first === null && seen.begun) seen.first = now;
    if (!fresh) seen.begun = true;
    if (fresh >= 16 && seen.all === null && seen.begun) seen.all = now;
  };
  new MutationObserver(watch).observe(document.body, { subtree: true, childList: true, attributes: true });
}"""
MOVE = """([share, which]) => {
  const ends = [...document.querySelectorAll(".fader input[type=range]:not([hidden])")];
  const end = ends[which % ends.length];
  if (!end) return false;
  const step = Number(end.step);
  const old = Number(end.value);
  end.value = old + step * (share > 0 ? 1 : -1) * (end.max - end.min > 20 * step ? 2 : 1);
  if (Number(end.value) === old) end.value = old - step * (share > 0 ? 1 : -1);
  if (Number(end.value) === old) return false;
  Object.assign(window.seen, { at: performance.now(), look: null, first: null, all: null, begun: false });
  end.dispatchEvent(new Event("input", { bubbles: true }));
  end.dispatchEvent(new Event("change", { bubbles: true }));
  return true;
}"""


@dataclass
class Heard:
    """What a page heard and said: answers, those that miss a condition, errors, requests to others."""

    answers: int = 0
    wrong: int = 0
    errors: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def listen(self, page: Any, base: str) -> None:
        page.on("console", lambda one: self.errors.append(one.text) if one.type == "error" else None)
        page.on("pageerror", lambda one: self.errors.append(str(one)))
        page.on("request", lambda one: None if one.url.startswith((base, "blob:")) else self.elsewhere.append(one.url))
        page.on("websocket", lambda socket: socket.on("framereceived", self._frame))

    def _frame(self, text: str | bytes) -> None:
        found = json.loads(text)
        if found["kind"] == "answer":
            self.answers += 1
            self.wrong += any(one["condition"] and not one["met"] for one in found["values"])
        if found["kind"] == "error":
            self.errors.append(found["message"])


@dataclass
class Served:
    """A studio that serves."""

    process: subprocess.Popen[str]
    base: str
    token: str
    kept: Path

    def open(self, browser: Any, heard: Heard, doc: Mapping[str, Any], name: str) -> Any:
        """Open a page on a spec, as if it had been left there."""
        (self.kept / "pages").mkdir(parents=True, exist_ok=True)
        sound = {"tempo": 100, "volume": 0.7, "instrument": "piano", "loop": True, "metronome": False, "chords": False}
        now = {"doc": doc, "source": None, "near": None, "stars": [], "a": None, "b": None, "sound": sound}
        state = {"form": 1, "at": 0, "moves": [{"label": "Start", "now": now, "first": None}], "answers": []}
        (self.kept / "pages" / f"{name}.json").write_text(json.dumps(state))
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        heard.listen(page, self.base)
        page.goto(f"{self.base}/#token={self.token}&page={name}")
        page.wait_for_selector("li.answer:not([hidden]):not(.old)", timeout=1000 * 6 * SLOWEST)
        page.evaluate(TIMED)
        return page

    def processes(self) -> list[int]:
        """Return the processes that serve."""
        text = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True, check=False
        ).stdout
        return [self.process.pid, *map(int, text.split())]

    def memory(self) -> int:
        """Return the bytes that they hold and no other process does, added up."""
        return sum(_private(one) for one in self.processes())


def _private(process: int) -> int:
    text = Path(f"/proc/{process}/smaps_rollup").read_text()
    return sum(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Private_"))


@contextmanager
def served(cache: Path, *options: str) -> Iterator[Served]:
    """Start a studio; it is ended in the end."""
    kept = Path(tempfile.mkdtemp(prefix="lc-kept-"))
    command = [sys.executable, "-m", "lc_core", "studio", *options, "--no-open", "--folder", str(kept)]
    env = os.environ | {"LC_CACHE_DIR": str(cache), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
    assert process.stdout is not None
    base, _, token = process.stdout.readline().strip().partition("/#token=")
    try:
        yield Served(process, base, token, kept)
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(kept, ignore_errors=True)


def started(browser: Any, cache: Path) -> tuple[float, float]:
    """Return the seconds from the command to a page with controls, and to the first answers."""
    began = time.monotonic()
    with served(cache) as studio:
        page = browser.new_page()
        page.goto(f"{studio.base}/#token={studio.token}")
        page.wait_for_selector("button, select", timeout=60_000)
        controls = time.monotonic() - began
        page.wait_for_selector("li.answer:not([hidden]):not(.old)", timeout=120_000)
        answered = time.monotonic() - began
        page.close()
    return controls, answered


def moved(page: Any, way: int, fader: int, *, wait: bool = True) -> dict[str, float | None] | None:
    """Move a fader a little up or down; return the milliseconds until each thing, None for what did not come."""
    if not page.evaluate(MOVE, [way, fader]):
        return None
    if not wait:
        return {}
    try:
        page.wait_for_function("() => window.seen.all !== null", timeout=1000 * SLOWEST, polling=20)
    except Exception as error:  # playwright's own, which is not imported here
        if "Timeout" not in type(error).__name__:
            raise
    found: dict[str, float | None] = page.evaluate("() => window.seen")
    if found["all"] is None:
        say(f"not answered: {page.inner_text('.plan')}\n{page.inner_text('#rules')[:400]}")
    return {key: found[key] for key in ("look", "first", "all")}


def timed_moves(studio: Served, browser: Any, heard: Heard, moves: int) -> dict[str, list[dict[str, float | None]]]:
    """Move the faders of compositions, so many times in near decades, and in far ones."""
    every = json.loads(COMPOSITIONS.read_text())
    rng = random.Random(0)
    found: dict[str, list[dict[str, float | None]]] = {"1e-1 .. 1e-3": [], "1e-4 .. 1e-5": []}
    for name, decades in zip(found, (NEAR, FAR), strict=True):
        chosen = [one for one in every["compositions"] if one["decade"] in decades]
        for number, one in enumerate(chosen):
            doc = {
                "lc": 1,
                "model": every["model"],
                "constraints": one["constraints"],
                "sample": {"count": 16, "seed": 0},
            }
            page = studio.open(browser, heard, doc, f"bench{decades[0]}{number:03d}")
            fader = 0
            each = -(-(moves - len(found[name])) // (len(chosen) - number))
            for move in range(each):  # there and back, so that the spec stays near the composition
                fader = fader if move % 2 else rng.randrange(100)
                if (seen := moved(page, -1 if move % 2 else 1, fader)) is not None:
                    found[name].append(seen)
            page.close()
            say(f"{name}: {len(found[name])} of {moves} moves")
    return found


def random_moves(studio: Served, browser: Any, heard: Heard, moves: int, pages: int) -> dict[str, float]:
    """Move faders of several pages at random, most of them before the last move is answered."""
    every = json.loads(COMPOSITIONS.read_text())
    chosen = [one for one in every["compositions"] if 2 <= one["decade"] <= 5][:: max(1, 12 // pages)][:pages]
    rng = random.Random(1)
    opened = []
    for number, one in enumerate(chosen):
        doc = {"lc": 1, "model": every["model"], "constraints": one["constraints"], "sample": {"count": 16, "seed": 0}}
        opened.append(studio.open(browser, heard, doc, f"many{number:04d}"))
    before: tuple[int, int] | None = None
    for number in range(moves):
        moved(rng.choice(opened), rng.choice([-1, 1]), rng.randrange(100), wait=False)
        time.sleep(rng.choice([0.0, 0.02, 0.1, 0.3]))
        if number == moves // 5:
            before = (studio.memory(), len(studio.processes()))
    time.sleep(3)
    after = (studio.memory(), len(studio.processes()))
    for page in opened:
        page.close()
    assert before is not None
    return {"growth": after[0] / before[0] - 1, "processes before": before[1], "processes after": after[1]}


@click.command()
@click.option("--moves", default=200, show_default=True, help="Moves in each of two ranges of rates.")
@click.option("--random-moves", "many", default=500, show_default=True, help="Random moves of several pages.")
@click.option("--pages", default=4, show_default=True, help="Pages that are moved at the same time.")
@click.option("--samples", default=BANK, show_default=True, help="Samples of the bank.")
@click.option("--cache", type=click.Path(path_type=Path), help="A cache whose bank is full; by default one is made.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the figures here as JSON.")
def main(moves: int, many: int, pages: int, samples: int, cache: Path | None, out: Path | None) -> None:
    """Time the page of the studio in a browser."""
    from playwright.sync_api import sync_playwright

    figures: dict[str, Any] = {"processors": os.cpu_count(), "torch": _torch_seconds()}
    kept = cache or Path(tempfile.mkdtemp(prefix="lc-cache-"))
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        with tempfile.TemporaryDirectory() as empty:
            figures["cold"] = started(browser, Path(empty))
        _fill(kept, samples)
        figures["warm"] = started(browser, kept)
        heard = Heard()
        with served(kept, "--samples", str(samples)) as studio:
            figures["moves"] = timed_moves(studio, browser, heard, moves)
            figures["random"] = random_moves(studio, browser, heard, many, pages)
        browser.close()
    figures["heard"] = vars(heard)
    _print(figures)
    if out:
        out.write_text(json.dumps(figures, indent=1, default=str))


def _torch_seconds() -> float:
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", "import torch"], check=True)
    return time.monotonic() - began


def _fill(cache: Path, samples: int) -> None:
    say(f"filling the bank with {samples:,} samples")
    command = [sys.executable, "-m", "lc_core", "bank", "melody.folk-2bar", "--samples", str(samples), "--quiet"]
    subprocess.run(command, check=True, env=os.environ | {"LC_CACHE_DIR": str(cache)})


def _print(figures: Mapping[str, Any]) -> None:
    torch = figures["torch"]
    say(f"import torch: {torch:.2f} s; {figures['processors']} processors")
    for kind in ("cold", "warm"):
        controls, answered = figures[kind]
        more = answered - torch
        say(f"{kind}: page with controls {controls:.2f} s, first answers {answered:.2f} s, torch and {more:.2f} s")
    rows = []
    for name, found in figures["moves"].items():
        for key, what in (("look", "histograms"), ("first", "first answer"), ("all", "sixteen")):
            values = np.array([np.inf if one[key] is None else one[key] for one in found])
            half, most = np.quantile(values, (0.5, 0.95), method="higher") if len(values) else (np.nan, np.nan)
            late = int(np.isinf(values).sum())
            rows.append([name, what, str(len(values)), f"{half:,.0f} ms", f"{most:,.0f} ms", str(late)])
    say(table(["rates", "from a move to", "moves", "median", "95 %", "not answered"], rows))
    heard, left = figures["heard"], figures["random"]
    say(f"answers: {heard['answers']:,}, that miss a condition: {heard['wrong']}; errors: {len(heard['errors'])}")
    for text in heard["errors"][:5]:
        say(f"  {text}")
    say(f"requests to other hosts: {len(heard['elsewhere'])}")
    say(
        f"random moves: memory grew by {100 * left['growth']:.1f} %; processes {left['processes before']} before, "
        f"{left['processes after']} after"
    )


if __name__ == "__main__":
    main()
