"""A function's zip holds what its handler can load, and nothing that would change with another function."""

from __future__ import annotations

import ast
import zipfile

from tests.build.conftest import Project


def test_only_reached_modules_go_in(small: Project) -> None:
    small.write("lambda_src/shared/unused.py", "")
    small.run()
    assert small.entries("greet") == [
        "greet/__init__.py",
        "greet/handler.py",
        "shared/__init__.py",
        "shared/words.py",
    ]


def test_imports_are_followed_wherever_they_stand(small: Project) -> None:
    small.write(
        "lambda_src/greet/handler.py",
        "import shared.plain\n"
        "from shared import member\n"
        "from . import sibling\n"
        "from .sibling import x as y\n"
        "def handler():\n    import shared.lazy as lazy\n"
        "try:\n    from shared.tried import a\nexcept ImportError:\n    a = None\n",
    )
    for module in ("shared/plain", "shared/member", "shared/lazy", "shared/tried", "greet/sibling"):
        small.write(f"lambda_src/{module}.py", "x = a = 1\n")
    small.write("lambda_src/shared/member.py", "from .deep.inner import x\nfrom ..shared import plain\n")
    small.write("lambda_src/shared/deep/__init__.py", "")
    small.write("lambda_src/shared/deep/inner.py", "x = 1\n")
    small.run()
    assert {path for path in small.entries("greet") if "__init__" not in path} == {
        "greet/handler.py",
        "greet/sibling.py",
        "shared/deep/inner.py",
        "shared/lazy.py",
        "shared/member.py",
        "shared/plain.py",
        "shared/tried.py",
    }


def test_what_only_type_checkers_import_stays_out(small: Project) -> None:
    code = "import typing\nif typing.TYPE_CHECKING:\n    from shared import words\nelse:\n    import shared.real\n"
    code += "if not typing.TYPE_CHECKING:\n    import shared.real_too\n"
    small.write("lambda_src/greet/handler.py", code)
    small.write("lambda_src/shared/real.py", "")
    small.write("lambda_src/shared/real_too.py", "")
    small.run()
    assert {"shared/real.py", "shared/real_too.py"} <= set(small.entries("greet"))
    assert "shared/words.py" not in small.entries("greet")


def test_a_change_in_one_function_leaves_the_other_zips_alone(small: Project) -> None:
    small.write("lambda_src/other/__init__.py", "")
    small.write("lambda_src/other/handler.py", "from shared.words import HELLO\n")
    small.run()
    before = small.built()
    small.write("lambda_src/greet/handler.py", "from shared.words import HELLO\nprint(HELLO)\n")
    assert small.run().splitlines() == [f"dist/greet.zip: {(small.dist / 'greet.zip').stat().st_size} bytes"]
    after = small.built()
    assert {name for name in after if after[name] != before[name]} == {"greet.zip"}


def test_comments_and_docstrings_stay_out_and_lines_keep_their_numbers(small: Project) -> None:
    code = (
        '"""About this module."""\n'
        "from shared.words import HELLO  # about this line\n"
        "class Refused(Exception):\n"
        '    """About this class\n\n    in three lines."""\n'
        'class Größer(Exception): "About this class"\n'
        "def handler(event, _context):\n"
        '    """About this function."""\n'
        '    text = \'# kept\' + HELLO + """\n'
        "# kept as well\n"
        '"""\n'
        "    return text\n"
    )
    small.write("lambda_src/greet/handler.py", code)
    small.run()
    with zipfile.ZipFile(small.dist / "greet.zip") as opened:
        packed = opened.read("greet/handler.py").decode()
    assert "bout this" not in packed
    assert "three lines" not in packed
    assert "'# kept'" in packed
    assert "# kept as well" in packed
    assert "class Größer(Exception): ..." in packed
    assert line_of_return(packed) == line_of_return(code) == 13


def test_the_code_that_is_packed_is_the_code_that_was_tested(project: Project) -> None:
    project.run()
    source = project.root / "lambda_src"
    for function in (path.parent.name for path in source.glob("*/handler.py")):
        with zipfile.ZipFile(project.dist / f"{function}.zip") as opened:
            for path in opened.namelist():
                assert code_alone(opened.read(path).decode()) == code_alone((source / path).read_text()), path


def test_an_import_of_something_missing_is_named_with_its_line(small: Project) -> None:
    small.write("lambda_src/greet/handler.py", "import json\nimport shared.gone\n")
    said = small.run(fails=True)
    assert "lambda_src/greet/handler.py:2" in said
    assert "shared.gone" in said


def test_a_package_without_init_is_named(small: Project) -> None:
    (small.root / "lambda_src/greet/__init__.py").unlink()
    assert "lambda_src/greet needs greet, which is no module" in small.run(fails=True)


def test_a_syntax_error_is_named_with_its_line(small: Project) -> None:
    small.write("lambda_src/shared/words.py", "HELLO = 1\nif:\n")
    assert "lambda_src/shared/words.py:2: " in small.run(fails=True)


def test_a_folder_without_a_handler_that_nobody_imports_is_named(small: Project) -> None:
    small.write("lambda_src/summarize/handlers.py", "")
    assert "lambda_src/summarize has no handler.py" in small.run(fails=True)


def test_a_source_without_functions_is_an_error(small: Project) -> None:
    (small.root / "lambda_src/greet/handler.py").unlink()
    assert "lambda_src has no function" in small.run(fails=True)


def test_a_compiled_file_in_the_source_is_an_error(small: Project) -> None:
    small.write("lambda_src/shared/fast.cpython-311-x86_64-linux-gnu.so", "")
    assert "lambda_src/shared/fast.cpython-311-x86_64-linux-gnu.so is compiled" in small.run(fails=True)


def test_a_function_too_large_is_an_error_and_leaves_dist_alone(small: Project) -> None:
    before = small.built()
    small.write("lambda_src/shared/words.py", f"HELLO = '{'x' * 60_000}'\n")
    assert "dist/greet.zip would have 60," in small.run(fails=True)
    assert small.built() == before


def line_of_return(code: str) -> int:
    """Return the number of the line that returns."""
    return next(node.lineno for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Return))


def code_alone(source: str) -> str:
    """Write code anew without what stands for nothing: comments, docstrings and the dots in their place."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            no_text = [part for part in node.body if ast.get_docstring(node) is None or part is not node.body[0]]
            node.body = [part for part in no_text if ast.unparse(part) != "..."] or [ast.Pass()]
    return ast.unparse(tree)
