"""The servers' environments, each made of its own pins, kept under ``.local`` and made again when the pins change."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from local import bootstrap

HERE = Path(__file__).parent
PINS, SERVERS = HERE / "environments", HERE / "servers"
CACHE = bootstrap.ROOT / ".local" / "apis"


@dataclass(frozen=True)
class Command:
    """What a server is started with: the command's first words, and what its environment has besides."""

    words: list[str]
    variables: dict[str, str]


class NotMade(Exception):
    """An environment cannot be made; the message says what it needs."""


class NoRuntime(NotMade):
    """This machine lacks the language, which the project does not ask for."""


def command(name: str, app: str) -> Command:
    """Give how the server ``app`` is started, in the environment of this name, which is made if need be.

    Skips the test where that cannot be. In CI, packages that cannot be had are a failure: the pins may be to blame.
    """
    try:
        made = _made(name)
    except NotMade as why:
        message = f"{name} is not read: {why}"
        if os.environ.get("CI") and not isinstance(why, NoRuntime):
            pytest.fail(message)
        pytest.skip(message)
    return Command([*made.words, str(SERVERS / app)], made.variables)


def _made(name: str) -> Command:
    if name not in _outcomes:
        try:
            _outcomes[name] = _make(name)
        except NotMade as why:
            _outcomes[name] = why  # a registry that is away is asked once
    outcome = _outcomes[name]
    if isinstance(outcome, NotMade):
        raise outcome
    return outcome


_outcomes: dict[str, Command | NotMade] = {}


def _make(name: str) -> Command:
    if (PINS / name / "package.json").exists():
        return Command(["node"], {"NODE_PATH": str(node_modules(PINS / name, CACHE / name))})
    pins = PINS / f"{name}.txt"
    if not pins.exists():
        return Command([sys.executable], {})
    return Command([str(python_packages(pins, CACHE / name))], {})


def python_packages(pins: Path, folder: Path) -> Path:
    """Give the Python of an environment with these pins.

    Raises
    ------
    NotMade
        They cannot be had here.
    """
    try:
        bootstrap.make_from(folder, [(pins, [])])
    except SystemExit as failed:
        raise NotMade(f"its environment could not be made; pip {failed}") from None
    return folder / "bin" / "python"


def node_modules(pinned: Path, folder: Path) -> Path:
    """Give a folder with the packages that the pins of another name.

    Raises
    ------
    NotMade
        They cannot be had here.
    """
    if not (shutil.which("node") and shutil.which("npm")):
        raise NoRuntime("node and npm are not on the PATH (Debian: apt install nodejs npm)")
    pins = [pinned / file for file in ("package.json", "package-lock.json")]
    stamp, wanted = folder / "made-from", bootstrap.fingerprint(pins)
    if not (stamp.exists() and stamp.read_text() == wanted):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for file in pins:
            shutil.copy(file, folder)
        npm = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(npm, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            said = f"{done.stdout}{done.stderr}"
            raise NotMade(f"its environment could not be made; it needs a registry that npm reaches.\n{said}")
        stamp.write_text(wanted)
    return folder / "node_modules"
