"""Package the functions: ``python build.py`` writes ``dist/``, ``python build.py --check`` judges it.

``dist/`` is committed, so that nothing is built at plan or apply and a consumer of the module needs no Python.
It holds a zip per function and a layer, ``dependencies.zip``, with the libraries of ``requirements/layer.txt``. The
package that the functions share is in each one's zip, because a function and its layers are changed by two calls: in
between, a new package would meet an old handler. Only the source decides what is in a zip; how it is compressed does
not count, for zlibs differ. A zip that holds the right bytes stays as it is, wherever it is built.

Beside each source is its bytecode for the default runtime: Lambda's file system is read-only, so that every cold start
would compile what it imports. Other runtimes do not look at it. It is compiled by a Python of that version, found by
:func:`find_python`. Where there is none, what is committed stays if it belongs to the source, of which bytecode holds a
hash, and is left out where the source is another.

A build leaves the libraries alone while ``dist/dependencies.sha256`` names their layer and what it is made from
as they are now: with nothing to do it needs neither pip nor a network. ``--check`` does not take that record's
word, because whoever swaps the layer can swap the record too: it makes everything anew from the hash-locked
wheels (kept in ``.build/``, fetched where they are missing) and compares, each byte of what is in a zip and around it.
"""

from __future__ import annotations

import _imp
import argparse
import hashlib
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib
from contextlib import suppress
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent
PACKAGE = "redrive"
DEPENDENCIES, RECORD = "dependencies.zip", "dependencies.sha256"
RECORDED = ("build.py", "requirements/layer.txt", "requirements/layer-pruned.toml")

# in bytes; the project's own, far below AWS's quotas
FUNCTION_LIMIT, DEPENDENCIES_LIMIT = 700_000, 1_500_000

BYTECODE, SYNTAX = ".build/compiled", ".build/syntax"
HASH_SIZE = hashlib.sha256().digest_size
RUNTIME = "3.13"  # the default of lambda.runtime
MAGIC = 0x0A0D0DF3  # its importlib.util.MAGIC_NUMBER: begins its bytecode, and is the key of its hashes of sources
UNCHECKED = 1  # PEP 552: bytecode with a hash of its source, which is not compared when it is loaded
COMPILER = """
import py_compile, sys
for name in sys.stdin.read().splitlines():
    unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
    level = int(sys.argv[1])
    py_compile.compile(name, name + "c", name, doraise=True, optimize=level, invalidation_mode=unchecked)
"""
AS_IT_IS, WITHOUT_DOCSTRINGS = 0, 2  # a fifth of our own bytecode is docstrings; assertions, which go too, it has none
NO_COMPILER = f"""No Python {RUNTIME} is here, which compiles for the default runtime. Of what dist/ holds compiled only
the sources' hashes were compared, and what belongs to another source was left out: functions start slower without.
Put python{RUNTIME} on the PATH, or name one in PYTHON{RUNTIME.replace(".", "")}, and run this again.
"""

