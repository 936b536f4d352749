"""Package the functions: ``python build.py`` writes ``dist/``, ``python build.py --check`` judges it.

``dist/`` is committed, so that nothing is built at plan or apply and a consumer of the module needs no
Python. It holds one zip per function and one layer with the libraries of ``requirements/layer.txt``, the
same bytes wherever they are built.

A build leaves the layer alone while ``dist/dependencies.sha256`` names it and what it is made from as they
are now: with nothing to do it needs neither pip nor a network. ``--check`` does not take that record's
word, because whoever swaps the layer can swap the record too: it makes everything anew from the hash-locked
wheels (kept in ``.build/``, fetched where they are missing) and compares byte by byte.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import io
import os
import re
import sys
import tokenize
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent
LAYER_INPUTS = ("build.py", "requirements/layer.txt", "requirements/layer-pruned.toml")

FUNCTION_LIMIT, LAYER_LIMIT = 60_000, 5_000_000  # bytes; the project's own, far below AWS's quotas
OLDEST_PYTHON = "3.11"  # of the runtimes: a wheel of pure Python for it serves the later ones too
COMPILED = re.compile(r"\.(so(\.[\d.]+)?|pyd|dylib|dll)$")


class BuildError(Exception):
    """The source cannot be packaged; the message names the file and what to do."""


def main() -> None:
    """Build or check; exit with 1 and a message where the source or ``dist/`` is not in order."""
    parser = argparse.ArgumentParser(description="Package the functions and their libraries into dist/.")
    parser.add_argument("--check", action="store_true", help="write nothing, fail if dist/ is out of date")
    checking = parser.parse_args().check
    try:
        lines = check(ROOT) if checking else build(ROOT)
    except BuildError as error:
        sys.exit(f"build.py: {error}")
    if checking and lines:
        sys.exit("\n".join([*lines, "Run `python build.py` and commit dist/."]))
    sys.stdout.write("\n".join(lines or ["dist/ is up to date."]) + "\n")


def build(root: Path) -> list[str]:
    """Bring ``root/dist`` up to date and return what changed, a line each. Raises BuildError.

    Everything is made in memory first and each file is replaced at once: a build that fails or is
    interrupted leaves whole files behind.
    """
    dist, scratch = root / "dist", root / ".build"
    wanted = function_zips(root)
    if not layer_is_current(root):
        wanted |= layer(root)
    changes = []
    for name, content in wanted.items():
        if not (dist / name).is_file() or (dist / name).read_bytes() != content:
            dist.mkdir(exist_ok=True)
            scratch.mkdir(exist_ok=True)
            partial = scratch / f"{name}.{os.getpid()}"
            partial.write_bytes(content)
            partial.replace(dist / name)
            changes.append(f"dist/{name}: {len(content):,} bytes")
    for path in strays(dist, wanted):
        path.unlink()
        changes.append(f"dist/{path.name}: removed, there is no such function")
    return changes


def check(root: Path) -> list[str]:
    """Return what in ``root/dist`` is not what the source gives, a line each. Raises BuildError."""
    dist = root / "dist"
    wanted = function_zips(root) | layer(root)
    problems = []
    for name, content in wanted.items():
        if not (dist / name).is_file():
            problems.append(f"dist/{name} is missing.")
        elif as_committed(dist / name) != content:
            problems.append(f"dist/{name} is not what the source gives.")
    return problems + [f"dist/{path.name} belongs to no function." for path in strays(dist, wanted)]


def strays(dist: Path, wanted: dict[str, bytes]) -> list[Path]:
    """Return the zips of functions that are no more."""
    return [path for path in sorted(dist.glob("*.zip")) if path.name not in {*wanted, "dependencies.zip"}]


def as_committed(path: Path) -> bytes:
    """Read a file as Git stores it: text with LF, even where the checkout has CRLF."""
    content = path.read_bytes()
    return content if path.suffix == ".zip" else content.replace(b"\r\n", b"\n")


def archive(name: str, files: dict[str, bytes], limit: int) -> bytes:
    """Zip files into the same bytes everywhere. Raises BuildError if one is compiled or ``limit`` is passed.

    Entries are stored, because DEFLATE differs between builds of zlib, and sorted. Their date is the oldest
    a zip can hold, their mode rw-r--r--, noted as by Unix on Windows too, or Lambda could not read them.
    """
    if compiled := [path for path in files if COMPILED.search(path)]:
        raise BuildError(f"dist/{name} would hold {compiled[0]}, compiled for one system: only Python may go in")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as target:
        for path in sorted(files):
            entry = zipfile.ZipInfo(path, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = 0o100644 << 16
            target.writestr(entry, files[path])
    content = buffer.getvalue()
    if len(content) > limit:
        raise BuildError(f"dist/{name} would have {len(content):,} bytes: at most {limit:,} may go in")
    return content


# --- functions: a folder of lambda_src with a handler.py -------------------------------------------------


def function_zips(root: Path) -> dict[str, bytes]:
    """Package each function: its own modules and the shared ones its handler can load. Raises BuildError."""
    source = root / "lambda_src"
    if compiled := [path for path in source.rglob("*") if COMPILED.search(path.name)]:
        raise BuildError(f"{compiled[0].relative_to(root).as_posix()} is compiled for one system: remove it")
    files = {path.parent.name: handler_files(path.parent) for path in sorted(source.glob("*/handler.py"))}
    if not files:
        raise BuildError("lambda_src has no function: that is a folder with a handler.py")
    used = {path.split("/")[0] for paths in files.values() for path in paths}
    for folder in sorted(path.name for path in source.iterdir() if any(path.rglob("*.py"))):
        if folder not in used:
            raise BuildError(f"lambda_src/{folder} has no handler.py and no function imports it: remove it")
    return {f"{name}.zip": archive(f"{name}.zip", files[name], FUNCTION_LIMIT) for name in files}


def handler_files(function: Path) -> dict[str, bytes]:
    """Return what a function's handler can load of ``lambda_src``, by path in the zip. Raises BuildError."""
    source, found = function.parent, dict[str, bytes]()
    modules = [(f"lambda_src/{function.name}", f"{function.name}.handler")]
    while modules:
        importer, module = modules.pop()
        parts = module.split(".")
        for package in (".".join(parts[:depth]) for depth in range(1, len(parts) + 1)):  # a, a.b, a.b.c
            path = module_file(source, package)
            if path is None:
                raise BuildError(f"{importer} needs {package}, which is no module of lambda_src")
            name = path.relative_to(source).as_posix()
            if name not in found:
                code = as_committed(path).decode()
                modules += imports(source, name, code)
                found[name] = without_comments(code).encode()
    return found


