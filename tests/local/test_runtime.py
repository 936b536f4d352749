"""A machine that cannot run the functions is told why, and what to do."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from local.aws import runtime
from local.aws.errors import Unavailable


def test_without_the_environment_the_command_that_makes_it_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"Run: python3 local/bootstrap\.py runtime"):
        runtime.find(tmp_path)


def test_elsewhere_than_on_linux_a_container_is_advised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(Unavailable, match="Linux container"):
        runtime.find()


def test_an_emulator_that_is_not_executable_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "ROOT", tmp_path)
    program = tmp_path / "emulator"
    program.write_bytes(b"program")
    copy = runtime.executable(program)
    assert copy != program
    assert copy.read_bytes() == b"program"
    assert os.access(copy, os.X_OK)