OLDEST_PYTHON = "3.11"  # of the runtimes: a wheel of pure Python for it serves the later ones too
LAYER_FOLDER = "python/"  # what of a layer Lambda's Python looks through
RAW = -zlib.MAX_WBITS  # DEFLATE without a header, as zips have it
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

    Everything is made in memory first and each file is replaced at once: a build that fails or is interrupted
    leaves whole files behind.
    """
    dist, scratch = root / "dist", root / ".build"
    wanted = own_code(root) | ({} if dependencies_are_current(root) else dependencies(root))
    changes = []
    for name in faults(dist, wanted):
        if name in wanted:
            dist.mkdir(exist_ok=True)
            scratch.mkdir(exist_ok=True)
            partial = scratch / f"{name}.{os.getpid()}"
            partial.write_bytes(wanted[name])
            partial.replace(dist / name)
            changes.append(f"dist/{name}: {len(wanted[name]):,} bytes")
        else:
            (dist / name).unlink()
            changes.append(f"dist/{name}: removed, there is no such function")
    return changes


def check(root: Path) -> list[str]:
    """Return what in ``root/dist`` is not what the source gives, a line each. Raises BuildError."""
    wanted = own_code(root) | dependencies(root)
    return [f"dist/{name} {fault}." for name, fault in faults(root / "dist", wanted).items()]


def faults(dist: Path, wanted: dict[str, bytes]) -> dict[str, str]:
    """Return what is wrong with the files of ``dist``, by name. What is not wanted is the zip of a former function."""
    others = {path.name for path in dist.glob("*.zip")} - {*wanted, DEPENDENCIES}
    missing = [name for name in wanted if not (dist / name).is_file()]
    stale = [name for name in wanted if name not in missing and as_committed(dist / name) != wanted[name]]
    found = dict.fromkeys(missing, "is missing") | dict.fromkeys(stale, "is not what the source gives")
    return found | dict.fromkeys(sorted(others), "belongs to no function")


def as_committed(path: Path) -> bytes:
    """Read a file as Git stores it: text with LF, even where the checkout has CRLF."""
    content = path.read_bytes()
    return content if path.suffix == ".zip" else content.replace(b"\r\n", b"\n")


def archive(path: Path, files: dict[str, bytes], limit: int, below: str = "") -> bytes:
    """Zip files, ``below`` a folder; ``limit`` in bytes. Where ``path`` holds just that, give it. Raises BuildError."""
    name = f"dist/{path.name}"
    if compiled := [file for file in files if COMPILED.search(file)]:
        raise BuildError(f"{name} would hold {below}{compiled[0]}, compiled for one system: only Python may go in")
    contents = {(below + file).encode(): files[file] for file in sorted(files)}
    zipped = path.read_bytes() if path.is_file() else b""
    if not is_zip_of(contents, zipped):
        zipped = zip_of(contents, [compressed(content) for content in contents.values()])
    if len(zipped) > limit:
        raise BuildError(f"{name} would have {len(zipped):,} bytes: at most {limit:,} may go in")
    return zipped


@cache
def compressed(content: bytes) -> bytes:
    """Compress bytes once, though every function's zip holds them."""
    return zlib.compress(content, 9, wbits=RAW)


def zip_of(contents: dict[bytes, bytes], streams: list[bytes]) -> bytes:
    """Put a zip together from compressed bytes, as zipfile would if it took any (APPNOTE.TXT, 4.3).

    Entries have the oldest date that a zip can hold and the mode rw-r--r--, or Lambda could not read them.
    """
    entries, directory = bytearray(), bytearray()
    for (path, content), stream in zip(contents.items(), streams, strict=True):
        facts = [20, 0 if path.isascii() else 1 << 11, 8, 0, 33]  # version 2.0, UTF-8, DEFLATE, 0:00, 1980-01-01
        facts += [zlib.crc32(content), len(stream), len(content), len(path), 0]
        header = struct.pack("<5H3L2H", *facts)
        rest = struct.pack("<3H2L", 0, 0, 0, 0o100644 << 16, len(entries))
        directory += b"PK\1\2" + bytes([20, 3]) + header + rest + path  # version 2.0, written by Unix
        entries += b"PK\3\4" + header + path + stream
    end = [0, 0, len(streams), len(streams), len(directory), len(entries), 0]
    return bytes(entries + directory + b"PK\5\6" + struct.pack("<4H2LH", *end))


def is_zip_of(contents: dict[bytes, bytes], zipped: bytes) -> bool:
    """Tell whether a zip is what :func:`zip_of` makes of files, whichever zlib compressed them."""
    streams, end = list[bytes](), 0
    for path, content in contents.items():
        start = end + 30 + len(path)
        end = start + int.from_bytes(zipped[end + 18 : end + 22], "little")
        streams.append(zipped[start:end])
        if decompressed(streams[-1], len(content)) != content:
            return False
    return zip_of(contents, streams) == zipped