def module_file(source: Path, module: str) -> Path | None:
    """Return the file of a module of ``source``, or None if there is none."""
    path = source.joinpath(*module.split("."))
    return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()), None)


def imports(source: Path, name: str, code: str) -> Iterator[tuple[str, str]]:
    """Yield (place, module) for each module of ``source`` that a file imports at any time when it runs."""
    try:
        nodes: list[ast.AST] = [ast.parse(code)]
    except SyntaxError as error:
        raise BuildError(f"lambda_src/{name}:{error.lineno}: {error.msg}") from error
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            nodes += node.orelse
            continue
        nodes += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = name.split("/")[: -node.level] if node.level else []
            base = ".".join([*package, *filter(None, [node.module])])
            inner = [f"{base}.{alias.name}" for alias in node.names]
            modules = [base, *(module for module in inner if module_file(source, module))]
        else:
            continue
        for module in modules:
            top = source / module.split(".")[0]
            if top.is_dir() or top.with_suffix(".py").is_file():
                yield f"lambda_src/{name}:{node.lineno}", module


@cache  # most modules go into several zips
def without_comments(code: str) -> str:
    """Blank out comments and docstrings, a third of the source; lines keep their numbers for tracebacks."""
    lines = code.split("\n")
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if ast.get_docstring(node, clean=False) is None:
                continue
            text, *others = node.body
            before = lines[text.lineno - 1].encode()[: text.col_offset].decode()  # the ast counts in bytes
            for row in range(text.lineno, (text.end_lineno or text.lineno) + 1):
                lines[row - 1] = ""
            lines[text.lineno - 1] = before.rstrip() if others else f"{before}..."
    blanked = "\n".join(lines)
    for token in tokenize.generate_tokens(io.StringIO(blanked).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column].rstrip()
    return "\n".join(lines)


# --- layer: the pinned libraries ---------------------------------------------------------------------------


def layer_is_current(root: Path) -> bool:
    """Tell whether the record names the layer and its inputs as they are (file times say nothing under Git)."""
    zipped, noted = root / "dist/dependencies.zip", root / "dist/dependencies.sha256"
    return zipped.is_file() and noted.is_file() and as_committed(noted) == record(root, zipped.read_bytes())


