"""The folder of a run: what is in it, how it is extended and taken up again, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from lc_core.spec import load_spec

SPEC = """
    lc: 1
    name: lines
    model: line.model
    constraints:
      - {use: line.first, at_least: 2}
      - {use: line.mean, at_most: 0}
    engine: {use: rejection, params: {block: 64}}
    sample: {count: 7, seed: 3}
    render: [text]
"""
GRADIENT = SPEC.replace("{use: rejection, params: {block: 64}}", "{use: gradient, params: {block: 32, steps: 8}}")


@pytest.fixture
def sample(line, lc, write_spec):
    """Run `lc sample` and return its folder."""

    def run(*options, text=SPEC, out="run", status=0):
        result = lc("sample", write_spec(text), "--out", out, *options)
        assert result.exit_code == status, result.output
        return (write_spec(text).parent / "work" / out).resolve()

    return run


def test_a_run_folder_holds_all_that_is_promised(sample):
    folder = sample()
    assert {one.name for one in folder.iterdir()} == {
        ".lc", "blocks", "environment.json", "outputs", "report.html", "report.json", "samples.safetensors",
        "sheet.txt", "spec.yaml",
    }  # fmt: skip
    assert [one.name for one in sorted((folder / "outputs").iterdir())] == [f"{n:06d}.txt" for n in range(7)]
    samples = load_file(folder / "samples.safetensors")
    assert {name: (array.shape, array.dtype.name) for name, array in samples.items()} == {
        "z": ((7, 4), "float32"),
        "x": ((7, 6), "int64"),
        "index": ((7,), "int64"),
        "first": ((7,), "float64"),
        "mean": ((7,), "float64"),
    }
    assert (samples["first"] >= 2).all() and (samples["mean"] <= 0).all()
    assert np.array_equal(samples["first"], samples["x"][:, 0])
    assert list(samples["index"]) == sorted(samples["index"])
    shown = [(folder / "outputs" / f"{n:06d}.txt").read_text() for n in range(7)]
    assert shown == [" ".join(map(str, row)) for row in samples["x"]]


def test_decoding_the_saved_latents_gives_the_saved_outputs(sample, line):
    import torch

    samples = load_file(sample() / "samples.safetensors")
    assert np.array_equal(line.Line().decode(torch.from_numpy(samples["z"])), samples["x"])


def test_the_report_has_the_documented_keys_in_their_order(sample):
    report = json.loads((sample() / "report.json").read_text())
    assert list(report) == [
        "schema", "spec", "model", "engine", "seed", "status", "budget", "requested", "delivered", "tried", "decodes",
        "all", "distinct", "constraints", "realism", "seconds",
    ]  # fmt: skip
    assert (report["spec"], report["model"], report["engine"], report["seed"]) == (
        "lines",
        "line.model",
        "rejection",
        3,
    )
    assert (report["status"], report["budget"], report["requested"], report["delivered"]) == (
        "done",
        1_750_016,
        7,
        7,
    )  # 250,000 for each, in whole blocks
    assert report["decodes"] == report["tried"]
    assert report["tried"] % 64 == 0
    assert report["realism"] is None
    assert set(report["seconds"]) == {"fit", "sample", "total"}
    (first, mean) = report["constraints"]
    assert list(first) == [
        "label", "use", "params", "wanted", "unit", "require", "satisfied_before", "satisfied_after",
        "mean_measurement",
    ]  # fmt: skip
    assert (first["label"], first["use"], first["wanted"]) == ("first", "line.first", {"at_least": 2.0})
    assert first["satisfied_after"] == mean["satisfied_after"] == report["all"]["satisfied_after"] == 1.0
    assert 0 < report["all"]["satisfied_before"] < min(first["satisfied_before"], mean["satisfied_before"]) < 1


@pytest.mark.parametrize("text", [SPEC, GRADIENT], ids=["rejection", "gradient"])
def test_a_larger_count_extends_a_run_to_the_bytes_of_an_undisturbed_one(sample, content_of, text):
    for count in (1, 7, 40):
        extended = sample("--count", count, text=text, out="extended")
    assert content_of(extended) == content_of(sample("--count", 40, text=text, out="undisturbed"))


@pytest.mark.parametrize("text", [SPEC, GRADIENT], ids=["rejection", "gradient"])
def test_samples_are_the_same_whatever_the_count(sample, text):
    counts = (1, 7, 64, 1000)
    found = {n: load_file(sample("--count", n, text=text, out=f"run{n}") / "samples.safetensors") for n in counts}
    for count in counts:
        for name, array in found[count].items():
            assert len(array) == count
            assert array.tobytes() == found[1000][name][:count].tobytes()


def test_a_smaller_count_leaves_only_what_it_asks_for(sample, content_of):
    sample("--count", 30)
    assert content_of(sample("--count", 5)) == content_of(sample("--count", 5, out="undisturbed"))


def test_a_smaller_count_says_what_it_deletes_and_nothing_that_was_changed(sample, lc, write_spec):
    folder = sample("--count", 9)
    changed = folder / "outputs" / "000007.txt"
    kept = changed.read_bytes()
    changed.write_text("mine")
    refused = lc("sample", write_spec(SPEC), "--out", "run", "--count", 5)
    assert refused.exit_code == 2 and "outputs/000007.txt" in refused.stderr
    assert changed.read_text() == "mine" and len(list(changed.parent.iterdir())) == 9
    changed.write_bytes(kept)
    done = lc("sample", write_spec(SPEC), "--out", "run", "--count", 5)
    assert done.exit_code == 0 and len(list(changed.parent.iterdir())) == 5
    (note,) = [line for line in done.stderr.splitlines() if line.startswith("note: ")]
    assert "4 files of an earlier command, which this one does not write, are deleted from run: outputs/000005" in note
    assert "note: " not in lc("sample", write_spec(SPEC), "--out", "run", "--count", 9).stderr


def test_the_same_command_again_leaves_the_same_bytes_and_runs_no_try(sample, content_of, line, monkeypatch):
    before = content_of(sample())
    decode, decoded = line.Line.decode, []
    monkeypatch.setattr(line.Line, "decode", lambda self, z: decoded.append(len(z)) or decode(self, z))
    assert content_of(sample()) == before
    assert max(decoded) == 64  # by which the model is known
    assert sum(decoded) - 64 <= 5  # by which its decoder is checked


def test_another_seed_gives_other_samples(sample):
    one, other = (load_file(sample("--seed", n, out=f"run{n}") / "samples.safetensors") for n in (1, 2))
    assert not np.array_equal(one["z"], other["z"])


def test_a_damaged_block_is_run_again_to_the_same_bytes(sample, content_of, lc, write_spec):
    folder = sample()
    before = content_of(folder)
    blocks = sorted((folder / "blocks").glob("*.safetensors"))
    assert len(blocks) > 1
    whole = [one.read_bytes() for one in blocks]
    for cut in (0, 5, 200, len(whole[0]) - 1):
        blocks[0].write_bytes(whole[0][:cut])
        result = lc("sample", write_spec(SPEC), "--out", "run")
        assert result.exit_code == 0
        assert "block 0 of run is damaged; running it again" in result.stderr
        assert [one.read_bytes() for one in blocks] == whole
        assert content_of(folder) == before


def test_a_partial_file_left_by_a_kill_does_not_matter(sample, content_of):
    folder = sample()
    before = content_of(folder)
    (folder / "blocks" / ".000001.safetensors.partial").write_bytes(b"half")
    (folder / ".report.json.partial").write_bytes(b"half")
    (folder / "blocks" / "000001.safetensors").unlink()
    assert content_of(sample()) == before


def test_a_run_killed_before_its_first_file_is_no_obstacle(sample, tmp_path):
    begun = tmp_path / "work" / "run" / ".lc"
    begun.mkdir(parents=True)
    (begun / ".files.jsonl.partial").write_bytes(b"")
    (begun / "lock").write_bytes(b"")
    assert (sample() / "report.json").exists()


def test_spec_yaml_of_a_run_gives_the_same_samples(sample, content_of, lc):
    folder = sample()
    spec = load_spec(folder / "spec.yaml")
    assert spec.resolved == {"block": 64}
    assert lc("sample", folder / "spec.yaml", "--out", "again").exit_code == 0
    assert content_of(folder.parent / "again") == content_of(folder)


def test_the_default_folder_is_named_after_spec_and_seed(line, lc, write_spec, tmp_path):
    assert lc("sample", write_spec(SPEC)).exit_code == 0
    assert (tmp_path / "work" / "runs" / "lines-3" / "report.json").exists()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (["--seed", 4], "seed"),
        (["--set", "constraints.0.at_least=1"], "constraints"),
        (["--set", "constraints.0.use=line.spread"], "constraints"),
        (["--set", "constraints.0.label=start"], "constraints"),
        (["--set", "engine.params.block=32"], "engine"),
        (["--set", "realism=0.5"], "constraints"),
        (["--set", "name=other"], "name"),
        (["--set", "model.params={scale: 2.5}"], "model"),
    ],
)
def test_a_folder_that_holds_another_run_is_refused_and_left_as_it_is(
    sample, content_of, lc, write_spec, change, named
):
    folder = sample()
    before = content_of(folder)
    result = lc("sample", write_spec(SPEC), "--out", "run", *change)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"error: run holds another run, which differs in {named}\n" in result.stderr
    assert "choose another folder with --out" in result.stderr
    assert content_of(folder) == before


def test_a_rule_that_was_edited_makes_another_run(sample, line, lc, write_spec):
    sample()
    source = line.__file__
    with open(source) as file:
        text = file.read()
    with open(source, "w") as file:
        file.write(text.replace("return outputs[:, 0]", "return outputs[:, 1]"))
    result = lc("sample", write_spec(SPEC), "--out", "run")
    assert result.exit_code == 2
    assert "holds another run, which differs in source of a rule" in result.stderr


def test_other_renderers_are_no_other_run(sample):
    folder = sample()
    assert sample("--set", "render=[]") == folder
    assert list((folder / "outputs").iterdir()) == []
    assert len(list(sample().joinpath("outputs").iterdir())) == 7


def test_files_of_the_users_own_are_left_alone(sample):
    folder = sample("--count", 9)
    (folder / "outputs" / "notes.md").write_text("mine")
    (folder / "outputs" / "kept").mkdir()
    assert {one.name for one in sample().joinpath("outputs").iterdir()} == {
        "notes.md", "kept", *(f"{n:06d}.txt" for n in range(7)),
    }  # fmt: skip


def test_a_folder_with_other_things_in_it_is_refused(line, lc, write_spec, tmp_path):
    (tmp_path / "work" / "run").mkdir()
    (tmp_path / "work" / "run" / "thesis.tex").write_text("x")
    result = lc("sample", write_spec(SPEC), "--out", "run")
    assert result.exit_code == 2
    assert "error: run holds thesis.tex, and no list of lc's own files (its hidden folder .lc)" in result.stderr
    assert [one.name for one in (tmp_path / "work" / "run").iterdir()] == ["thesis.tex"]


def test_a_run_whose_marker_is_damaged_is_refused(sample, lc, write_spec):
    folder = sample()
    (folder / "blocks" / "run.json").write_bytes(b"\xff{")
    result = lc("sample", write_spec(SPEC), "--out", "run")
    assert result.exit_code == 2
    assert "run holds another run, which cannot be read" in result.stderr


@pytest.mark.parametrize(
    ("out", "told"),
    [
        ("file", "file is a file; expected a folder"),
        ("file/inside", "file/inside: file is a file; expected a folder"),
        ("file/far/inside", "file/far/inside: file is a file; expected a folder"),
        ("link", "link is a link to a place that does not exist; expected a folder"),
        ("link/inside", "link/inside: link is a link to a place that does not exist; expected a folder"),
        ("x" * 300, f"run folder {'x' * 300}: it cannot be written"),
    ],
)
def test_a_place_that_cannot_hold_a_folder_is_refused(line, lc, write_spec, tmp_path, out, told):
    (tmp_path / "work" / "file").write_text("x")
    (tmp_path / "work" / "link").symlink_to("nothing")
    result = lc("sample", write_spec(SPEC), "--out", out)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"error: {told}" in result.stderr
    assert "choose another with --out" in result.stderr
    assert (tmp_path / "work" / "file").read_text() == "x"


def test_a_folder_that_is_in_use_is_refused(sample, lc, write_spec, tmp_path):
    from lc_core.runs.build import build_problem
    from lc_core.runs.folder import RunFolder, identity_of

    spec = load_spec(write_spec(SPEC))
    with RunFolder.open(tmp_path / "work" / "run", identity_of(spec, build_problem(spec))):
        result = lc("sample", write_spec(SPEC), "--out", "run")
        assert result.exit_code == 2
        assert "another lc is writing to run" in result.stderr
    sample()


@pytest.mark.parametrize("fails_at", ["run.json", "000001.safetensors", "samples.safetensors", "report.json"])
def test_a_full_disk_is_told_and_nothing_is_lost(sample, content_of, lc, write_spec, monkeypatch, tmp_path, fails_at):
    write = Path.write_bytes

    def full(path, data):
        if fails_at not in path.name:
            return write(path, data)
        write(path, data[:10])
        raise OSError(28, "No space left on device", str(path))

    with monkeypatch.context() as disk:
        disk.setattr(Path, "write_bytes", full)
        result = lc("sample", write_spec(SPEC), "--out", "run")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "error: run folder run: the disk is full" in result.stderr
    assert "give the same command again; what is finished is kept" in result.stderr
    if fails_at != "run.json":
        assert (tmp_path / "work" / "run" / "blocks" / "000000.safetensors").exists()
    assert content_of(sample()) == content_of(sample(out="undisturbed"))


def test_what_is_told_of_the_environment_names_no_folder_of_the_machine(sample, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "sys.argv", [str(tmp_path / "bin" / "lc"), "sample", str(tmp_path / "a.yaml"), "--out=/x/y/run"]
    )
    text = (sample() / "environment.json").read_text()
    environment = json.loads(text)
    assert environment["command"] == ["lc", "sample", "a.yaml", "--out=run"]
    assert str(tmp_path) not in text
    assert set(environment["versions"]) == {"latent-constraints", "torch", "numpy"}
    assert len(environment["model"]["digest"]) == 64
