"""What was left out is not missed: the packages run on nothing but what AWS's runtime brings."""

from __future__ import annotations

import ast
import io
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import build
from tests.build.conftest import copied

FUNCTIONS = sorted(path.parent.name for path in (build.ROOT / "lambda_src").glob("*/handler.py"))

EVERY_MODULE = """
import importlib, pathlib, sys
folder = pathlib.Path(sys.path[0])
for path in sorted(folder.rglob("*.py")):
    name = ".".join(path.relative_to(folder).with_suffix("").parts).removesuffix(".__init__")
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:  # some modules are for those who have an optional library
        print(error.name)
"""

# What a library imports of what was left out, and when.
NEVER_REACHED = {
    ("aws_lambda_powertools/shared/functions.py", "aws_lambda_powertools.event_handler"): "logging a pydantic model",
    ("aws_lambda_powertools/utilities/batch/types.py", "aws_lambda_powertools.utilities.parser"): "with pydantic",
    ("idna/core.py", "idna.uts46data"): "a host that is not ASCII: urllib3 makes every host ASCII before",
    ("requests/__init__.py", "charset_normalizer"): "in a try; warns, which redrive silences",
    ("requests/__init__.py", "urllib3.contrib"): "a Python without SNI, in a try",
    ("requests/adapters.py", "urllib3.contrib"): "with PySocks, in a try",
    ("requests/help.py", "charset_normalizer"): "a bug report to requests, in a try",
    ("requests/help.py", "urllib3.contrib"): "a bug report to requests, in a try",
    ("urllib3/__init__.py", "urllib3.contrib"): "in a browser",
    ("urllib3/http2/__init__.py", "urllib3.http2.connection"): "when HTTP/2 is asked for, with h2",
}

LIBRARIES_AT_WORK = """
import json, pathlib
import certifi, requests
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.jmespath_utils import query
from urllib3.util.retry import Retry

assert pathlib.Path(certifi.where()).is_file()
assert "-----BEGIN CERTIFICATE-----" in pathlib.Path(certifi.where()).read_text(encoding="utf-8")
assert requests.Request("GET", "https://BÜCHER.example/").prepare().url == "https://xn--bcher-kva.example/"
session = requests.Session()
session.mount("https://", requests.adapters.HTTPAdapter(max_retries=Retry(3)))
answer = requests.Response()
answer._content, answer.status_code = "gr\\u00fc\\u00dfe aus K\\u00f6ln".encode("latin-1"), 200
assert answer.text
assert query({"a": ['{"b": 1}']}, "powertools_json(a[0]).b") == 1
Logger(service="x").error("e", exc_info=ValueError("v"))
metrics = Metrics(namespace="n", service="s")
metrics.add_metric("m", MetricUnit.Count, 1)
metrics.flush_metrics()
record = {"messageId": "1", "body": "bad", "eventSource": "aws:sqs", "attributes": {}}
result = process_partial_response(
    event={"Records": [record, record | {"messageId": "2", "body": "{}"}]},
    record_handler=lambda record: json.loads(record.body),
    processor=BatchProcessor(EventType.SQS),
    context=None,
)
assert result == {"batchItemFailures": [{"itemIdentifier": "1"}]}, result
print("done")
"""


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory, wheel_cache: Path) -> Path:
    """The packages as Lambda unpacks them: each zip in a folder of its own."""
    project = copied(tmp_path_factory.mktemp("runtime") / "project", wheel_cache)
    project.run()
    for path in project.dist.glob("*.zip"):
        with zipfile.ZipFile(path) as opened:
            opened.extractall(project.dist / path.stem)
    return project.dist


