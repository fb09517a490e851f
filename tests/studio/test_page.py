"""What a person does on the page of `lc studio`, in a real browser; skipped where there is none.

Each page may talk to its own studio only: requests to others are refused and counted. Errors in the console fail a
test.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.studio.conftest import Served, start

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install playwright")
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs Chromium: apt-get install chromium")

Page = Any
SPEC = """
lc: 1
model: melody.folk-2bar
constraints:
  - {use: melody.in_scale}
sample: {count: 16}
fit: {prior_samples: 256, push_samples: 64, steps: 20, rounds: 0}
"""
STRANGER = '''
from typing import Literal

import numpy as np
from lc_core import hookimpl, measurement


@measurement(accepts="melody.tokens/1", unit="notes", range=(0, np.inf))
def register_notes(tokens: np.ndarray, *, register: Literal["low", "high"] = "low", above: bool = True) -> np.ndarray:
    """Return how many notes a stranger counts, `(B,)`.

    Formula: a stranger's own.

    Args:
        tokens: Melodies `(B, T)`.
        register: Where it counts.
        above: Whether the edge counts.
    """
    return ((tokens < 72) if register == "low" else (tokens >= 72) & (tokens < 128)).sum(axis=1).astype(float)


@hookimpl
def lc_register_constraints(register):
    register("stranger.register_notes", register_notes)
'''


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--mute-audio"])
        yield found
        found.close()


@pytest.fixture(scope="module")
def melodies(tmp_path_factory: pytest.TempPathFactory, cache_folder: Path) -> Iterator[Served]:
    """A studio of melodies, with a small bank and a stranger's rule."""
    folder = tmp_path_factory.mktemp("melodies")
    (folder / "stranger.py").write_text(STRANGER)
    plugin = ("--plugin", str(folder / "stranger.py"))
    (folder / "mine.yaml").write_text(SPEC)
    found = start(
        folder / "kept", cache_folder, "mine.yaml", "--samples", "8192", "--workers", "1", *plugin, cwd=folder
    )
    yield found
    found.process.terminate()
    assert found.process.wait(20) == 0


class Person:
    """Somebody at a page, whose clicks and keys are counted.

    Args:
        page: The page.
        base: Its studio's address; requests to others are refused.
    """

    def __init__(self, page: Page, base: str) -> None:
        self.page, self.acts = page, 0
        self.errors: list[str] = []
        self.elsewhere: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        page.route(lambda address: not address.startswith((base, "blob:", "data:")), self._refuse)

    def _refuse(self, route: Any) -> None:
        self.elsewhere.append(route.request.url)
        route.abort()

    def open(self, address: str) -> None:
        self.page.goto(address)
        self.answered()

    def answered(self) -> None:
        """Wait until all answers of the newest spec are there."""
        sync_api.expect(self.page.locator(".plan")).to_contain_text("16 of 16", timeout=30_000)
        sync_api.expect(self.page.locator(".answer.old")).to_have_count(0, timeout=30_000)

    def click(self, role: str, name: str | re.Pattern[str], **more: Any) -> None:
        self.acts += 1
        self.page.get_by_role(role, name=name, **more).first.click()

    def keys(self, *names: str) -> None:
        for name in names:
            self.acts += 1
            self.page.keyboard.press(name)

    def add(self, rule: str) -> None:
        self.click("button", re.compile(f"^{rule} "))

    def yaml(self) -> str:
        return str(self.page.get_by_label("The spec as YAML").input_value())

    def says(self, text: str | re.Pattern[str]) -> None:
        """Wait until the spec says something."""
        pattern = re.compile(re.escape(text)) if isinstance(text, str) else text
        sync_api.expect(self.page.get_by_label("The spec as YAML")).to_have_value(pattern)

    def tables(self) -> list[list[str]]:
        """Return the cells of all answers' tables, a list for each answer."""
        cells = "[...one.querySelectorAll('td, th[scope=row]')].map(cell => cell.innerText)"
        rows = f"answers => answers.map(one => {cells})"
        return list(self.page.locator(".grid > li:not([hidden])").evaluate_all(rows))


