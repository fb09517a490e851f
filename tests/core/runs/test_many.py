"""Runs of many outputs: shards, what is rendered, the table, and how they go on."""

from __future__ import annotations

import json
import shutil
import textwrap
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from lc_core.plugins.discover import build_registry
from lc_core.runs.sample import run_spec
from lc_core.runs.shards import Many
from lc_core.sampling.samples import read_samples
from lc_core.spec import load_spec

SPEC = """
    lc: 1
    name: lines
    model: line.model
    constraints:
      - {use: line.first, at_least: 2}
      - {use: line.ratio, at_most: 9, require: false}
      - not: {use: line.mean, at_least: 0}
    engine: {use: rejection, params: {block: 64}}
    sample: {count: 33, seed: 3}
    render: [text]
"""
WIDE = """
    from lc_core.plugins.hookspecs import hookimpl
    from lc_core.plugins.renderer import Renderer

    class Text(Renderer):
        "Writes some characters."

        accepts, suffix, media_type = ("line/1",), ".txt", "text/plain"

        def __init__(self, *, by: int) -> None:
            self.by = by

        def write(self, output, path):
            path.write_text("x" * self.by)

    @hookimpl
    def lc_register_renderers(register):
        register("wide.text", Text)
"""
BIG = """
    import numpy as np
    from lc_core import LatentModel
    from lc_core.plugins.hookspecs import hookimpl
    from lc_core.plugins.renderer import Renderer

    class Big(LatentModel):
        name, latent_shape, output_type, block = "big", (2,), "big/1", 8

        def decode(self, z):
            return np.repeat(np.floor(z.numpy() * 100).astype(np.int64), 5_000, axis=1)

    def load():
        return Big()

    class Numbers(Renderer):
        "Writes two of the numbers."

        accepts, suffix, media_type = ("big/1",), ".txt", "text/plain"

        def write(self, output, path):
            path.write_text(f"{output[0]} {output[-1]}")

    @hookimpl
    def lc_register_models(register):
        register("big.model", load, output="big/1")

    @hookimpl
    def lc_register_renderers(register):
        register("big.numbers", Numbers)
"""
MANY = Many(sharded=20, shard=7, rendered=5)


@pytest.fixture
def many(line, write_spec):
    """Run a spec with few outputs as if they were many, and return its folder."""

    def run(out="run", *, text=SPEC, many=MANY, **options):
        chosen = {name: options.pop(name) for name in ("count", "budget", "overrides") if name in options}
        spec = load_spec(write_spec(text), registry=build_registry(), **chosen)
        return run_spec(spec, out=Path(out), many=many, **options)[1]

    return run


def files_of(folder):
    """Return all that two runs must agree in, times aside."""
    found = {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}
    left_out = (".lc", "blocks", "report.html", "environment.json")
    found = {name: content for name, content in found.items() if not name.startswith(left_out)}
    report = json.loads(found.pop("report.json"))
    report.pop("seconds")
    return found | {"report": report}


def test_many_outputs_are_in_shards_that_hold_what_one_file_would(many):
    folder, whole = many(), many("whole", many=Many())
    assert sorted(one.name for one in (folder / "samples").iterdir()) == [f"{n:06d}.safetensors" for n in range(5)]
    assert not (folder / "samples.safetensors").exists() and not (whole / "samples").exists()
    shards = [load_file(one) for one in sorted((folder / "samples").iterdir())]
    assert [len(one["index"]) for one in shards] == [7, 7, 7, 7, 5]
    for name, tensor in load_file(whole / "samples.safetensors").items():
        joined = np.concatenate([one[name] for one in shards])
        assert joined.dtype == tensor.dtype and joined.tobytes() == tensor.tobytes(), name


def test_a_report_says_the_same_with_shards_and_without(many):
    one, other = (files_of(folder)["report"] for folder in (many(), many("whole", many=Many())))
    for entry, same in zip(one["constraints"], other["constraints"], strict=True):
        if "mean_measurement" in entry:  # sums are rounded shard by shard
            assert entry.pop("mean_measurement") == pytest.approx(same.pop("mean_measurement"))
        for inner, its in zip(entry.get("entries", []), same.get("entries", []), strict=True):
            assert inner.pop("mean_measurement") == pytest.approx(its.pop("mean_measurement"))
    assert one == other and one["delivered"] == 33 and one["distinct"]["count"] == 33


