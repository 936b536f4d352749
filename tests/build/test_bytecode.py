"""Beside each source is its bytecode for the default runtime, and nothing else is ever taken for it."""

from __future__ import annotations

import _imp
import io
import re
import shutil
import struct
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import build
from tests.build.conftest import Project

MAGIC = b"\xf3\r\r\n"
"""What bytecode of Python 3.13 begins with (CPython's Include/internal/pycore_magic_number.h)."""

WORDS = "redrive/__pycache__/words.cpython-313.pyc"
REMEDY = "Run `python build.py` and commit dist/."


@pytest.fixture(scope="session")
def compiler() -> str:
    """A Python of the default runtime's version."""
    return build.find_python(build.RUNTIME) or pytest.skip(f"no Python {build.RUNTIME} here")


@pytest.fixture(scope="session")
def other() -> str:
    """A Python of another version."""
    found = filter(None, map(build.find_python, ("3.11", "3.12")))
    return next(found, None) or pytest.skip("no other Python here")


@pytest.fixture
def elsewhere(small: Project, other: str, tmp_path: Path) -> Callable[..., str]:
    """Run ``build.py`` on a machine that has no Python of that version and has compiled nothing yet."""

    def run(*arguments: str, fails: bool = False) -> str:
        (small.root / build.BYTECODE).unlink(missing_ok=True)
        nowhere = str(tmp_path / "nowhere")
        return small.run(*arguments, python=other, fails=fails, PATH="", PYENV_ROOT=nowhere, PYTHON313="")

    return run


def replaced(zipped: bytes, path: str, change: Callable[[bytes], bytes]) -> bytes:
    """Change one file of a zip, which stays in order otherwise."""
    with zipfile.ZipFile(io.BytesIO(zipped)) as opened:
        contents = {name.encode(): opened.read(name) for name in opened.namelist()}
    contents[path.encode()] = change(contents[path.encode()])
    return build.zip_of(contents, [build.compressed(content) for content in contents.values()])


def test_it_is_compiled_for_the_default_runtime() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in build.ROOT.glob("variables*.tf"))
    assert re.findall(r'runtime\s+= optional\(string, "python([\d.]+)"\)', text) == [build.RUNTIME]


def test_every_source_has_bytecode_that_names_it_and_is_not_compared_when_loaded(
    project: Project, compiler: str
) -> None:
    project.run()
    for name in [path.stem for path in project.dist.glob("*.zip")]:
        contents = project.contents(name)
        sources = {path for path in contents if path.endswith(".py")}
        assert {path for path in contents if path.endswith(".pyc")} == {build.compiled(path) for path in sources}
        for path in sources:
            magic, flags, hashed = struct.unpack("<4sL8s", contents[build.compiled(path)][:16])
            assert (magic, flags) == (MAGIC, 0b01)  # a hash of the source (1), unchecked (no 2): PEP 552
            assert hashed == _imp.source_hash(int.from_bytes(MAGIC, "little"), contents[path])


def test_the_default_runtime_loads_the_bytecode_and_another_the_source(
    small: Project, compiler: str, other: str
) -> None:
    with zipfile.ZipFile(small.dist / "greet.zip") as opened:
        opened.extractall(small.root / "task")
    (small.root / "task/redrive/words.py").write_text("HELLO = 'from the source'\n")

    def said(python: str) -> str:
        command = [python, "-B", "-c", "from greet.handler import HELLO; print(HELLO)"]
        return subprocess.run(command, cwd=small.root / "task", capture_output=True, text=True, check=True).stdout

    assert said(compiler) == "hello\n"
    assert said(other) == "from the source\n"


def test_a_trace_names_the_file_where_it_lies(small: Project, compiler: str) -> None:
    small.write("lambda_src/greet/handler.py", "def handler(event, context):\n    raise ValueError('no')\n")
    small.run()
    task = small.root / "somewhere" / "task"
    with zipfile.ZipFile(small.dist / "greet.zip") as opened:
        opened.extractall(task)
    command = [compiler, "-c", "from greet.handler import handler; handler({}, None)"]
    done = subprocess.run(command, cwd=task, capture_output=True, text=True, check=False)
    assert f'File "{task}/greet/handler.py", line 2, in handler' in done.stderr


def test_another_bytecode_under_the_hash_of_the_source_is_caught_and_replaced(small: Project, compiler: str) -> None:
    good = small.built()
    bad = replaced(good["greet.zip"], WORDS, lambda code: code.replace(b"hello", b"adieu"))
    assert bad != good["greet.zip"]
    (small.dist / "greet.zip").write_bytes(bad)
    assert small.run("--check", fails=True).splitlines() == ["dist/greet.zip is not what the source gives.", REMEDY]
    small.run()
    assert small.built() == good