@pytest.fixture
def person(browser: Any, melodies: Served) -> Iterator[Person]:
    """Somebody at a new page of melodies, with one rule: all notes in C major."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    found = Person(context.new_page(), melodies.base)
    found.open(f"{melodies.base}/#token={melodies.token}")
    yield found
    context.close()
    assert found.errors == []
    assert found.elsewhere == []


def test_a_newcomer_leaves_with_a_starred_midi_file_under_three_rules(person: Person) -> None:
    person.add("span")
    person.add("ends on")
    person.answered()
    person.click("button", "Star Answer 1")
    with person.page.expect_download() as download:
        person.click("link", "Save Answer 1 as .mid")
    assert Path(download.value.path()).read_bytes().startswith(b"MThd")
    assert person.acts <= 20
    assert [row[0::4] for row in person.tables()] == [["in scale", "span", "ends on"]] * 16
    person.says(re.compile(r"span.*between", re.DOTALL))
    person.click("tab", "Starred")
    with person.page.expect_download() as download:
        person.click("link", "Save all starred as a zip file")
    names = zipfile.ZipFile(io.BytesIO(Path(download.value.path()).read_bytes())).namelist()
    assert {"spec.yaml", "01.mid"} <= set(names)


def test_keys_alone_add_a_rule_move_it_play_star_and_undo(person: Person) -> None:
    page = person.page
    page.locator("#find").focus()
    page.keyboard.type("span")
    person.keys("Enter")
    person.says("melody.span")
    page.get_by_label("span: lower end").focus()
    before = person.yaml()
    person.keys("ArrowRight", "ArrowRight")
    sync_api.expect(page.get_by_label("The spec as YAML")).not_to_have_value(before)
    person.answered()
    person.keys("Space")
    sync_api.expect(page.locator("#play")).to_have_accessible_name("Stop")
    person.keys("Space")
    sync_api.expect(page.locator("#play")).to_have_accessible_name("Play")
    page.get_by_role("button", name="Star Answer 1", exact=True).focus()
    person.keys("ArrowRight", "Enter")
    starred = page.get_by_role("button", name="Star Answer 2", exact=True)
    sync_api.expect(starred).to_have_attribute("aria-pressed", "true")
    sync_api.expect(starred).to_be_focused()
    person.keys("Control+z")
    sync_api.expect(starred).to_have_attribute("aria-pressed", "false")
    person.keys("Control+z", "Control+z", "Control+z")
    sync_api.expect(page.get_by_label("The spec as YAML")).not_to_have_value(re.compile("melody.span"))
    person.keys(*["Control+Shift+z"] * 4)
    sync_api.expect(starred).to_have_attribute("aria-pressed", "true")


def test_every_control_is_reached_by_tab_with_a_name_and_a_visible_focus(person: Person) -> None:
    names = []
    focus = """() => {
        const one = document.activeElement;
        const drawn = one.type === "file" ? one.parentElement : one.closest(".key")?.lastElementChild ?? one;
        return [one.id || one.className, Boolean(one.closest(".track")), getComputedStyle(drawn).outlineStyle];
    }"""
    track = person.page.locator("#rule-0 .track")
    calm = track.screenshot()
    for _ in range(60):
        person.keys("Tab")
        name, on_track, outline = person.page.evaluate(focus)
        assert outline == "solid" or (on_track and track.screenshot() != calm), name
        names.append(name)
    assert {"theme", "rule-0-low", "rule-0-mode", "find", "seed", "file", "play", "sound-tempo"} <= set(names)


def test_a_fader_tells_where_outputs_lie_and_no_answer_breaks_it(person: Person) -> None:
    page = person.page
    person.add("note density")
    person.answered()
    card = page.get_by_role("group", name="note density", exact=True)
    assert card.locator("path.all").get_attribute("d") != card.locator("path.left").get_attribute("d")
    sync_api.expect(card.locator(".reach")).to_contain_text(re.compile(r"\d"))
    sync_api.expect(card.locator(".alone")).to_contain_text("alone")
    sync_api.expect(page.locator(".every")).to_contain_text("Rules together:")
    page.get_by_label("note density: Wanted").select_option("at_least")
    fader = card.get_by_label("note density: at least").first
    for value in (0.3, 0.4, 0.5):
        fader.evaluate("(one, value) => { one.value = value; one.dispatchEvent(new Event('input')); }", value)
    fader.dispatch_event("change")
    person.answered()
    wanted = float(re.findall(r"at_least: ([\d.]+)", person.yaml())[-1])
    assert wanted == pytest.approx(0.5, abs=0.02)
    assert all(float(row[5]) >= wanted - 1e-4 for row in person.tables())
    assert "✗" not in json.dumps(person.tables(), ensure_ascii=False)


def test_the_spec_and_the_controls_follow_each_other_and_mistakes_show_at_their_line(person: Person) -> None:
    editor = person.page.get_by_label("The spec as YAML")
    person.page.get_by_role("radio", name="D", exact=True).click()
    person.says("tonic: D")
    text = person.yaml()
    editor.fill(text.replace("tonic: D", "tonic: H"))
    sync_api.expect(person.page.locator(".problems")).to_contain_text("expected a pitch class")
    line = text[: text.index("tonic: D")].count("\n") + 1
    sync_api.expect(person.page.locator(".line.bad").first).to_have_text(str(line))
    editor.fill(text.replace("tonic: D", "tonic: G"))
    sync_api.expect(person.page.get_by_role("radio", name="G", exact=True)).to_be_checked()
    sync_api.expect(person.page.locator(".problems")).to_be_empty()
    person.answered()


def test_any_not_and_a_preference_are_made_by_hand(person: Person) -> None:
    page = person.page
    person.add("span")
    page.locator("#rule-1-summary").click()
    page.locator("#rule-1-or").select_option("melody.max_leap")
    person.says(re.compile(r"any:.*span.*max_leap", re.DOTALL))
    page.locator("#rule-0-summary").click()
    page.locator("#rule-0-preference").click()
    person.says("require: false")
    page.locator("#rule-0-preference").click()
    page.locator("#rule-0-not").click()
    person.says(re.compile(r"not:.*in_scale", re.DOTALL))
    person.answered()
    page.get_by_role("button", name="Remove the rule max leap").click()
    sync_api.expect(page.get_by_label("The spec as YAML")).not_to_have_value(re.compile("any:"))


def test_a_page_is_as_it_was_when_it_is_opened_again_and_others_are_their_own(person: Person, melodies: Served) -> None:
    page = person.page
    person.add("span")
    person.answered()
    person.click("button", "Star Answer 3")
    page.wait_for_timeout(800)
    address = page.url
    assert melodies.token not in address
    spec = person.yaml()
    other = Person(page.context.new_page(), melodies.base)
    other.open(f"{melodies.base}/#token={melodies.token}")
    other.add("contour")
    other.says("melody.contour")
    page.reload()
    person.answered()
    assert page.url == address
    assert person.yaml().partition("engine:")[0] == spec.partition("engine:")[0]
    person.click("tab", "Starred")
    sync_api.expect(page.locator("#panel-starred .answer")).to_have_count(1)
    person.click("tab", "History")
    sync_api.expect(page.locator(".move")).to_have_count(3)
    sync_api.expect(page.locator(".move svg").first).to_be_visible()
    page.locator("#move-0").click()
    sync_api.expect(page.locator("#rules-list .card")).to_have_count(1)
    assert other.errors == []


def test_two_are_compared_and_more_like_one_are_made(person: Person) -> None:
    page = person.page
    person.click("button", "Compare Answer 1 as A")
    person.click("button", "Compare Answer 2 as B")
    sync_api.expect(page.locator(".comparison .answer")).to_have_count(2)
    page.locator("#slot-a-play").click()
    page.locator("#slot-b-play").click()
    sync_api.expect(page.locator("#slot-b-play")).to_have_accessible_name(re.compile("^Stop"))
    sync_api.expect(page.locator(".comparison .now")).to_have_count(1)
    person.click("button", "End the comparison")
    person.click("button", "More like Answer 1")
    sync_api.expect(page.locator(".note")).to_contain_text("These are like Answer 1")
    sync_api.expect(page.locator(".grid").get_by_text("near", exact=True).first).to_be_visible(timeout=20_000)
    assert "✗" not in json.dumps(person.tables(), ensure_ascii=False)


def test_a_file_of_ones_own_is_started_from(person: Person, tmp_path: Path) -> None:
    page = person.page
    with page.expect_download() as download:
        person.click("link", "Save Answer 1 as .mid")
    (tmp_path / "mine.mid").write_bytes(Path(download.value.path()).read_bytes())
    (tmp_path / "broken.mid").write_bytes(b"MThd nothing")
    page.locator("#file").set_input_files(tmp_path / "broken.mid")
    sync_api.expect(page.locator(".status.bad")).to_contain_text("broken.mid")
    assert "400" in person.errors.pop(), "the browser tells of a file that was refused"
    page.locator("#file").set_input_files(tmp_path / "mine.mid")
    sync_api.expect(page.locator(".note")).to_contain_text("Starts from mine.mid")
    sync_api.expect(page.locator(".grid").get_by_text("edit", exact=True)).to_be_visible(timeout=60_000)


def test_a_strangers_rules_have_controls_and_help(person: Person) -> None:
    page = person.page
    person.add("register notes")
    card = page.get_by_role("group", name="register notes", exact=True)
    card.get_by_role("radio", name="high").click()
    person.says("register: high")
    card.get_by_text("Help and more").click()
    sync_api.expect(card).to_contain_text("How many notes a stranger counts.")
    sync_api.expect(card).to_contain_text("Whether the edge counts.")
    person.add("no repeats")
    person.says("norepeats.no_repeats")
    sync_api.expect(page.locator(".answer:not(.old)").first).to_be_visible(timeout=30_000)  # all may take longer


def test_a_file_can_be_dragged_out(person: Person, melodies: Served) -> None:
    drag = "link => { const data = new DataTransfer();"
    drag += "link.dispatchEvent(new DragEvent('dragstart', { dataTransfer: data }));"
    drag += "return data.getData('DownloadURL'); }"
    told = person.page.get_by_role("link", name="Save Answer 1 as .mid").evaluate(drag)
    media, name, address = told.split(":", 2)
    assert (media, name) == ("audio/midi", "answer-1.mid")
    assert address.startswith(f"{melodies.base}/file/")


def test_nobody_is_kept_out(person: Person) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")
    page = person.page
    person.add("span")
    page.locator("#rule-1-summary").click()
    person.click("button", "Compare Answer 1 as A")
    person.click("button", "Star Answer 2")
    person.answered()
    page.evaluate((Path(axe.__file__).parent / "axe.min.js").read_text())

    def violations(what: str) -> list[Any]:
        found = page.evaluate(f"axe.run({what})")["violations"]
        return [(one["id"], [node["html"][:120] for node in one["nodes"]]) for one in found]

    assert violations("document") == []
    for tab in ("History", "Starred"):
        person.click("tab", tab)
        assert violations("'#side'") == []
    page.locator("#theme").select_option("dark")
    assert violations("document, {runOnly: ['color-contrast']}") == []


@pytest.mark.parametrize("width", [320, 900, 1440, 3840])
def test_nothing_is_cut_off_at_any_width(person: Person, width: int) -> None:
    person.page.set_viewport_size({"width": width, "height": 900})
    person.add("span")
    person.answered()
    assert person.page.evaluate("document.documentElement.scrollWidth") <= width
