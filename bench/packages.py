"""Rows about packages: how large they are."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from pathlib import Path

from bench.table import Row, at_most
from build import FUNCTION_LIMIT
from local.aws.runtime import ROOT, find

KB = 1_000


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


def _share(what: str, ours: int, theirs: int, how: str) -> Row:
    plain = f"plain `pip install -t`, {how} {theirs / KB:,.0f} KB"
    return at_most(0.5, what, f"{ours / KB:,.0f} KB", plain, ours / theirs)
