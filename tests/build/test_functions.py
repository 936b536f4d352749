"""A function's zip holds its own folder and the package, both as the source has them."""

from __future__ import annotations

import random

import pytest

import build
from tests.build.conftest import Project


def test_a_function_is_packaged_with_the_package_and_without_other_functions(small: Project) -> None:
    small.write("lambda_src/other/handler.py", "from redrive.words import HELLO\n")
    small.run()
    package = ["redrive/__init__.py", "redrive/words.py"]
    assert small.entries("greet") == ["greet/__init__.py", "greet/handler.py", *package]
    assert small.entries("other") == ["other/handler.py", *package]


def test_no_layer_has_code_of_the_project(small: Project) -> None:
    """Which would change in another call than the function's own code, and meet an older or newer handler."""
    assert sorted(path.name for path in small.dist.glob("*.zip")) == ["dependencies.zip", "greet.zip"]
    assert not [path for path in small.entries("dependencies") if path.startswith(("python/redrive", "python/greet"))]


def test_folders_within_folders_go_in_whole(small: Project) -> None:
    for path in ("greet/parts/__init__.py", "greet/parts/one.py", "redrive/deep/deeper/inner.py"):
        small.write(f"lambda_src/{path}", "")
    small.run()
    assert small.entries("greet")[2:4] == ["greet/parts/__init__.py", "greet/parts/one.py"]
    assert "redrive/deep/deeper/inner.py" in small.entries("greet")


@pytest.mark.parametrize(
    ("changed", "zips"),
    [
        ("lambda_src/greet/handler.py", ["greet.zip"]),
        ("lambda_src/other/handler.py", ["other.zip"]),
        ("lambda_src/redrive/words.py", ["greet.zip", "other.zip"]),
    ],
)
def test_a_change_leaves_the_zips_without_it_alone(changed: str, zips: list[str], small: Project) -> None:
    small.write("lambda_src/other/handler.py", "from redrive.words import HELLO\n")
    small.run()
    before = small.built()
    small.write(changed, "HELLO = 'good evening'\n")
    assert small.run().splitlines() == [f"dist/{name}: {(small.dist / name).stat().st_size:,} bytes" for name in zips]
    after = small.built()
    assert {name for name in after if after[name] != before[name]} == {*zips}


def test_the_source_goes_in_as_it_is(project: Project) -> None:
    project.run()
    source = project.root / "lambda_src"
    for name in [path.parent.name for path in source.glob("*/handler.py")]:
        packed = {path: content for path, content in project.contents(name).items() if path.endswith(".py")}
        files = [path for folder in (name, "redrive") for path in (source / folder).rglob("*.py")]
        assert packed == {path.relative_to(source).as_posix(): path.read_bytes() for path in files}


@pytest.mark.parametrize("name", ["lambda_src/redrive/words.py", "lambda_src/greet/handler.py"])
def test_a_syntax_error_is_named_with_its_line(name: str, small: Project) -> None:
    small.write(name, "HELLO = 1\nif:\n")
    assert f"{name}:2: " in small.run(fails=True)


def test_text_that_is_not_utf_8_is_a_syntax_error(small: Project) -> None:
    (small.root / "lambda_src/redrive/words.py").write_bytes("HELLO = 'grüß'\n".encode("latin-1"))
    assert "lambda_src/redrive/words.py:" in small.run(fails=True)


def test_a_folder_that_is_neither_a_function_nor_the_package_is_named(small: Project) -> None:
    small.write("lambda_src/summarize/handlers.py", "")
    assert "lambda_src/summarize is neither a function, with a handler.py, nor redrive" in small.run(fails=True)


def test_a_file_beside_the_folders_is_named(small: Project) -> None:
    small.write("lambda_src/handler.py", "")
    assert "lambda_src/handler.py is neither a function" in small.run(fails=True)


@pytest.mark.parametrize("missing", ["greet/handler.py", "greet", "redrive"])
def test_a_source_without_functions_or_without_the_package_is_an_error(missing: str, small: Project) -> None:
    before = small.built()
    path = small.root / "lambda_src" / missing
    path.rename(small.root / "away")
    said = small.run(fails=True)
    assert ("lambda_src/greet is neither a function" if missing.endswith(".py") else "lambda_src must have") in said
    assert small.built() == before


def test_a_compiled_file_in_the_source_is_an_error(small: Project) -> None:
    small.write("lambda_src/redrive/fast.cpython-311-x86_64-linux-gnu.so", "")
    assert "lambda_src/redrive/fast.cpython-311-x86_64-linux-gnu.so is compiled" in small.run(fails=True)


def test_a_zip_too_large_is_an_error_and_leaves_dist_alone(small: Project) -> None:
    before = small.built()
    size = build.FUNCTION_LIMIT
    small.write("lambda_src/redrive/words.py", f"HELLO = '{random.Random(0).randbytes(size).hex()}'\n")
    said = small.run(fails=True)
    assert "dist/greet.zip would have 1," in said
    assert f"at most {size:,} may go in" in said
    assert small.built() == before