@pytest.mark.parametrize("unique", [False, True])
def test_a_run_that_grows_and_shrinks_past_the_bound_has_the_files_of_an_undisturbed_one(many, unique):
    overrides = [f"sample.unique={str(unique).lower()}"]
    for count in (12, 25, 33, 18, 40):
        options = {"count": count, "overrides": overrides, "render_all": True, "table": True}
        assert files_of(many("grown", **options)) == files_of(many(f"n{count}", **options))


def test_a_run_that_was_stopped_goes_on_to_the_same_files(many):
    seen = 0

    def stop(collector):
        nonlocal seen
        seen = collector.delivered
        if seen > 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        many(on_block=stop)
    assert (Path("run") / "samples" / "000001.safetensors").exists() and not Path("run/report.json").exists()
    assert files_of(many()) == files_of(many("undisturbed"))


def test_a_run_that_holds_only_some_outputs_has_the_files_of_one_that_holds_all(many):
    text = SPEC.replace("- {use: line.first,", '- {label: "größe \\"", use: line.first,')
    options = {"count": 19, "text": text, "render_all": True, "table": True}
    one, other = files_of(many(**options)), files_of(many("whole", many=Many(), **options))
    assert one.pop("sheet.txt") == b"5 outputs" and other.pop("sheet.txt") == b"19 outputs"
    assert one == other
    assert Path("run/report.html").read_text().count("<rect") == Path("whole/report.html").read_text().count("<rect")


def test_fewer_outputs_than_the_bound_are_in_one_file_also_where_more_were_asked_for(many):
    spent = many(budget=192)
    assert 0 < len(load_file(spent / "samples.safetensors")["index"]) < 20 and not (spent / "samples").exists()
    fewer = json.loads((spent / "report.json").read_text())["delivered"]
    one, other = (load_file(folder / "samples.safetensors") for folder in (spent, many("fewer", count=fewer)))
    assert {name: tensor.tobytes() for name, tensor in one.items()} == {
        name: tensor.tobytes() for name, tensor in other.items()
    }
    none = many("none", overrides=["constraints.0.at_least=1e6"], budget=64)
    assert len(load_file(none / "samples.safetensors")["z"]) == 0 and (none / "nearest").exists()


def test_what_is_not_lcs_own_stays_where_shards_belong(many, lc):
    many(count=12)
    mine = Path("run/samples/000000.safetensors")
    mine.parent.mkdir()
    mine.write_text("mine")
    with pytest.raises(Exception, match="samples/000000.safetensors"):
        many()
    assert mine.read_text() == "mine"
    assert many(count=13).exists() and mine.read_text() == "mine", "no shards are kept of these"


def test_the_first_outputs_of_many_are_rendered_and_the_page_says_so(many):
    folder = many()
    assert sorted(one.name for one in (folder / "outputs").iterdir()) == [f"{n:06d}.txt" for n in range(5)]
    page = (folder / "report.html").read_text()
    assert "The first 5 of 33 samples are shown; the files of the first 5 were written" in page and "lc render" in page
    every = many("every", render_all=True)
    assert len(list((every / "outputs").iterdir())) == 33
    rows = np.concatenate([tensors["x"] for _, tensors in read_samples(every)])
    shown = [(every / "outputs" / f"{n:06d}.txt").read_text() for n in range(33)]
    assert shown == [" ".join(map(str, row)) for row in rows]