@cache
def decompressed(stream: bytes, size: int) -> bytes | None:
    """Decompress bytes once, though every function's zip holds them; None where they are no stream of that size."""
    unpacking = zlib.decompressobj(RAW)
    try:
        content = unpacking.decompress(stream, size + 1)
    except zlib.error:
        return None
    return content if unpacking.eof and not unpacking.unused_data else None


def own_code(root: Path) -> dict[str, bytes]:
    """Package each function of ``lambda_src``, a folder, with the package that all share. Raises BuildError."""
    folders = source_folders(root)
    functions = [folder for folder in folders if folder != PACKAGE]
    for folder in functions:
        if f"{folder}/handler.py" not in folders[folder]:
            raise BuildError(f"lambda_src/{folder} is neither a function, with a handler.py, nor {PACKAGE}: remove it")
    if PACKAGE not in folders or not functions:
        raise BuildError(f"lambda_src must have {PACKAGE}, the package, and a function, a folder with a handler.py")
    for path, content in bytecode(root, {name: files[name] for files in folders.values() for name in files}).items():
        folders[path.split("/")[0]][path] = content
    zips = {root / "dist" / f"{folder}.zip": folders[folder] | folders[PACKAGE] for folder in functions}
    return {path.name: archive(path, files, FUNCTION_LIMIT) for path, files in zips.items()}


def source_folders(root: Path) -> dict[str, dict[str, bytes]]:
    """Read the Python of each folder of ``lambda_src``; hidden files are an editor's. Raises BuildError."""
    source, folders = root / "lambda_src", dict[str, dict[str, bytes]]()
    for path in sorted(source.rglob("*")):
        name = path.relative_to(source).as_posix()
        if COMPILED.search(name):
            raise BuildError(f"lambda_src/{name} is compiled for one system: remove it")
        if path.suffix == ".py" and not re.search(r"(^|/)\.", name):
            folders.setdefault(name.split("/")[0], {})[name] = as_committed(path)
    check_syntax(root, {name: code for files in folders.values() for name, code in files.items()})
    return folders


def check_syntax(root: Path, sources: dict[str, bytes]) -> None:
    """See that this very Python can read sources, unless it was the last to read them here. Raises BuildError."""
    read, passed = hashlib.sha256(repr((sys.version, sources)).encode()).digest(), root / SYNTAX
    if passed.is_file() and passed.read_bytes() == read:
        return
    for name, code in sources.items():
        try:
            compile(code, name, "exec", dont_inherit=True)
        except SyntaxError as error:
            raise BuildError(f"lambda_src/{name}:{error.lineno}: {error.msg}") from error
    passed.parent.mkdir(exist_ok=True)
    passed.write_bytes(read)


def bytecode(root: Path, files: dict[str, bytes], below: str = "") -> dict[str, bytes]:
    """Give the bytecode of files, by the paths where Python looks for it; ``below`` is as for :func:`archive`.

    Raises BuildError.
    """
    level = AS_IT_IS if below else WITHOUT_DOCSTRINGS
    sources = {name: code for name, code in files.items() if name.endswith(".py")}
    places = {name: bytecode_place(root, level, name, code) for name, code in sources.items()}
    kept = {name: kept_bytecode(place) for name, place in places.items()}
    missing = {name: places[name] for name, content in kept.items() if content is None}
    if missing and (python := compiler()):
        kept |= compile_into(missing, sources, level, root / BYTECODE, python)
    elif missing:
        held = committed_bytecode(root / "dist")
        found = {name: held.get(below + compiled(name), b"") for name in sources}
        return {compiled(name): found[name] for name in sources if found[name][:16] == header(sources[name])}
    return {compiled(name): content for name, content in kept.items() if content is not None}


def bytecode_place(root: Path, level: int, name: str, source: bytes) -> Path:
    """Give the place where the bytecode of a source is kept, once it was compiled."""
    return root / BYTECODE / hashlib.sha256(f"{level}\0{name}\0".encode() + source).hexdigest()


