"""Measurements in worker processes, and the time limit of those that hang."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lc_core.constraints.declare import measurement
from lc_core.constraints.measurement import Measurement
from lc_core.constraints.workers import PIECE, _Pool, close_workers
from lc_core.errors import LCError, PluginFault
from lc_core.plugins.discover import build_registry

RULES = '''
import os
import time

import numpy as np
from lc_core import LCError, hookimpl, measurement

ABOUT = dict(accepts="*", unit="steps", range=(-np.inf, np.inf), at_least=0)


@measurement(**ABOUT, workers=2)
def first(outputs: np.ndarray, *, plus: int = 0) -> np.ndarray:
    """Return the first number, `(B,)`."""
    print("noise")
    return outputs[:, 0] + plus


@measurement(**ABOUT, workers=2, per_sample=True)
def process(output: np.ndarray) -> float:
    """Return the number of the process."""
    return os.getpid()


@measurement(**ABOUT, workers=2)
def fails(outputs: np.ndarray, *, how: str = "raise") -> np.ndarray:
    """Fail on outputs above 99."""
    if (outputs > 99).any():
        if how == "raise":
            raise ZeroDivisionError("oh")
        if how == "refuse":
            raise LCError("found what is too much", hint="give less")
        if how == "die":
            os._exit(9)
        if how == "change":
            outputs[outputs > 99] = 0
        if how == "nan":
            return np.full(len(outputs), np.nan)
        if how == "hang":
            time.sleep(600)
    return outputs[:, 0]


@measurement(**ABOUT)
def hangs(outputs: np.ndarray) -> np.ndarray:
    """Never answer."""
    while True:
        try:
            time.sleep(0.1)
        except Exception:
            pass


@hookimpl
def lc_register_constraints(register):
    for rule in (first, process, fails, hangs):
        register(f"slow.{rule.__name__}", rule)
'''
OUTPUTS = np.arange(3 * PIECE).reshape(-1, 1) % 100


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("rules") / "slow_rules.py"
    path.write_text(RULES)
    yield path
    close_workers()


def rule(path: Path, name: str, **params: object) -> Measurement:
    found = build_registry([path]).get("constraint", f"slow.{name}")
    return Measurement(found.load(), found.fill(params), name=found.name, source=found.distribution)


def test_values_are_those_of_this_process_in_order(rules):
    slow = rule(rules, "first", plus=3)
    assert np.array_equal(slow(OUTPUTS), slow.measure_here(OUTPUTS))
    assert slow(OUTPUTS[:0]).shape == (0,)


def test_one_pool_serves_all_measurements_of_a_run(rules):
    where = rule(rules, "process")
    first = set(where(OUTPUTS))
    assert os.getpid() not in first
    pool = _Pool.executor
    rule(rules, "first")(OUTPUTS)
    where(OUTPUTS)
    assert _Pool.executor is pool


def test_workers_start_though_the_file_of_another_plugin_is_gone(rules, tmp_path):
    other = tmp_path / "gone_rules.py"
    other.write_text(RULES)
    build_registry([other])
    other.unlink()
    close_workers()
    assert len(rule(rules, "first")(OUTPUTS)) == len(OUTPUTS)


@pytest.mark.parametrize(
    ("how", "told", "hint"),
    [
        ("raise", "measurement slow.fails (from slow_rules) raised ZeroDivisionError: oh", "output 107 was"),
        ("refuse", "found what is too much", "give less"),
        ("change", "measurement slow.fails (from slow_rules) changed its input (output 107)", ""),
        ("nan", "measurement slow.fails (from slow_rules) returned nan for output 74", "undefined"),
    ],
)
def test_a_fault_is_told_as_in_this_process(rules, how, told, hint):
    outputs = OUTPUTS.copy()
    outputs[97] = 100
    with pytest.raises(PluginFault) as caught:
        rule(rules, "fails", how=how)(outputs, first_index=10)
    assert caught.value.message.startswith(told)
    assert hint in (caught.value.hint or "")


def test_a_worker_that_dies_is_told_and_the_next_measurement_starts_new_ones(rules):
    with pytest.raises(LCError, match=r"a worker process of measurement slow.fails \(from slow_rules\) ended abruptly"):
        rule(rules, "fails", how="die")(OUTPUTS + 50)
    assert len(rule(rules, "first")(OUTPUTS)) == len(OUTPUTS)


def test_a_worker_that_hangs_is_ended_after_its_time_and_named(rules, monkeypatch):
    slow = rule(rules, "fails", how="hang")
    slow(OUTPUTS)
    monkeypatch.setenv("LC_PLUGIN_TIMEOUT", "0.5")
    pids = list(_Pool.executor._processes)
    with pytest.raises(LCError, match=r"slow.fails \(from slow_rules\) has not answered within 0.5 seconds"):
        slow(OUTPUTS + 50)
    for pid in pids:  # not `is_alive`: the pool's own thread may be the one that reaps, and note it later
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_measurement_that_hangs_here_ends_the_command_with_its_name(line, lc, rules, monkeypatch):
    monkeypatch.setenv("LC_PLUGIN_TIMEOUT", "8")  # the model has to decode within it
    Path("mine.yaml").write_text("lc: 1\nmodel: line.model\nconstraints: [{use: slow.hangs}]\nengine: rejection\n")
    result = lc("sample", "mine.yaml", "--plugin", rules)
    assert result.exit_code == 2
    assert "error: measurement slow.hangs (from slow_rules) has not answered within 8 seconds" in result.stderr
    assert "LC_PLUGIN_TIMEOUT=SECONDS allows more" in result.stderr
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL


def test_a_spec_is_sampled_with_workers_as_without(line, lc, rules, content_of):
    Path("mine.yaml").write_text("lc: 1\nmodel: line.model\nconstraints: [{use: slow.first}]\nengine: rejection\n")
    assert lc("sample", "mine.yaml", "--plugin", rules, "--out", "with").exit_code == 0
    alone = rules.parent / "alone" / rules.name
    alone.parent.mkdir()
    alone.write_text(RULES.replace("workers=2", "workers=1"))
    assert lc("sample", "mine.yaml", "--plugin", alone, "--out", "without").exit_code == 0
    assert content_of(Path("with")) == content_of(Path("without"))


def test_a_rule_that_no_process_can_find_is_refused():
    @measurement(accepts="*", unit="", range=(0, 1), workers=2)
    def local(outputs):
        return outputs[:, 0]

    with pytest.raises(LCError, match="measurement local cannot be sent to a worker process") as caught:
        Measurement(local)(OUTPUTS)
    assert "at the top of a module" in caught.value.hint


@pytest.mark.parametrize("workers", [0, -1, 1.5, True])
def test_workers_are_a_whole_number_of_one_or_more(workers):
    with pytest.raises(TypeError, match="workers"):
        measurement(accepts="*", unit="", range=(0, 1), workers=workers)


def test_workers_end_with_a_parent_that_is_killed(rules, tmp_path):
    import subprocess

    code = (
        "import sys; from pathlib import Path; import numpy as np\n"
        "from lc_core.plugins.discover import build_registry\n"
        "from lc_core.constraints.measurement import Measurement\n"
        "if __name__ == '__main__':\n"
        "    found = build_registry([Path(sys.argv[1])]).get('constraint', 'slow.process')\n"
        "    print(*{int(one) for one in Measurement(found.load())(np.zeros((4, 1)))}, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    command = [sys.executable, str(script), str(rules)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(os.path.abspath(one) for one in sys.path)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout
        workers = [int(one) for one in process.stdout.readline().split()]
        assert workers
        process.kill()
    for _ in range(600):
        if not any(map(_runs, workers)):
            return
        time.sleep(0.1)
    pytest.fail("a worker goes on after its parent was killed")


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{process}/stat")
    return not (stat.exists() and stat.read_text().split()[2] == "Z")