def test_render_makes_the_files_that_are_missing_and_no_others(many, lc):
    folder = many()
    assert lc("render", folder, "--only", "8-9").stdout == "rendered 2 files: run/outputs\n"
    assert lc("render", folder, "--only", "0-9").stdout == "rendered 3 files; 7 were there: run/outputs\n"
    assert lc("render", folder, "--only", 20).stdout == "rendered 1 file: run/outputs\n"
    assert len(list((folder / "outputs").iterdir())) == 11
    assert lc("render", folder).stdout == "rendered 22 files; 11 were there: run/outputs\n"
    every = many("every", render_all=True)
    assert {one.name: one.read_bytes() for one in (folder / "outputs").iterdir()} == {
        one.name: one.read_bytes() for one in (every / "outputs").iterdir()
    }


def test_a_run_that_goes_on_keeps_what_was_rendered_in_the_same_way(many, lc):
    folder = many()
    lc("render", folder)
    assert len(list((many(count=40) / "outputs").iterdir())) == 33
    assert len(list((many(count=30) / "outputs").iterdir())) == 30
    many(overrides=["render=[]"])
    assert not list((folder / "outputs").iterdir())


def test_what_was_rendered_otherwise_is_rendered_again(many, install_plugin):
    install_plugin("lc-wide", WIDE)
    text = SPEC.replace("render: [text]", "render: [{use: wide.text, params: {by: %s}}]")
    folder = many(text=text % 2, render_all=True)
    said = []
    many(text=text % 3, progress=said.append)
    assert [one for one in said if one.startswith("note: 28 files of an earlier command")]
    assert [len(one.read_text()) for one in sorted((folder / "outputs").iterdir())] == [3] * 5
    many(text=text % 2, render_all=True)
    assert [len(one.read_text()) for one in sorted((folder / "outputs").iterdir())] == [2] * 33


def test_outputs_too_large_to_be_saved_are_decoded_again_with_the_plugin_of_the_run(line, lc, write_spec, tmp_path):
    plugin = tmp_path / "big.py"
    plugin.write_text(textwrap.dedent(BIG))
    text = "lc: 1\nname: big\nmodel: big.model\nconstraints: []\nengine: {use: rejection, params: {block: 8}}\n"
    path = write_spec(text + "sample: {count: 33}\nrender: [numbers]\n")
    spec = load_spec(path, registry=build_registry([plugin]))
    run_spec(spec, out=Path("run"), many=MANY)
    assert "x" not in load_file("run/samples/000000.safetensors")
    assert "big" in lc("render", "run").stderr, "its plugin is not given"
    assert lc("render", "run", "--plugin", plugin).stdout == "rendered 28 files; 5 were there: run/outputs\n"
    figures = json.loads(lc("eval", "run", "--plugin", plugin, "--exact", 20, "--steps", 5, "--json").stdout)
    assert figures["runs"][0]["figures"]["n"] == 20 and figures["runs"][0]["satisfied"][0]["delivered"]["of"] == 33
    run_spec(spec, out=Path("every"), many=MANY, render_all=True)
    assert [one.read_text() for one in sorted(Path("run/outputs").iterdir())] == [
        one.read_text() for one in sorted(Path("every/outputs").iterdir())
    ]


@pytest.mark.parametrize(
    ("only", "message"),
    [("9-3", "expected outputs such as 0-99"), ("some", "expected outputs"), ("30-33", "run has 33 outputs")],
)
def test_render_refuses_outputs_that_there_are_not(many, lc, only, message):
    found = lc("render", many(), "--only", only)
    assert found.exit_code == 2 and message in found.stderr


def test_render_refuses_what_is_no_run_and_a_file_that_was_changed(many, lc, tmp_path):
    assert "is no folder of a run" in lc("render", tmp_path).stderr
    folder = many()
    (folder / "outputs" / "000007.txt").write_text("mine")
    found = lc("render", folder)
    assert found.exit_code == 2 and "outputs/000007.txt" in found.stderr
    assert (folder / "outputs" / "000007.txt").read_text() == "mine" and len(list((folder / "outputs").iterdir())) == 6