def kept_bytecode(place: Path) -> bytes | None:
    """Read kept bytecode, which begins with its own hash; None where there is none, or it is not what was put there."""
    whole = place.read_bytes() if place.is_file() else b""
    hashed, content = whole[:HASH_SIZE], whole[HASH_SIZE:]
    return content if hashlib.sha256(content).digest() == hashed else None


def compiled(name: str) -> str:
    """Give the path of a source's bytecode, which no other version of Python looks at (PEP 3147)."""
    folder, _, file = name.rpartition("/")
    return f"{folder}/__pycache__/{file.removesuffix('.py')}.cpython-{RUNTIME.replace('.', '')}.pyc".lstrip("/")


def header(source: bytes) -> bytes:
    """Give what the bytecode of a source begins with (PEP 552)."""
    return struct.pack("<2L", MAGIC, UNCHECKED) + _imp.source_hash(MAGIC, source)


def compile_into(
    places: dict[str, Path], sources: dict[str, bytes], level: int, cache: Path, python: str
) -> dict[str, bytes]:
    """Have a Python compile sources, keep each one's bytecode in its place, and give it. Raises BuildError."""
    made = {}
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        for name in places:
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(sources[name])
        command = [python, "-I", "-X", "utf8", "-c", COMPILER, str(level)]  # -I: no setting of the environment shows
        names = "\n".join(places).encode()
        done = subprocess.run(command, cwd=folder, input=names, capture_output=True, check=False)  # noqa: S603 (ours)
        if done.returncode:
            raise BuildError(f"{python} could not compile: {done.stderr.decode(errors='replace').strip()}")
        for name, place in places.items():
            path = Path(folder, f"{name}c")
            made[name] = path.read_bytes()
            if made[name][:16] != header(sources[name]):
                raise BuildError(f"{python} is not Python {RUNTIME} as released: its bytecode is another")
            path.write_bytes(hashlib.sha256(made[name]).digest() + made[name])
            path.replace(place)
    return made


def committed_bytecode(dist: Path) -> dict[str, bytes]:
    """Read what the zips hold compiled; one that is broken holds nothing."""
    held: dict[str, bytes] = {}
    for path in dist.glob("*.zip"):
        with suppress(zipfile.BadZipFile, zlib.error, EOFError), zipfile.ZipFile(path) as opened:
            held |= {name: opened.read(name) for name in opened.namelist() if name.endswith(".pyc")}
    return held


@cache
def compiler() -> str | None:
    """Find the Python that compiles, and say once where there is none."""
    found = find_python(RUNTIME)
    if not found:
        sys.stderr.write(NO_COMPILER)
    return found