def runs(code: str, *folders: Path) -> str:
    """Run code on AWS's runtime with the folders before its own, and nothing of this project's."""
    python = build.ROOT / ".venv-runtime" / "bin" / "python"
    code = f"import sys; sys.path[:0] = {[str(folder) for folder in folders]!r}\n{code}"
    done = subprocess.run(
        [python, "-I", "-W", "error::UserWarning", "-c", code],
        env={"AWS_DEFAULT_REGION": "eu-west-1", "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def layer(unpacked: Path) -> Path:
    """Give the folder that is in /opt/python on Lambda."""
    return unpacked / "dependencies" / "python"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_module_of_a_function_and_of_the_package_loads(function: str, unpacked: Path) -> None:
    code = EVERY_MODULE + f"import {function}.handler as function\nassert callable(function.handler)\n"
    code += "print(len([name for name in sys.modules if name.startswith('redrive.')]))"
    modules = [path for path in (build.ROOT / "lambda_src/redrive").rglob("*.py") if path.name != "__init__.py"]
    assert int(runs(code, unpacked / function, layer(unpacked))) == len(modules)


def test_no_run_that_sends_pays_for_loading_what_writes_reports(unpacked: Path) -> None:
    code = "import list_failed.handler; print('redrive.lister' in sys.modules, 'redrive.reporting' in sys.modules)"
    assert runs(code, unpacked / "list_failed", layer(unpacked)) == "True False\n"


def test_a_function_hides_no_module_of_the_layer(unpacked: Path) -> None:
    libraries = {path.name for path in layer(unpacked).iterdir()}
    for function in FUNCTIONS:
        own = {path.name for path in (unpacked / function).iterdir()}
        assert own == {function, "redrive"}
        assert own.isdisjoint(libraries)


def test_no_library_module_misses_one_that_was_left_out(unpacked: Path) -> None:
    missed = runs(EVERY_MODULE, layer(unpacked)).split()
    ours = {path.stem for path in layer(unpacked).iterdir()}
    assert [name for name in missed if name.partition(".")[0] in ours] == []


def test_no_function_of_a_library_imports_one_that_was_left_out(unpacked: Path, tmp_path: Path) -> None:
    libraries = layer(unpacked)
    for wheel in build.wheels(build.ROOT):
        with zipfile.ZipFile(io.BytesIO(wheel)) as opened:
            opened.extractall(tmp_path)
    missed = set()
    for path in libraries.rglob("*.py"):
        name = path.relative_to(libraries).as_posix()
        for module in imported(path.read_text(encoding="utf-8"), name):
            parts = module.split(".")
            for parent in (".".join(parts[: depth + 1]) for depth in range(len(parts))):
                if has_module(tmp_path, parent) and not has_module(libraries, parent):
                    missed.add((name, parent))
                    break
    assert missed == NEVER_REACHED.keys()


def imported(code: str, name: str) -> Iterator[str]:
    """Yield what a file may import at any time when it runs, submodules by their whole name."""
    nodes: list[ast.AST] = [ast.parse(code)]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            nodes += node.orelse
            continue
        nodes += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = name.split("/")[: -node.level] if node.level else []
            base = ".".join([*package, *filter(None, [node.module])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def has_module(folder: Path, module: str) -> bool:
    """Tell whether a folder holds a module."""
    path = folder.joinpath(*module.split("."))
    return (path / "__init__.py").is_file() or path.with_suffix(".py").is_file()


def test_the_libraries_do_their_work(unpacked: Path) -> None:
    assert runs(LIBRARIES_AT_WORK, layer(unpacked)).endswith("done\n")


def test_a_cold_start_imports_nothing_that_python_has_itself(unpacked: Path) -> None:
    """And whoever wants the module afterwards finds it."""
    code = "import requeue_communication.handler\nwas_there = 'typing_extensions' in sys.modules\n"
    code += (
        "import typing_extensions\nprint(was_there is (sys.version_info < (3, 13)), bool(typing_extensions.__file__))"
    )
    assert runs(code, unpacked / "requeue_communication", layer(unpacked)) == "True True\n"


def test_a_cold_start_imports_nothing_for_http_2(unpacked: Path) -> None:
    """And HTTP/2 can be turned on all the same, as far as its library is there."""
    code = "import list_failed.handler\nprint('importlib.metadata' in sys.modules)\nimport urllib3.http2\n"
    code += "try: urllib3.http2.inject_into_urllib3()\nexcept Exception as error: print(type(error).__name__)"
    assert runs(code, unpacked / "list_failed", layer(unpacked)) == "False\nPackageNotFoundError\n"
