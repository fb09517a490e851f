"""The bank changes nothing but time: whole, half full, damaged, shared or killed, the same numbers come out."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import resource
import shutil
import signal
import textwrap
import time

import numpy as np
import pytest

import lc_core
from lc_core import Constraint, FitSettings, LCError, Measurement, measurement
from lc_core.bank import Bank, default_block
from lc_core.bank.columns import Columns
from lc_core.common.cache import Cache
from lc_core.constraints.evaluator import Evaluator
from lc_core.engines.gradient import Gradient
from lc_core.engines.rejection import Rejection
from lc_core.fitting.prepare import prepare
from lc_core.sampling.block import bank_for
from lc_core.sampling.problem import Problem
from lc_core.sampling.sample import collect

BLOCK = 64


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


@pytest.fixture
def carried(line):
    """A model whose data lie somewhere else than its prior samples."""

    class Carried(line.Line):
        def __init__(self, by=1.0):
            super().__init__()
            self.by = by

        def flow(self):
            return lambda z: z + self.by

    return Carried


@pytest.fixture
def sampled(line, carried):
    """Sample by rejection; return what is delivered, without times, and the outputs that were decoded for it."""

    def sampled(*entries, cache=None, say=None, **settings):
        model = carried() if settings.get("base") == "data" else line.Line()
        problem = Problem(model=model, entries=entries, engine=Rejection(block=BLOCK), **settings)
        bank = bank_for(problem, cache, say or str)
        result = collect(problem, None, bank=bank)[0]
        report = {key: value for key, value in result.report.items() if key != "seconds"}
        arrays = (result.index, result.latents, result.outputs, *result.measurements.values())
        content = [(one.dtype.str, one.shape, one.tobytes()) for one in arrays]
        return (content, report), bank.decodes

    return sampled


@pytest.fixture
def rules(line):
    return Constraint(line.first, at_least=6), Constraint(line.spread, at_most=8)


def bank_files(cache):
    return sorted(cache.root.glob("bank-*/*.bank"))


def test_a_second_spec_decodes_nothing_but_a_piece_to_check(sampled, line, rules, cache):
    _, decoded = sampled(*rules, count=40, cache=cache)
    other = Constraint(line.mean, at_least=2)
    found, again = sampled(other, count=20, cache=cache)
    assert decoded > 10 * BLOCK
    assert again == line.Line.block
    assert found == sampled(other, count=20)[0]


@pytest.mark.parametrize("base", ["prior", "data"])
def test_the_same_with_a_bank_without_one_and_with_one_half_full(sampled, line, rules, cache, base):
    without, _ = sampled(*rules, count=30, base=base)
    sampled(rules[0], count=5, cache=cache, base=base)  # fewer blocks, and one of two columns
    half, _ = sampled(*rules, count=30, cache=cache, base=base)
    whole, decoded = sampled(*rules, count=30, cache=cache, base=base)
    assert half == whole == without
    assert decoded == line.Line.block


def test_the_stream_is_that_of_rejection_for_any_seed(sampled, rules, line, cache):
    for seed in (0, 3):
        bank = Bank(line.Line(), seed=seed, block=BLOCK, cache=cache)
        (content, report), _ = sampled(*rules, count=10, seed=seed)
        outputs = np.concatenate([bank.outputs(number) for number in range(report["tried"] // BLOCK)])
        index = np.frombuffer(content[0][2], dtype=np.int64)
        assert outputs[index].tobytes() == content[2][2]


def test_by_default_a_block_is_that_of_rejection(line):
    assert default_block(line.Line()) == Rejection().sized_for(line.Line()).block


def test_samples_like_data_are_kept_apart_from_those_of_the_prior_and_of_another_flow(carried, cache):
    def kept(by, base):
        return Bank(carried(by), block=BLOCK, cache=cache, base=base)

    prior, data = kept(1.0, "prior").outputs(0), kept(1.0, "data").outputs(0)
    assert not np.array_equal(prior, data)
    assert kept(1.0, "data").has(0)
    assert not kept(2.0, "data").has(0)


def test_a_plan_and_its_tries_decode_samples_like_data_once(carried, line, cache, monkeypatch):
    monkeypatch.setenv("LC_CACHE_DIR", str(cache.root))
    model, common = carried(), Constraint(line.spread, at_most=8)
    found = lc_core.sample(model=model, constraints=[common], count=1_500, base="data")
    assert found.report["fit"]["plan"]["engines"] == ["rejection"]
    assert model.decoded < max(4_096, found.report["tried"]) + 500  # some are decoded again, to check


def test_other_models_seeds_blocks_and_threads_share_nothing(line, cache, monkeypatch):
    Bank(line.Line(), block=BLOCK, cache=cache).outputs(0)
    others = [
        Bank(line.Line(scale=3.0), block=BLOCK, cache=cache),
        Bank(line.Line(), seed=1, block=BLOCK, cache=cache),
        Bank(line.Line(), block=BLOCK // 2, cache=cache),
    ]
    assert not any(bank.has(0) for bank in others)
    with monkeypatch.context() as patched:
        patched.setattr("torch.get_num_threads", lambda: 7)
        assert not Bank(line.Line(), block=BLOCK, cache=cache).has(0)
    assert Bank(line.Line(), block=BLOCK, cache=cache).has(0)


def test_a_fit_reads_the_bank_and_is_the_same_without(line, cache):
    small = FitSettings(prior_samples=1500, push_samples=64, steps=20, rounds=0, hidden=16)

    def fitted(kept, *rules):
        model = line.Line()
        energy = prepare(Evaluator(model, rules), Gradient(), settings=small, cache=kept).energy
        weights = [one.numpy().tobytes() for critic in energy.critics.values() for one in critic.state_dict().values()]
        return weights, model.decoded

    first, spread = Constraint(line.first, at_least=6), Constraint(line.spread, at_most=8)
    without, _ = fitted(None, spread)
    _, decoded = fitted(cache, first)
    half, again = fitted(cache, spread)
    assert half == without
    assert decoded - again > 1800  # 1,500 samples and a quarter held out, all but a piece to check


def truncate(path):
    path.write_bytes(path.read_bytes()[:-7])


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [truncate, flip, lambda path: path.write_bytes(b"not a bank" * 999)])
@pytest.mark.parametrize("which", ["outputs", ""])
def test_what_is_damaged_is_made_again_and_that_is_said_once(sampled, rules, cache, damage, which):
    without, _ = sampled(*rules, count=30)
    sampled(*rules, count=30, cache=cache)
    for path in bank_files(cache):
        if path.name.startswith("outputs") == bool(which):
            damage(path)
    said = []
    assert sampled(*rules, count=30, cache=cache, say=said.append)[0] == without
    assert [line for line in said if "is damaged, first in block" in line] == said
    assert len(said) == 1
    assert sampled(*rules, count=30, cache=cache, say=said.append)[0] == without
    assert len(said) == 1


def test_a_file_of_another_bank_counts_as_damaged(line, cache):
    other = Bank(line.Line(scale=3.0), block=BLOCK, cache=cache)
    other.outputs(0)
    own = Bank(line.Line(), block=BLOCK, cache=cache)
    expected = own.outputs(0)
    target, source = sorted(bank_files(cache), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    shutil.copy(source, target)
    said = []
    assert np.array_equal(Bank(line.Line(), block=BLOCK, cache=cache, say=said.append).outputs(0), expected)
    assert len(said) == 1


def test_a_config_that_cannot_be_read_is_written_again(sampled, rules, cache):
    sampled(*rules, count=10, cache=cache)
    (config,) = cache.root.glob("bank-*/config.json")
    before = config.read_bytes()
    config.write_text("{")
    assert sampled(*rules, count=20, cache=cache)[0] == sampled(*rules, count=20)[0]
    assert config.read_bytes() == before


def refuse(monkeypatch, number):
    """Let every file of a bank that is opened to be written fail."""
    opened = os.open

    def fail(path, flags, *mode):
        if flags & os.O_CREAT and str(path).endswith(".bank"):
            raise OSError(number, os.strerror(number), str(path))
        return opened(path, flags, *mode)

    monkeypatch.setattr("os.open", fail)


@pytest.mark.parametrize(("number", "reason"), [(30, "Read-only file system"), (28, "No space left on device")])
def test_where_nothing_can_be_written_it_goes_on_and_says_so_once(sampled, rules, cache, monkeypatch, number, reason):
    sampled(rules[0], count=3, cache=cache)
    without, _ = sampled(*rules, count=30)
    refuse(monkeypatch, number)
    said = []
    assert sampled(*rules, count=30, cache=cache, say=said.append)[0] == without
    (told,) = said
    assert reason in told
    assert "the results are the same" in told


def test_a_file_that_may_not_grow_loses_nothing_that_was_kept(line, cache):
    bank = Bank(line.Line(), block=BLOCK, cache=cache)
    expected = [bank.outputs(number) for number in range(4)]
    for path in bank_files(cache):
        path.unlink()
    size = 2 * (12 + BLOCK * 6) + 100  # two blocks, and a part of the third
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    said = []
    bank = Bank(line.Line(), block=BLOCK, cache=cache, say=said.append)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        found = [bank.outputs(number) for number in range(4)]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert np.array_equal(found, expected)
    assert len(said) == 1
    again = Bank(line.Line(), block=BLOCK, cache=cache)
    assert [again.has(number) for number in range(4)] == [True, True, False, False]


def test_a_link_in_the_place_of_a_column_is_not_followed(sampled, rules, cache, tmp_path):
    sampled(*rules, count=10, cache=cache)
    victim = tmp_path / "victim"
    victim.write_text("mine")
    for path in bank_files(cache):
        path.unlink()
        path.symlink_to(victim)
    assert sampled(*rules, count=10, cache=cache)[0] == sampled(*rules, count=10)[0]
    assert victim.read_text() == "mine"


BIG = (256, 1024)


def content_of(number):
    return np.full(BIG, number % 251 + 1, dtype="<u1")


def write_blocks(root, first, last):
    columns = Columns(root, "0" * 24, {"what": "test"}, lambda _: None)
    for number in range(first, last):
        columns.write("outputs", number, content_of(number))


def start(root, first, last):
    process = multiprocessing.get_context("fork").Process(target=write_blocks, args=(root, first, last))
    process.start()
    return process


def read(root, number):
    return Columns(root, "0" * 24, {"what": "test"}, lambda _: None).read("outputs", number, np.dtype("u1"), BIG)


def test_a_killed_writer_loses_at_most_the_open_block(tmp_path):
    process = start(tmp_path, 0, 100_000)
    path = tmp_path / f"bank-{'0' * 24}" / "outputs-u1.bank"
    while not path.exists() or path.stat().st_size < 20 * content_of(0).nbytes:
        time.sleep(0.001)
    process.kill()
    process.join()
    whole = path.stat().st_size // (content_of(0).nbytes + 12)
    found = [read(tmp_path, number) for number in range(whole)]
    lost = [number for number, one in enumerate(found) if one is None or not np.array_equal(one, content_of(number))]
    assert lost == []
    write_blocks(tmp_path, whole, whole + 1)
    assert np.array_equal(read(tmp_path, whole), content_of(whole))


def test_several_processes_write_at_once(tmp_path):
    processes = [start(tmp_path, *ends) for ends in ((0, 60), (20, 80), (40, 100))]
    for process in processes:
        process.join()
    assert all(np.array_equal(read(tmp_path, number), content_of(number)) for number in range(100))


@pytest.mark.parametrize("value", ["2 GB", "-1", "nan", "inf"])
def test_a_limit_that_is_no_number_of_bytes_is_named(line, cache, monkeypatch, value):
    monkeypatch.setenv("LC_BANK_BYTES", value)
    with pytest.raises(LCError, match="LC_BANK_BYTES should be a number of bytes, 0 or more; found"):
        Bank(line.Line(), cache=cache)


def test_no_more_is_kept_than_is_allowed(sampled, rules, cache, monkeypatch):
    monkeypatch.setenv("LC_BANK_BYTES", "3000")
    said = []
    assert sampled(*rules, count=30, cache=cache, say=said.append)[0] == sampled(*rules, count=30)[0]
    assert 0 < sum(path.stat().st_size for path in bank_files(cache)) <= 3000
    (told,) = said
    assert "all banks together may take 3,000 bytes (LC_BANK_BYTES)" in told
    monkeypatch.setenv("LC_BANK_BYTES", "0")
    other = Cache(cache.root.with_name("other"))
    sampled(*rules, count=3, cache=other, say=said.append)
    assert (len(said), bank_files(other)) == (1, [])


def test_what_was_used_longest_ago_makes_room(line, cache, monkeypatch):
    banks = [Bank(line.Line(), seed=seed, block=BLOCK, cache=cache) for seed in range(3)]
    for age, bank in zip((3, 2, 1), banks, strict=True):
        bank.outputs(0)
        newest = max(bank_files(cache), key=lambda path: path.stat().st_mtime_ns)
        os.utime(newest, (time.time() - 1000 * age,) * 2)
    Bank(line.Line(), seed=0, block=BLOCK, cache=cache).outputs(0)  # used again
    one = bank_files(cache)[0].stat().st_size
    monkeypatch.setenv("LC_BANK_BYTES", str(3 * one))
    Bank(line.Line(), seed=7, block=BLOCK, cache=cache).outputs(0)
    there = [Bank(line.Line(), seed=seed, block=BLOCK, cache=cache).has(0) for seed in (0, 1, 2, 7)]
    assert there == [True, False, True, True]


FAULTY = '''
import itertools
import numpy as np
from lc_core import measurement

chance = np.random.default_rng()
calls = itertools.count()

@measurement(accepts="line/1", unit="steps", range=(-np.inf, np.inf))
def by_chance(outputs: np.ndarray) -> np.ndarray:
    """Return noise."""
    return outputs[:, 0] + chance.normal(size=len(outputs))

@measurement(accepts="line/1", unit="steps", range=(-np.inf, np.inf))
def beside(outputs: np.ndarray) -> np.ndarray:
    """Return how far the first number is above that of the batch."""
    return outputs[:, 0] - outputs[:, 0].mean()

@measurement(accepts="line/1", unit="steps", range=(-np.inf, np.inf))
def shifted(outputs: np.ndarray) -> np.ndarray:
    """Return the first number and a constant."""
    return outputs[:, 0] + 1.0
'''


@pytest.fixture
def faulty(tmp_path, monkeypatch):
    """A module of rules with faults; call it with a text to put in another's place."""
    monkeypatch.syspath_prepend(str(tmp_path / "rules"))
    (tmp_path / "rules").mkdir()
    path = tmp_path / "rules" / "faulty_rules.py"

    def load(text=FAULTY):
        path.write_text(textwrap.dedent(text))
        importlib.invalidate_caches()
        shutil.rmtree(path.parent / "__pycache__", ignore_errors=True)
        return importlib.reload(importlib.import_module("faulty_rules"))

    yield load
    import sys

    sys.modules.pop("faulty_rules", None)