def find_python(version: str) -> str | None:
    """Find an interpreter of a minor version: named by the environment, this one, on the PATH, or one of pyenv's.

    A name on the PATH may be pyenv's shim for a version that is not chosen, and does not work.
    """
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = [os.environ.get(f"PYTHON{version.replace('.', '')}"), sys.executable, shutil.which(f"python{version}")]
    for candidate in [*candidates, *map(str, sorted(pyenv.glob(f"versions/{version}.*/bin/python")))]:
        command = [candidate or "", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        with suppress(OSError):
            said = subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603 (ours)
            if said.strip() == version:
                return candidate
    return None


def dependencies_are_current(root: Path) -> bool:
    """Tell whether the record names the layer and its inputs as they are (file times say nothing under Git)."""
    zipped, noted = root / "dist" / DEPENDENCIES, root / "dist" / RECORD
    return zipped.is_file() and noted.is_file() and as_committed(noted) == record(root, zipped.read_bytes())


def record(root: Path, zipped: bytes) -> bytes:
    """Note what the layer is made from, and the layer, as ``sha256sum --check`` reads it."""
    contents = {path: as_committed(root / path) for path in RECORDED} | {f"dist/{DEPENDENCIES}": zipped}
    return "".join(f"{hashlib.sha256(content).hexdigest()}  {path}\n" for path, content in contents.items()).encode()


def dependencies(root: Path) -> dict[str, bytes]:
    """Make the layer and its record from the pinned wheels, without what is pruned. Raises BuildError."""
    import tomllib  # here: a build with nothing to do starts faster without
    from fnmatch import fnmatchcase
    from io import BytesIO

    files: dict[str, bytes] = {}
    for wheel in wheels(root):
        with zipfile.ZipFile(BytesIO(wheel)) as opened:
            files |= {path: opened.read(path) for path in opened.namelist() if not path.endswith("/")}
    for pattern in tomllib.loads((root / "requirements/layer-pruned.toml").read_text(encoding="utf-8")):
        kept = {path: content for path, content in files.items() if not fnmatchcase(path, pattern)}
        if len(kept) == len(files):
            raise BuildError(f"requirements/layer-pruned.toml: nothing matches {pattern!r} now: take it out")
        files = kept
    sources, files = files, files | bytecode(root, files, below=LAYER_FOLDER)
    if bare := sorted(name for name in sources if name.endswith(".py") and compiled(name) not in files):
        raise BuildError(f"dist/{DEPENDENCIES} would hold {bare[0]} without its bytecode. {NO_COMPILER}")
    zipped = archive(root / "dist" / DEPENDENCIES, files, DEPENDENCIES_LIMIT, below=LAYER_FOLDER)
    return {DEPENDENCIES: zipped, RECORD: record(root, zipped)}


def wheels(root: Path) -> list[bytes]:
    """Return the pure-Python wheel of each pin, from ``.build/wheels`` or the index. Raises BuildError."""
    cache, requirements = root / ".build/wheels", root / "requirements/layer.txt"
    pins = locked(requirements)

    def cached() -> dict[str, bytes]:
        found = [path.read_bytes() for path in sorted(cache.glob("*-none-any.whl"))]
        return {pins[one]: wheel for wheel in found if (one := hashlib.sha256(wheel).hexdigest()) in pins}

    if cached().keys() != {*pins.values()}:
        fetch(requirements, cache)
    have = cached()
    if missing := sorted({*pins.values()} - have.keys()):
        raise BuildError(f"{missing[0]}: no pure-Python wheel has a hash of requirements/layer.txt")
    return list(have.values())


def locked(requirements: Path) -> dict[str, str]:
    """Read the SHA-256 hashes of a lock file, each with its pin. Raises BuildError for anything else in it."""
    pins = dict[str, str]()
    for entry in re.split(r"\n(?=\S)", as_committed(requirements).decode()):
        pin, hashes = re.match(r"[\w.-]+==[\w.]+(?= \\\n)", entry), re.findall(r"--hash=sha256:([0-9a-f]{64})", entry)
        if pin and hashes:
            pins |= dict.fromkeys(hashes, pin[0])
        elif not entry.startswith("#"):
            raise BuildError(f"requirements/layer.txt: {entry.split()[0]} is no version with hashes: `make lock`")
    return pins


def fetch(requirements: Path, cache: Path) -> None:
    """Have pip put the wheels of a lock file that hold no compiled code into ``cache``. Raises BuildError."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    command += ["--only-binary=:all:", "--platform=any", "--implementation=py", "--abi=none", "--no-deps"]
    command += [f"--python-version={OLDEST_PYTHON}", f"--requirement={requirements}", f"--dest={cache}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (our own words)
    if "No module named pip" in done.stderr:
        raise BuildError(f"dist/{DEPENDENCIES} is to be made anew and {sys.executable} has no pip: run `make build`")
    if done.returncode:
        advice = "Is there a package index that pip can reach (`pip config list`), and pure Python for each pin?"
        if "DO NOT MATCH THE HASHES" in done.stderr:
            advice = "The index serves another file than the one pinned: find out why before building from it."
        raise BuildError("\n".join(["pip could not fetch the wheels.", *done.stderr.strip().splitlines()[-6:], advice]))


if __name__ == "__main__":
    main()