def record(root: Path, zipped: bytes) -> bytes:
    """Note what a layer is made from, and the layer, as ``sha256sum --check`` reads it."""
    contents = {path: as_committed(root / path) for path in LAYER_INPUTS} | {"dist/dependencies.zip": zipped}
    lines = [f"{hashlib.sha256(content).hexdigest()}  {path}\n" for path, content in contents.items()]
    return "".join(lines).encode()


def layer(root: Path) -> dict[str, bytes]:
    """Make the layer and its record from the pinned wheels, without what is pruned. Raises BuildError."""
    import tomllib  # here, like other imports below: a build with nothing to do starts faster without
    from fnmatch import fnmatchcase

    files: dict[str, bytes] = {}
    for wheel in wheels(root):
        with zipfile.ZipFile(io.BytesIO(wheel)) as opened:
            files |= {path: opened.read(path) for path in opened.namelist() if not path.endswith("/")}
    for pattern in tomllib.loads((root / "requirements/layer-pruned.toml").read_text(encoding="utf-8")):
        kept = {path: content for path, content in files.items() if not fnmatchcase(path, pattern)}
        if len(kept) == len(files):
            raise BuildError(f"requirements/layer-pruned.toml: nothing matches {pattern!r} now: take it out")
        files = kept
    entries = {f"python/{path}": content for path, content in files.items()}
    zipped = archive("dependencies.zip", entries, LAYER_LIMIT)
    return {"dependencies.zip": zipped, "dependencies.sha256": record(root, zipped)}


def wheels(root: Path) -> list[bytes]:
    """Return the pure-Python wheel of each pin, from ``.build/wheels`` or the index. Raises BuildError."""
    cache, requirements = root / ".build/wheels", root / "requirements/layer.txt"
    locked = pins(requirements)

    def cached() -> dict[str, bytes]:
        contents = [path.read_bytes() for path in sorted(cache.glob("*-none-any.whl"))]
        by_hash = {hashlib.sha256(content).hexdigest(): content for content in contents}
        return {pin: by_hash[one] for pin, hashes in locked.items() for one in hashes if one in by_hash}

    if cached().keys() != locked.keys():
        fetch(requirements, cache)
    have = cached()
    if missing := sorted(locked.keys() - have.keys()):
        raise BuildError(f"{missing[0]}: no pure-Python wheel has a hash of requirements/layer.txt")
    return list(have.values())


def pins(requirements: Path) -> dict[str, set[str]]:
    """Read each pin of a lock file and its SHA-256 hashes. Raises BuildError for anything else in it."""
    found = {}
    for entry in re.split(r"\n(?=\S)", as_committed(requirements).decode()):
        if entry.startswith("#"):
            continue
        pin = re.match(r"[\w.-]+==[\w.]+ \\\n", entry)
        hashes = re.findall(r"--hash=sha256:([0-9a-f]{64})", entry)
        if not pin or not hashes:
            raise BuildError(f"requirements/layer.txt: {entry.split()[0]} is no version with hashes: `make lock`")
        found[pin[0].split()[0]] = set(hashes)
    return found


def fetch(requirements: Path, cache: Path) -> None:
    """Put the wheels of a lock file that hold no compiled code into ``cache``, with this Python's pip."""
    import subprocess
    import tempfile

    pure = ["--only-binary=:all:", "--platform=any", "--implementation=py", "--abi=none", "--no-deps"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", *pure]
    command += [f"--python-version={OLDEST_PYTHON}", "--require-hashes", f"--requirement={requirements}"]
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        command.append(f"--dest={folder}")
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (our own words)
        if done.returncode:
            raise BuildError(explained(done.stderr))
        for wheel in Path(folder).glob("*.whl"):
            wheel.replace(cache / wheel.name)


def explained(errors: str) -> str:
    """Say what pip's errors mean for the build."""
    if "No module named pip" in errors:
        return f"the layer is to be made anew and {sys.executable} has no pip: run `make build`"
    advice = "Is there a package index that pip can reach (`pip config list`), and pure Python for each pin?"
    if "DO NOT MATCH THE HASHES" in errors:
        advice = "The index serves another file than the one pinned: find out why before building from it."
    return "\n".join(["pip could not fetch the wheels.", *errors.strip().splitlines()[-6:], advice])


if __name__ == "__main__":
    main()
