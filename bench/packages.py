"""Rows about packages: how large they are."""

from __future__ import annotations

import io
import shutil
import subprocess
import zipfile
from pathlib import Path

from bench.table import Row
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
    zipped = _zipped(plain)
    with zipfile.ZipFile(ROOT / "dist/dependencies.zip") as opened:
        inside = sum(entry.file_size for entry in opened.infolist())
    against = "plain `pip install -t`"
    return [
        Row(
            "largest function's zip",
            f"{functions[largest] / KB:.0f} KB",
            largest,
            "–",
            f"≤ {FUNCTION_LIMIT / KB:.0f} KB",
            functions[largest] <= FUNCTION_LIMIT,
        ),
        _share("layer of libraries, zip", layer, zipped, f"{against}, zipped"),
        _share("layer of libraries, unpacked", inside, unpacked, f"{against}, unpacked"),
    ]


def _share(what: str, ours: int, theirs: int, against: str) -> Row:
    ratio = ours / theirs
    return Row(
        what, f"{ours / KB:,.0f} KB", f"{against} {theirs / KB:,.0f} KB", f"{ratio:.2f}", "≤ 0.5 ×", ratio <= 0.5
    )


def _zipped(folder: Path) -> int:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for path in sorted(folder.rglob("*")):
            target.write(path, path.relative_to(folder))
    return len(buffer.getvalue())
