"""The layer ``dependencies`` holds the pinned libraries, pure Python only, without what Lambda never loads."""

from __future__ import annotations

import hashlib
import io
import random
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import Distribution
from pathlib import Path

import pytest

import build
from tests.build.conftest import Project

LEFT_OUT = {"charset-normalizer"}
"""Pins of which nothing is in it; requirements/layer-pruned.toml says why."""


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No package index that pip could reach."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", "")


@pytest.fixture
def without_pip(tmp_path: Path) -> str:
    """A Python that has no pip."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
    return str(tmp_path / "bare" / "bin" / "python")


def pin(project: Project, files: dict[str, str]) -> None:
    """Make a wheel of some files the only pin of the layer."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as wheel:
        for path, text in files.items():
            wheel.writestr(path, text)
    digest = hashlib.sha256(content.getvalue()).hexdigest()
    project.write("requirements/layer.txt", f"thing==1.0 \\\n    --hash=sha256:{digest}\n")
    project.write("requirements/layer-pruned.toml", "")
    (project.root / ".build/wheels/thing-1.0-py3-none-any.whl").write_bytes(content.getvalue())


def test_every_pin_is_in_it_with_its_version_and_its_licence(project: Project) -> None:
    project.run()
    with zipfile.ZipFile(project.dist / "dependencies.zip") as opened:
        opened.extractall(project.root / "layer")
    found = {}
    for metadata in (project.root / "layer" / "python").glob("*.dist-info"):
        distribution = Distribution.at(metadata)
        found[distribution.metadata["Name"].lower().replace("_", "-")] = distribution.version
        assert [path for path in metadata.rglob("*") if re.match("LICEN[CS]E", path.name)], metadata.name
    pinned = re.findall(r"^([\w.-]+)==([\w.]+)", (project.root / "requirements/layer.txt").read_text(), re.MULTILINE)
    assert len(pinned) > 5
    wanted = {name.replace("_", "-"): version for name, version in pinned}
    assert found == {name: version for name, version in wanted.items() if name not in LEFT_OUT}


def test_it_is_less_than_half_of_what_the_wheels_hold(project: Project, wheel_cache: Path) -> None:
    project.run()
    whole = 0
    for content in build.wheels(build.ROOT):
        with zipfile.ZipFile(io.BytesIO(content)) as wheel:
            whole += sum(entry.file_size for entry in wheel.infolist())
    layer = project.contents("dependencies")
    assert sum(len(layer[path]) for path in project.entries("dependencies")) < whole / 2


def test_nothing_compiled_for_a_system_is_in_dist(project: Project) -> None:
    project.run()
    for name in [path.stem for path in project.dist.glob("*.zip")]:
        suffixes = {Path(path).suffix for path in project.entries(name)}
        assert suffixes <= {".py", ".pem", ".md", ".txt", ""}, name


def test_a_layer_that_is_up_to_date_needs_neither_pip_nor_wheels(small: Project, without_pip: str) -> None:
    shutil.rmtree(small.root / ".build")
    assert small.run(python=without_pip, PATH="") == "dist/ is up to date.\n"
    small.write("lambda_src/redrive/words.py", "HELLO = 'good evening'\n")
    assert small.run(python=without_pip, PATH="").startswith("dist/greet.zip: ")


def test_a_second_build_from_nothing_needs_no_network(small: Project, offline: None) -> None:
    first = small.built()
    shutil.rmtree(small.dist)
    small.run()
    assert small.built() == first


def test_wheels_come_from_the_index_where_they_are_not_at_hand(small: Project, wheel_cache: Path) -> None:
    first = small.built()
    shutil.rmtree(small.root / ".build")
    shutil.rmtree(small.dist)
    small.run(PIP_NO_INDEX="1", PIP_FIND_LINKS=str(wheel_cache))
    assert small.built() == first
    assert len(list((small.root / ".build/wheels").iterdir())) == len(list(wheel_cache.glob("*.whl")))


def test_no_pip_is_said_in_words(small: Project, without_pip: str) -> None:
    shutil.rmtree(small.root / ".build")
    said = small.run("--check", python=without_pip, fails=True)
    assert "has no pip: run `make build`" in said


def test_no_index_is_said_in_words(small: Project, offline: None) -> None:
    shutil.rmtree(small.root / ".build")
    said = small.run("--check", fails=True)
    assert "pip could not fetch the wheels." in said
    assert "Is there a package index that pip can reach" in said


def forge(wheels: Path) -> None:
    """Add a file to one of the wheels."""
    with zipfile.ZipFile(next(wheels.glob("idna-*.whl")), "a") as wheel:
        wheel.writestr("idna/extra.py", "")


def test_another_file_than_the_one_pinned_is_refused(small: Project, tmp_path: Path) -> None:
    shutil.move(small.root / ".build/wheels", tmp_path / "index")
    forge(tmp_path / "index")
    said = small.run("--check", fails=True, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path / "index"))
    assert "The index serves another file than the one pinned" in said


def test_another_file_than_the_one_pinned_is_not_taken_from_the_cache(small: Project, offline: None) -> None:
    forge(small.root / ".build/wheels")
    assert "pip could not fetch the wheels." in small.run("--check", fails=True)


def test_a_compiled_file_is_an_error_and_leaves_dist_alone(small: Project) -> None:
    before = small.built()
    pin(small, {"thing/__init__.py": "", "thing/fast.so": ""})
    assert "dist/dependencies.zip would hold python/thing/fast.so, compiled" in small.run(fails=True)
    assert small.built() == before


def test_a_layer_too_large_is_an_error(small: Project) -> None:
    pin(small, {"thing/__init__.py": random.Random(0).randbytes(1_000_000).hex()})
    assert f"at most {build.DEPENDENCIES_LIMIT:,} may go in" in small.run(fails=True)


def test_a_pattern_that_prunes_nothing_is_named(small: Project) -> None:
    pin(small, {"thing/__init__.py": ""})
    small.write("requirements/layer-pruned.toml", '"thing/tests/*" = "tests"\n')
    assert "nothing matches 'thing/tests/*' now" in small.run(fails=True)


@pytest.mark.parametrize("line", ["thing==1.0", 'thing==1.0 ; python_version < "3.12" \\', "-r other.txt"])
def test_a_lock_file_with_anything_but_versions_with_hashes_is_refused(line: str, small: Project) -> None:
    hashed = "" if line == "thing==1.0" else f"\n    --hash=sha256:{'0' * 64}"
    small.write("requirements/layer.txt", f"{line}{hashed}\n")
    assert "is no version with hashes" in small.run(fails=True)