def test_values_of_a_rule_whose_source_changed_are_not_used(faulty, line, cache):
    first = Bank(line.Line(), block=BLOCK, cache=cache).values(0, [Measurement(faulty().shifted)])[0]
    changed = faulty(FAULTY.replace("+ 1.0", "+ 2.0"))
    second = Bank(line.Line(), block=BLOCK, cache=cache).values(0, [Measurement(changed.shifted)])[0]
    assert np.array_equal(second, first + 1.0)


@pytest.mark.parametrize("name", ["by_chance", "beside"])
def test_a_rule_that_depends_on_more_than_the_output_is_named(faulty, line, cache, name):
    rule = Measurement(getattr(faulty(), name), name=f"faulty.{name}")
    kept = Bank(line.Line(), block=BLOCK, cache=cache).values(0, [rule])[0]
    said = []
    bank = Bank(line.Line(), block=BLOCK, cache=cache, say=said.append)
    found = [bank.values(number, [rule])[0] for number in (0, 1)]
    (told,) = said
    assert f"measurement faulty.{name} was {kept[0]:g} for output 0, and is" in told
    assert "depend on the output alone" in told
    assert (name == "beside") == np.array_equal(found[0], kept)


def test_a_decoder_that_is_random_is_named_and_nothing_of_it_is_kept(line, cache):
    class Random(line.Line):
        digest = "random"

        def decode(self, z):
            return super().decode(z) + np.random.default_rng().integers(9, size=(len(z), 1))

    Bank(Random(), block=BLOCK, cache=cache).outputs(0)
    said = []
    bank = Bank(Random(), block=BLOCK, cache=cache, say=said.append)
    bank.outputs(0), bank.outputs(1)
    (told,) = said
    assert "decode of line gives another output each time latent" in told
    assert not bank.has(1)


