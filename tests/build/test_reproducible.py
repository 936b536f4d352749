"""The same source gives the same packages, wherever and by whomever they are built."""

from __future__ import annotations

import os
import shutil
import stat
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

import build
from tests.build.conftest import Project, copied, rezipped


@cache
def pythons() -> dict[str, str]:
    """Find an interpreter of each version that builds, by version."""
    found = {version: build.find_python(version) for version in ("3.11", "3.12", "3.13")}
    return {version: python for version, python in found.items() if python}


def test_every_supported_python_finds_right_what_another_built(project: Project) -> None:
    if len(pythons()) < 2:
        pytest.skip(f"one Python version here: {', '.join(pythons())}")
    for builder in pythons().values():
        shutil.rmtree(project.dist, ignore_errors=True)
        project.run(python=builder)
        assert len(project.built()) > 2
        for other in pythons().values():
            assert project.run("--check", python=other) == project.run(python=other) == "dist/ is up to date.\n"


def crlf(project: Project) -> None:
    for path in [*project.root.glob("lambda_src/**/*.py"), *project.root.glob("requirements/layer*")]:
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    script = project.root / "build.py"
    script.write_bytes(script.read_bytes().replace(b"\n", b"\r\n"))


def other_modes(project: Project) -> None:
    for path in project.root.glob("lambda_src/**/*.py"):
        path.chmod(0o700)


def caches(project: Project) -> None:
    project.write("lambda_src/redrive/__pycache__/api.cpython-311.pyc", "bytecode")
    project.write("lambda_src/gone/__pycache__/handler.cpython-311.pyc", "left by a branch switched away from")
    project.write("lambda_src/redrive/.ipynb_checkpoints/api-checkpoint.py", "left by an editor")
    project.write("lambda_src/conclude/.handler.py", "left by another")
    project.write("lambda_src/.DS_Store", "left by a desktop")


def old_dates(project: Project) -> None:
    for path in project.root.glob("lambda_src/**/*.py"):
        os.utime(path, (0, 0))


def nothing(project: Project) -> None:
    """A checkout in another place is all the difference."""


@pytest.mark.parametrize("change", [nothing, crlf, other_modes, caches, old_dates])
def test_the_state_of_a_checkout_does_not_show(
    change: Callable[[Project], None], project: Project, tmp_path: Path, wheel_cache: Path
) -> None:
    project.run()
    other = copied(tmp_path / "another place with spaces" / "ü", wheel_cache)
    change(other)
    other.run()
    assert other.built() == project.built()


@pytest.mark.parametrize("setting", ["TZ=Pacific/Auckland", "LC_ALL=C", "PYTHONHASHSEED=7"])
def test_the_environment_does_not_show(setting: str, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.run()
    first = project.built()
    shutil.rmtree(project.dist)
    monkeypatch.setenv(*setting.split("="))
    project.run()
    assert project.built() == first


def test_the_umask_does_not_show(project: Project) -> None:
    project.run()
    first = project.built()
    shutil.rmtree(project.dist)
    previous = os.umask(0o077)
    try:
        project.run()
    finally:
        os.umask(previous)
    assert project.built() == first


def test_packages_are_what_zipfile_writes(project: Project) -> None:
    project.write("lambda_src/redrive/größe.py", "")  # a name that is not ASCII is marked as UTF-8
    project.run()
    for path in project.dist.glob("*.zip"):
        assert rezipped(path.read_bytes()) == path.read_bytes(), path.name


def test_entries_are_compressed_sorted_dated_alike_and_readable_by_lambda(project: Project) -> None:
    project.run()
    for path in project.dist.glob("*.zip"):
        with zipfile.ZipFile(path) as opened:
            entries = opened.infolist()
        assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
        for entry in entries:
            assert entry.compress_type == zipfile.ZIP_DEFLATED
            assert entry.date_time == (1980, 1, 1, 0, 0, 0)
            assert entry.create_system == 3
            assert stat.S_IMODE(entry.external_attr >> 16) == 0o644


def test_dist_is_what_the_source_gives() -> None:
    assert build.check(build.ROOT) == []