@pytest.mark.parametrize(
    "damage", [lambda kept: b"", lambda kept: kept[:-1], lambda kept: kept.replace(b"hello", b"adieu")]
)
def test_kept_bytecode_that_was_damaged_is_made_again(
    damage: Callable[[bytes], bytes], small: Project, compiler: str
) -> None:
    good = small.built()
    (small.root / build.BYTECODE).unlink()
    small.run()
    for kept in (small.root / build.BYTECODE).iterdir():
        if kept.is_file():
            kept.write_bytes(damage(kept.read_bytes()))
    assert small.run("--check") == small.run() == "dist/ is up to date.\n"
    assert small.built() == good


def test_without_that_python_what_is_committed_stays(small: Project, elsewhere: Callable[..., str]) -> None:
    before = small.built()
    assert elsewhere() == elsewhere("--check") == "dist/ is up to date.\n"
    assert small.built() == before


def test_without_that_python_the_bytecode_of_a_changed_source_is_left_out_until_one_builds(
    small: Project, compiler: str, elsewhere: Callable[..., str]
) -> None:
    small.write("lambda_src/redrive/words.py", "HELLO = 'good evening'\n")
    assert "dist/greet.zip" in elsewhere("--check", fails=True)
    elsewhere()
    bare = {"redrive/words.py"}
    assert {path for path in small.entries("greet") if build.compiled(path) not in small.contents("greet")} == bare
    assert elsewhere("--check") == "dist/ is up to date.\n"
    assert "dist/greet.zip is not what the source gives." in small.run("--check", fails=True)
    small.run()
    assert WORDS in small.contents("greet")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda code: code[:8] + bytes(8) + code[16:], id="of another source"),
        pytest.param(lambda code: code[:4] + b"\3" + code[5:], id="compared when it is loaded"),
        pytest.param(lambda code: b"\xcb\r\r\n" + code[4:], id="of Python 3.12"),
        pytest.param(lambda code: b"", id="empty"),
    ],
)
def test_without_that_python_bytecode_that_does_not_belong_to_its_source_is_caught(
    change: Callable[[bytes], bytes], small: Project, elsewhere: Callable[..., str]
) -> None:
    (small.dist / "greet.zip").write_bytes(replaced(small.built()["greet.zip"], WORDS, change))
    assert "dist/greet.zip is not what the source gives." in elsewhere("--check", fails=True)
    elsewhere()
    assert WORDS not in small.contents("greet")


def test_without_that_python_one_is_asked_for(small: Project, other: str, tmp_path: Path) -> None:
    (small.root / build.BYTECODE).unlink()
    command = [other, "build.py"]
    environment = {"PATH": "", "PYENV_ROOT": str(tmp_path), "HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=small.root, env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == build.NO_COMPILER
    assert "Put python3.13 on the PATH, or name one in PYTHON313" in done.stderr


def test_the_layer_is_not_made_anew_without_that_python(small: Project, elsewhere: Callable[..., str]) -> None:
    before = small.built()
    (small.dist / "dependencies.zip").unlink()
    assert "without its bytecode. No Python 3.13 is here" in elsewhere(fails=True)
    (small.dist / "dependencies.zip").write_bytes(before["dependencies.zip"])
    with (small.root / "build.py").open("a") as appended:
        appended.write("# one more line\n")
    elsewhere()
    assert small.built()["dependencies.zip"] == before["dependencies.zip"]


def test_a_python_that_cannot_read_a_source_says_so_whoever_compiled_it(
    small: Project, compiler: str, other: str
) -> None:
    small.write(
        "lambda_src/redrive/words.py", "type Words = str\n" if other.endswith("3.11") else "def f[T = int](): ...\n"
    )
    small.run(python=compiler)
    for arguments in ([], ["--check"]):
        assert "lambda_src/redrive/words.py:1: " in small.run(*arguments, python=other, fails=True)
    small.run("--check", python=compiler)


def test_a_python_is_found_by_its_variable(small: Project, compiler: str, other: str, tmp_path: Path) -> None:
    (small.root / build.BYTECODE).unlink()
    shutil.rmtree(small.dist)
    small.run(python=other, PATH="", PYENV_ROOT=str(tmp_path), PYTHON313=compiler)
    assert WORDS in small.contents("greet")


def test_the_environment_does_not_change_what_is_compiled(small: Project, compiler: str) -> None:
    before, cache = small.built(), small.root / build.BYTECODE
    cache.unlink()
    for setting in ("PYTHONOPTIMIZE=2", "PYTHONDONTWRITEBYTECODE=1", "PYTHONPYCACHEPREFIX=/nowhere", "LC_ALL=C"):
        shutil.rmtree(cache, ignore_errors=True)
        (small.dist / "greet.zip").unlink()
        name, value = setting.split("=")
        small.run(**{name: value})
        assert small.built() == before, setting
