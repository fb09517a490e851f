"""What a page of `lc studio` is told, and what nobody else is."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from websockets.exceptions import ConnectionClosed, InvalidStatus

import lc_core
from lc_core.cli import main
from tests.studio.conftest import Json, Line, Served, start

SEVEN = {"use": "digits.digit", "params": {"digit": 7}, "at_least": 0.9}
DARK = {"use": "images.brightness", "at_most": 0.22}


def kinds(found: list[Json]) -> list[str]:
    return [one["kind"] for one in found]


def answers(found: list[Json]) -> list[Json]:
    return [one for one in found if one["kind"] == "answer"]


def test_a_page_is_told_of_every_rule_before_the_model_is_loaded(page: Line) -> None:
    found = page.catalogue
    assert found["model"] == "digits.8x8"
    rules = {rule["use"]: rule for rule in found["rules"]}
    digit = rules["digits.digit"]
    assert digit["params"][0]["schema"]["maximum"] == 9
    assert "Args:" in digit["help"]
    assert [one["suffix"] for one in found["files"]] == [".png"]
    assert found["view"] == {"media": "image/png", "suffix": ".png"}
    assert found["doc"]["constraints"], "it begins with the spec of the command line"


def test_an_answer_comes_with_where_values_lie_and_how_it_was_made(
    page: Line, doc: Callable[..., Json], studio: Served
) -> None:
    found = page.ask("ask", doc=doc(SEVEN, DARK))
    assert kinds(found)[:2] == ["spec", "look"]
    look = next(one for one in found if one["kind"] == "look")
    assert [leaf["path"] for leaf in look["leaves"]] == [[0], [1]]
    for leaf in look["leaves"]:
        assert sum(leaf["bars"]["all"]) == look["samples"]
        assert len(leaf["bars"]["all"]) == len(leaf["bars"]["left"]) <= 40
    assert len(answers(found)) == 8
    assert all(value["met"] for one in answers(found) for value in one["values"])
    plan = next(one["text"] for one in found if one["kind"] == "plan")
    assert "exact" in plan or "sampler" in plan
    key = answers(found)[0]["key"]
    picture = httpx.get(f"{studio.base}/file/{key}.png", params={"token": studio.token})
    assert picture.headers["content-type"] == "image/png"
    assert picture.content.startswith(b"\x89PNG")


def test_the_spec_that_is_shown_samples_the_same_outputs(
    page: Line, doc: Callable[..., Json], studio: Served, tmp_path: Path
) -> None:
    found = page.ask("ask", doc=doc(SEVEN, DARK))
    yaml = next(one["yaml"] for one in found if one["kind"] == "spec")
    (tmp_path / "mine.yaml").write_text(yaml)
    sampled = lc_core.sample(lc_core.load_spec(tmp_path / "mine.yaml"))
    shown = [one["values"][1]["value"] for one in answers(found)]
    assert shown == pytest.approx(sampled.measurements["brightness"].tolist(), abs=0)


def test_a_newer_ask_takes_the_place_of_an_older_one(page: Line, doc: Callable[..., Json]) -> None:
    never = doc(SEVEN, {"use": "digits.digit", "params": {"digit": 3}, "at_least": 0.9})
    first = page.send("ask", doc=never)
    last = page.ask("ask", doc=doc(SEVEN))
    assert len(answers(last)) == 8
    stop = page.send("stop")
    heard = [page.hear()]
    while heard[-1]["id"] != stop:
        heard.append(page.hear())
    assert first not in {one["id"] for one in heard}


def test_what_is_wrong_with_a_spec_is_told_with_its_place(page: Line, doc: Callable[..., Json]) -> None:
    text = "lc: 1\nmodel: digits.8x8\nconstraints:\n  - {use: digits.digit, params: {digit: 12}}\n"
    found = page.ask("ask", yaml=text)
    assert kinds(found) == ["spec", "end"]
    assert found[0]["problems"][0]["line"] == 4
    assert kinds(page.ask("ask", yaml="a: [")) == ["spec", "end"]
    assert kinds(page.ask("ask", doc=[1])) == ["spec", "end"]


def test_a_page_names_no_file_of_this_machine(page: Line, doc: Callable[..., Json], tmp_path: Path) -> None:
    for spec in (
        doc(model={"use": "models.folder", "params": {"folder": str(tmp_path)}}),
        doc(extends="../secret.yaml"),
        doc({"use": "labels.attribute", "params": {"file": "~/private.json", "name": "a"}}),
    ):
        found = page.ask("ask", doc=spec)
        assert "page cannot" in found[0]["problems"][0]["message"]


def test_answers_like_one_and_stars_and_the_zip(page: Line, doc: Callable[..., Json], studio: Served) -> None:
    first = answers(page.ask("ask", doc=doc(SEVEN)))[0]
    near = answers(page.ask("near", doc=doc(SEVEN), key=first["key"]))
    assert near
    assert all(one["by"] == "near" and one["key"] != first["key"] for one in near)
    assert page.ask("star", key=near[0]["key"], on=True)[0]["keys"] == [near[0]["key"]]
    where = {"token": studio.token, "page": page.catalogue["page"]}
    archive = zipfile.ZipFile(io.BytesIO(httpx.get(f"{studio.base}/starred.zip", params=where).content))
    assert sorted(archive.namelist()) == ["01.png", "spec.yaml"]
    assert b"digits.digit" in archive.read("spec.yaml")
    assert (studio.folder / "outputs" / f"{near[0]['key']}.json").is_file()
    assert page.ask("star", key=near[0]["key"], on=False)[0]["keys"] == []


def test_a_page_is_found_again_as_it_was_left(studio: Served, doc: Callable[..., Json]) -> None:
    line = Line(studio)
    name = line.catalogue["page"]
    state = {"at": 0, "moves": [{"now": {"doc": doc(DARK), "stars": []}}]}
    line.ask("save", state=state)
    line.close()
    again = Line(studio, page=name)
    assert again.catalogue["page"] == name
    assert again.catalogue["state"] == state
    assert again.catalogue["doc"] == doc(DARK)
    again.close()


def test_a_file_that_is_dropped_is_changed_as_little_as_needed(
    page: Line, doc: Callable[..., Json], studio: Served
) -> None:
    shown = answers(page.ask("ask", doc=doc(SEVEN)))[0]["key"]
    picture = httpx.get(f"{studio.base}/file/{shown}.png", params={"token": studio.token}).content
    where = {"token": studio.token, "page": page.catalogue["page"], "name": "mine.png"}
    own = {"origin": studio.base}
    read = httpx.post(f"{studio.base}/upload", params=where, content=picture, headers=own)
    assert read.status_code == 200, read.text
    key = read.json()["outputs"][0]["key"]
    found = page.ask("ask", doc=doc(SEVEN), **{"from": key})
    assert answers(found)[0]["by"] == "edit"
    assert answers(found)[0]["values"][0]["met"]
    wrong = httpx.post(f"{studio.base}/upload", params=where, content=b"no picture", headers=own)
    assert wrong.status_code == 400
    assert "mine.png" in wrong.json()["message"]
    other = httpx.post(f"{studio.base}/upload", params={**where, "name": "../x.exe"}, content=b"MZ", headers=own)
    assert other.status_code == 400


def test_a_run_is_made_where_one_is(page: Line, doc: Callable[..., Json], studio: Served) -> None:
    page.ask("ask", doc=doc(SEVEN))
    run = next(one for one in page.ask("run", doc=doc(SEVEN)) if one["kind"] == "run")
    assert Path(run["folder"], "samples.safetensors").is_file()
    report = httpx.get(f"{studio.base}{run['report']}", params={"token": studio.token})
    assert "sandbox" in report.headers["content-security-policy"]
    outside = httpx.get(f"{studio.base}/run/{page.catalogue['page']}/%2e%2e/%2e%2e/x", params={"token": studio.token})
    assert outside.status_code == 404


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/", {"host": "evil.example:{port}"}, 403),
        ("/", {"host": "127.0.0.1:1"}, 403),
        ("/", {"origin": "http://evil.example"}, 403),
        ("/file/abcd.png", {}, 403),
        ("/starred.zip", {}, 403),
        ("/spec.yaml", {}, 403),
        ("/run/abcd/report.html", {}, 403),
        ("/page/..%2f..%2fcommand.py", {}, 404),
        ("/page/command.py", {}, 404),
        ("/view/../../x.js", {}, 404),
        ("/", {}, 200),
    ],
)
def test_nobody_else_is_served(studio: Served, path: str, headers: dict[str, str], status: int) -> None:
    given = {name: text.format(port=studio.port) for name, text in headers.items()}
    found = httpx.get(studio.base + path, headers=given)
    assert found.status_code == status
    policy = found.headers.get("content-security-policy", "default-src 'none'")
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_nobody_else_posts_or_talks(studio: Served) -> None:
    for headers in ({}, {"origin": "http://evil.example"}, {"origin": "null"}):
        found = httpx.post(f"{studio.base}/upload", params={"token": studio.token}, headers=headers, content=b"x")
        assert found.status_code == 403
    with pytest.raises(InvalidStatus), studio.line(origin="http://evil.example"):
        pass
    with studio.line() as line:
        line.send(json.dumps({"do": "open", "id": 0, "token": "guess", "page": None}))
        with pytest.raises(ConnectionClosed):
            line.recv(timeout=10)


def test_a_file_that_is_too_large_is_refused(page: Line, studio: Served) -> None:
    where = {"token": studio.token, "page": page.catalogue["page"], "name": "large.png"}
    found = httpx.post(f"{studio.base}/upload", params=where, content=bytes(9 * 2**20), headers={"origin": studio.base})
    assert found.status_code == 413


def test_what_no_page_says_ends_the_line_and_nothing_else(studio: Served) -> None:
    for text in ("no json", "[]", '"open"', "null"):
        with studio.line() as line:
            line.send(text)
            with pytest.raises(ConnectionClosed):
                line.recv(timeout=10)
    line = Line(studio)
    assert line.ask("dance")[0]["kind"] == "error"
    assert line.ask("star", key="../../etc", on=True)[0]["kind"] == "error"
    line.close()


def test_a_folder_that_cannot_be_written_is_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = CliRunner().invoke(main, ["studio", "digits/seven", "--no-open", "--folder", str(tmp_path / "file")])
    assert found.exit_code == 2
    assert "cannot be written" in found.stderr


def workers(served: Served) -> list[int]:
    text = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(served.process.pid)], capture_output=True, text=True
    ).stdout
    return [int(one) for one in text.split()]


@pytest.mark.skipif(sys.platform != "linux", reason="ps of Linux")
def test_a_worker_that_is_killed_is_replaced(page: Line, doc: Callable[..., Json], studio: Served) -> None:
    for process in workers(studio):
        os.kill(process, signal.SIGKILL)
    time.sleep(0.2)
    found = page.ask("ask", doc=doc(SEVEN))
    assert len(answers(found)) == 8


@pytest.mark.skipif(sys.platform != "linux", reason="ps of Linux")
def test_a_strangers_rule_is_there_and_nothing_is_left_running(
    tmp_path: Path, cache_folder: Path, doc: Callable[..., Json]
) -> None:
    rule = tmp_path / "mine.py"
    rule.write_text(
        "import lc_core\n"
        "@lc_core.measurement(accepts='image.gray/1', unit='share', range=(0, 1), at_least=0.5)\n"
        "def left(pictures, *, columns: int = 4):\n"
        "    '''Return the share of ink in the left columns.'''\n"
        "    ink = pictures.reshape(len(pictures), 8, 8)\n"
        "    print('a plugin may print')\n"
        "    return ink[:, :, :columns].sum(axis=(1, 2)) / ink.sum(axis=(1, 2)).clip(1e-9)\n"
        "@lc_core.hookimpl\n"
        "def lc_register_constraints(register):\n"
        "    register('mine.left', left)\n"
    )
    served = start(
        tmp_path / "kept", cache_folder, "digits/seven", "--plugin", str(rule), "--samples", "1024", cwd=tmp_path
    )
    line = Line(served)
    mine: Any = next(one for one in line.catalogue["rules"] if one["use"] == "mine.left")
    assert mine["params"][0]["default"] == 4
    found = line.ask("ask", doc=doc({"use": "mine.left"}))
    assert len(answers(found)) == 8
    line.close()
    running = workers(served)
    assert running
    served.process.send_signal(signal.SIGINT)
    assert served.process.wait(20) == 0
    assert not any(Path(f"/proc/{one}").exists() for one in running)
