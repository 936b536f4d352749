"""``build.py --check`` stands in CI for the reader who cannot read a zip."""

from __future__ import annotations

import hashlib
import os
import shutil

import pytest

import build
from tests.build.conftest import Project

REMEDY = "Run `python build.py` and commit dist/."


def test_what_was_just_built_passes_without_a_network(small: Project) -> None:
    assert small.run("--check", PIP_NO_INDEX="1", PIP_FIND_LINKS="") == "dist/ is up to date.\n"


def test_a_changed_source_is_named_and_nothing_is_written(small: Project) -> None:
    before = small.built()
    small.write("lambda_src/redrive/words.py", "HELLO = 'good evening'\n")
    said = small.run("--check", fails=True)
    assert said.splitlines() == ["dist/redrive.zip is not what the source gives.", REMEDY]
    assert small.built() == before
    small.run()
    small.run("--check")


@pytest.mark.parametrize("name", ["greet.zip", "redrive.zip", "dependencies.zip", "dependencies.sha256"])
def test_a_missing_file_is_named_and_made_again(name: str, small: Project) -> None:
    (small.dist / name).unlink()
    assert small.run("--check", fails=True).splitlines() == [f"dist/{name} is missing.", REMEDY]
    small.run()
    small.run("--check")


def test_no_dist_at_all_is_named(small: Project) -> None:
    shutil.rmtree(small.dist)
    assert "dist/dependencies.zip is missing." in small.run("--check", fails=True)


def test_the_zip_of_a_function_that_is_gone_is_named_and_removed(small: Project) -> None:
    (small.dist / "gone.zip").write_bytes(b"")
    assert "dist/gone.zip belongs to no function." in small.run("--check", fails=True)
    assert "dist/gone.zip: removed" in small.run()
    small.run("--check")


def test_a_tampered_package_is_caught_and_mended(small: Project) -> None:
    good = small.built()
    (small.dist / "redrive.zip").write_bytes(good["redrive.zip"].replace(b"hello", b"adieu"))
    assert small.run("--check", fails=True).splitlines() == ["dist/redrive.zip is not what the source gives.", REMEDY]
    assert small.run().startswith("dist/redrive.zip: ")
    assert small.built() == good


def test_a_tampered_layer_is_caught_even_if_its_record_was_tampered_with_alike(small: Project) -> None:
    layer, noted = small.dist / "dependencies.zip", small.dist / "dependencies.sha256"
    good = small.built()
    bad = layer.read_bytes().replace(b"def get(", b"def gets", 1)
    record = noted.read_text().replace(hashlib.sha256(layer.read_bytes()).hexdigest(), hashlib.sha256(bad).hexdigest())
    layer.write_bytes(bad)
    noted.write_text(record)
    said = small.run("--check", fails=True)
    assert "dist/dependencies.zip is not what the source gives." in said
    noted.write_bytes(good["dependencies.sha256"])
    small.run()
    assert small.built() == good


@pytest.mark.parametrize("file", ["requirements/layer.txt", "requirements/layer-pruned.toml", "build.py"])
def test_a_changed_input_of_the_layer_is_noticed(file: str, small: Project) -> None:
    with (small.root / file).open("a") as appended:
        appended.write("# one more line\n")
    assert "dist/dependencies.sha256 is not what the source gives." in small.run("--check", fails=True)
    assert "dist/dependencies.sha256" in small.run()
    small.run("--check")


def test_a_build_that_is_interrupted_leaves_whole_files(small: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    before = small.built()
    small.write("lambda_src/redrive/words.py", "HELLO = 'good evening'\n")

    def interrupted(self: object, target: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pathlib.Path.replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build.build(small.root)
    assert small.built() == before


def test_file_times_mean_nothing(small: Project) -> None:
    for path in small.root.rglob("*.*"):
        os.utime(path)
    shutil.rmtree(small.root / ".build")
    assert small.run(PIP_NO_INDEX="1", PIP_FIND_LINKS="") == "dist/ is up to date.\n"
