"""Copies of the project small enough to be built, broken and built again."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import build

SOURCES = ["lambda_src", "requirements"]


class Project:
    """A copy of what ``build.py`` reads, in a folder of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.dist = root / "dist"

    def write(self, path: str, text: str) -> Path:
        """Write a file of the project, with its folders."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="\n")
        return file

    def run(self, *arguments: str, python: str = sys.executable, fails: bool = False, **environment: str) -> str:
        """Run ``build.py`` as a person does and return what it says; ``fails`` tells how it must end."""
        command = [python, "build.py", *arguments]
        done = subprocess.run(
            command, cwd=self.root, env=os.environ | environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == (1 if fails else 0), done.stdout + done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        return done.stderr if fails else done.stdout

    def built(self) -> dict[str, bytes]:
        """Return the files of ``dist/``."""
        return {path.name: path.read_bytes() for path in sorted(self.dist.iterdir())}

    def entries(self, name: str) -> list[str]:
        """Return the paths in a zip of ``dist/``, without what is compiled."""
        return [path for path in self.contents(name) if not path.endswith(".pyc")]

    def contents(self, name: str) -> dict[str, bytes]:
        """Return what a zip of ``dist/`` holds."""
        with zipfile.ZipFile(self.dist / f"{name}.zip") as opened:
            return {path: opened.read(path) for path in opened.namelist()}


@pytest.fixture(scope="session")
def wheel_cache() -> Path:
    """The pinned wheels, fetched unless an earlier build did."""
    build.wheels(build.ROOT)
    return build.ROOT / ".build" / "wheels"


@pytest.fixture
def project(tmp_path: Path, wheel_cache: Path) -> Project:
    """The real project's copy, not built yet, with the wheels at hand."""
    return copied(tmp_path / "project", wheel_cache)


@pytest.fixture
def small(project: Project) -> Project:
    """One function, ``greet``, and a package of one module, built."""
    shutil.rmtree(project.root / "lambda_src")
    project.write("lambda_src/greet/__init__.py", "")
    project.write("lambda_src/greet/handler.py", "from redrive.words import HELLO\n")
    project.write("lambda_src/redrive/__init__.py", "")
    project.write("lambda_src/redrive/words.py", "HELLO = 'hello'\n")
    project.run()
    return project


def rezipped(zipped: bytes, *, level: int = 9, data: Callable[[bytes], bytes] = bytes, **changes: Any) -> bytes:
    """Write a zip anew by zipfile, at a level of compression; with other data or attributes of its last entry."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(zipped)) as before, zipfile.ZipFile(buffer, "w") as after:
        *same, last = before.infolist()
        for entry in same:
            after.writestr(entry, before.read(entry), compresslevel=level)
        content = data(before.read(last))
        for name, value in changes.items():
            setattr(last, name, value)
        after.writestr(last, content, compresslevel=level)
    return buffer.getvalue()


def copied(root: Path, wheel_cache: Path) -> Project:
    """Copy the project's sources and its wheels to ``root``."""
    root.mkdir(parents=True)
    shutil.copy(build.ROOT / "build.py", root)
    for folder in SOURCES:
        shutil.copytree(build.ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(wheel_cache, root / ".build" / "wheels")
    cache = build.ROOT / build.BYTECODE  # named by what was compiled: one for all copies
    cache.mkdir(exist_ok=True)
    (root / build.BYTECODE).symlink_to(cache)
    return Project(root)