def test_a_table_has_the_values_and_what_is_met_of_every_output(many):
    parquet = pytest.importorskip("pyarrow.parquet")
    folder = many(table=True)
    file = parquet.ParquetFile(folder / "samples.parquet")
    assert [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)] == [7, 7, 7, 7, 5]
    table = file.read()
    assert table.column_names == ["index", "first", "ratio", "mean", "met:first", "met:ratio", "met:not", "met:mean"]
    samples = [tensors for _, tensors in read_samples(folder)]
    for name in ("index", "first", "ratio", "mean"):
        values = np.concatenate([one[name] for one in samples])
        assert np.array_equal(table[name].to_numpy(), values, equal_nan=True)
    ratio = table["ratio"].to_numpy()
    assert table["met:ratio"].to_pylist() == [bool(value <= 9) for value in ratio]
    assert set(table["met:first"].to_pylist()) == set(table["met:not"].to_pylist()) == {True}
    assert set(table["met:mean"].to_pylist()) == {False}
    again = many("again", table=True)
    assert (again / "samples.parquet").read_bytes() == (folder / "samples.parquet").read_bytes()
    assert not (many() / "samples.parquet").exists(), "a table of an earlier command would be out of date"


def test_a_table_can_be_had_of_few_outputs(many, lc, write_spec):
    parquet = pytest.importorskip("pyarrow.parquet")
    assert lc("sample", write_spec(SPEC), "--count", 3, "--out", "few", "--table").exit_code == 0
    assert parquet.read_table("few/samples.parquet").num_rows == 3


def test_eval_reads_shards(many, lc):
    found = lc("eval", many(), "--json", "--steps", 10)
    assert found.exit_code == 0, found.output
    (run,) = json.loads(found.stdout)["runs"]
    assert run["delivered"] == 33 and run["satisfied"][-1]["delivered"]["share"] == 1
    many("whole", many=Many())
    (whole,) = json.loads(lc("eval", "whole", "--json", "--steps", 10).stdout)["runs"]
    assert whole | {"run": "run"} == run, "whether they lie in shards or not"
    Path("run/samples/000002.safetensors").unlink()
    assert "000002.safetensors is missing" in lc("eval", "run").stderr


@pytest.mark.parametrize("name", ["samples/000001.safetensors", "samples.safetensors", "report.json", "spec.yaml"])
def test_eval_refuses_what_was_changed_or_put_there_since_the_run_was_made(many, lc, name):
    file = many() / name
    if name.endswith("safetensors"):
        tensors = load_file("run/samples/000001.safetensors")
        tensors["x"] += 1
        save_file(tensors, file)
    else:
        file.write_text(file.read_text().replace("33", "34") + "\n")
    found = lc("eval", "run")
    assert found.exit_code == 2 and f"changed since: {name}" in found.stderr
    shutil.rmtree("run/.lc")
    assert "changed since" not in lc("eval", "run", "--steps", 10).stderr, "nothing says how it was"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda x: x[:, :-1].copy(), "holds outputs in int64 of shape (5,); line has int64 of shape (6,)"),
        (lambda x: x.astype(np.float32), "holds outputs in float32 of shape (6,)"),
    ],
)
def test_eval_refuses_outputs_that_the_model_cannot_have_made(many, lc, change, told):
    many()
    shutil.rmtree("run/.lc")
    tensors = load_file("run/samples/000002.safetensors")
    save_file(tensors | {"x": change(tensors["x"])}, "run/samples/000002.safetensors")
    found = lc("eval", "run")
    assert found.exit_code == 2 and told in found.stderr
    save_file(tensors | {"z": np.full_like(tensors["z"], np.nan)}, "run/samples/000002.safetensors")
    assert "run: latents number 14 is not finite" in lc("eval", "run").stderr


def test_more_than_a_hundred_thousand_outputs_are_in_shards(line, lc, write_spec):
    text = SPEC.replace("block: 64", "block: 65536").replace("at_least: 2", "at_least: -1e9")
    text = text.replace("      - not: {use: line.mean, at_least: 0}\n", "").replace("render: [text]", "render: []")
    found = lc("sample", write_spec(text), "--count", 100_001, "--out", "run", "--workers", 1)
    assert found.exit_code == 0, found.output
    lengths = [len(load_file(one)["index"]) for one in sorted(Path("run/samples").iterdir())]
    assert lengths == [10_000] * 10 + [1]
