"""Rows about packages: how large they are, and how long it takes to make them."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

from bench.table import Row, at_most
from build import FUNCTION_LIMIT
from local.aws.runtime import ROOT, find

KB = 1_000
COPIED = ("build.py", "lambda_src", "requirements", "dist", ".build")


def sizes(plain: Path) -> list[Row]:
    """Weigh the zips against a plain install of the same pins, zipped with the bytecode that pip writes."""
    plain = shutil.copytree(plain, plain.with_name("compiled"), dirs_exist_ok=True)
    subprocess.run([find().python, "-m", "compileall", "-q", plain], check=True, capture_output=True)
    functions = {path.name: path.stat().st_size for path in (ROOT / "dist").glob("*.zip")}
    layer = functions.pop("dependencies.zip")
    largest = max(functions, key=functions.__getitem__)
    unpacked = sum(path.stat().st_size for path in plain.rglob("*") if path.is_file())
    zipped = Path(shutil.make_archive(str(plain), "zip", plain)).stat().st_size
    with zipfile.ZipFile(ROOT / "dist/dependencies.zip") as opened:
        inside = sum(entry.file_size for entry in opened.infolist())
    is_small, limit = functions[largest] <= FUNCTION_LIMIT, f"≤ {FUNCTION_LIMIT / KB:.0f} KB"
    return [
        Row("largest function's zip", f"{functions[largest] / KB:.0f} KB", largest, limit=limit, met=is_small),
        _share("layer of libraries, zip", layer, zipped, "zipped"),
        _share("layer of libraries, unpacked", inside, unpacked, "unpacked"),
    ]


def builds(folder: Path, turns: int) -> list[Row]:
    """Build in a copy of the repository: nothing to do, one handler changed, from nothing with a warm cache."""
    copy = folder / "copy"
    copy.mkdir()
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, dirs_exist_ok=True)
        elif source.exists():
            shutil.copy(source, copy / name)
    handler = copy / "lambda_src/batch/handler.py"

    def change() -> None:
        handler.write_text(handler.read_text() + "# changed\n")

    def nothing() -> None: ...

    def remove() -> None:
        shutil.rmtree(copy / "dist")

    cases: list[tuple[str, Callable[[], None], float]] = [
        ("nothing to do", nothing, 0.3),
        ("one handler changed", change, 1.0),
        ("from nothing", remove, 15.0),
    ]
    _build(copy)
    rows = []
    for what, before, limit in cases:
        times = []
        for _ in range(turns):
            before()
            times.append(_build(copy))
        seconds = statistics.median(times)
        rows.append(
            Row(f"`python build.py`, {what}", f"{seconds:.2f} s", "–", limit=f"≤ {limit:g} s", met=seconds <= limit)
        )
    return rows


def _build(copy: Path) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "build.py"], cwd=copy, check=True, capture_output=True)
    return time.perf_counter() - started


def _share(what: str, ours: int, theirs: int, how: str) -> Row:
    plain = f"plain `pip install -t`, {how} {theirs / KB:,.0f} KB"
    return at_most(0.5, what, f"{ours / KB:,.0f} KB", plain, ours / theirs)