def test_what_another_process_keeps_meanwhile_is_checked_against_its_own_block(line, cache):
    one, said = Bank(line.Line(), block=BLOCK, cache=cache), []
    other = Bank(line.Line(), block=BLOCK, cache=cache, say=said.append)
    other.outputs(0)
    one.outputs(1)
    assert other.has(1)
    assert said == []


def test_kept_outputs_that_the_decoder_no_longer_gives_are_decoded_again(line, cache):
    class Loaded(line.Line):
        digest = "the same"

    before = Bank(Loaded(), block=BLOCK, cache=cache).outputs(0)
    said = []
    changed = Bank(Loaded(scale=5.0), block=BLOCK, cache=cache, say=said.append).outputs(0)
    assert not np.array_equal(before, changed)
    assert ["gives another output of latent" in line for line in said] == [True]
    again = Bank(Loaded(scale=5.0), block=BLOCK, cache=cache, say=said.append)
    assert np.array_equal(again.outputs(0), changed)
    assert len(said) == 1


def test_a_rule_without_a_source_is_measured_each_time(line, cache):
    calls = []

    @measurement(accepts="line/1", unit="steps", range=(-np.inf, np.inf))
    def inside(outputs):
        calls.append(len(outputs))
        return outputs[:, 0]

    for _ in range(2):
        Bank(line.Line(), block=BLOCK, cache=cache).values(0, [Measurement(inside)])
    assert calls == [BLOCK, BLOCK]


