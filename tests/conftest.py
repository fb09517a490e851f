"""Settings of every test: one thread, a cache folder and a working folder of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")  # a machine with other work is no fault of what is tested

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported, and for the processes that tests start


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tutorials: they take longest, in one process, and would run alone at the end."""
    items.sort(key=lambda item: item.path.name != "test_tutorials.py")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Let torch use one thread: with more, tests are slow beside other work."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder that all tests of a session share, so that what is fitted once is found again."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def isolated(cache_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's cache and the folder that pytest runs in out of reach."""
    monkeypatch.setenv("LC_CACHE_DIR", str(cache_folder))
    monkeypatch.chdir(tmp_path)