def test_outputs_of_whole_numbers_take_the_bytes_that_they_need(line, cache):
    Bank(line.Line(), block=BLOCK, cache=cache).outputs(0)
    (path,) = bank_files(cache)
    assert path.stat().st_size == BLOCK * 6 + 12
    wide = Bank(line.Line(scale=200.0), block=BLOCK, cache=cache)
    outputs = wide.outputs(0)
    again = Bank(line.Line(scale=200.0), block=BLOCK, cache=cache).outputs(0)
    assert outputs.dtype == again.dtype == np.int64
    assert np.array_equal(outputs, again)
    assert outputs.min() < -128


class TestPictures:
    """Outputs of floats: only their values are kept."""

    @pytest.fixture
    def pictures(self, line):
        class Pictures(line.Line):
            name, block = "pictures", 16

            def decode(self, z):
                return super().decode(z) / 3.0

        return Pictures

    def test_of_pictures_only_measured_values_are_kept(self, pictures, line, cache):
        rule = Measurement(line.first)
        first = Bank(pictures(), block=BLOCK, cache=cache)
        values, outputs = first.values(0, [rule])[0], first.outputs(0)
        again = Bank(pictures(), block=BLOCK, cache=cache)
        assert again.has(0, [rule])
        assert np.array_equal(again.values(0, [rule])[0], values)
        assert again.decodes == pictures.block  # to check
        rows = np.array([3, 40])
        assert np.array_equal(again.rows(0, rows), outputs[rows])
        assert again.decodes == 2 * pictures.block
        assert [path.name[-8:] for path in bank_files(cache)] == ["-f8.bank"]

    def test_what_comes_nearest_is_decoded_at_the_end_alone(self, pictures, line, cache):
        def spent(kept):
            rules = Constraint(line.first, at_least=99), Constraint(line.spread, at_most=8)
            problem = Problem(model=pictures(), entries=rules, engine=Rejection(block=BLOCK), budget=40 * BLOCK)
            bank = bank_for(problem, kept, str)
            return collect(problem, None, bank=bank)[0].nearest, bank.decodes

        without, cold = spent(None)
        spent(cache)
        warm, decoded = spent(cache)
        assert cold >= 40 * BLOCK
        assert decoded <= 5 * pictures.block  # four tries, and a piece to check
        assert warm.index.tolist() == without.index.tolist()
        assert (warm.outputs.tobytes(), warm.latents.tobytes()) == (
            without.outputs.tobytes(),
            without.latents.tobytes(),
        )
