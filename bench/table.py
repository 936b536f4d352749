"""A row of the benchmark, and the table of all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """What was measured, against what, and whether it is as it must be; ``met`` is None where nothing is demanded."""

    what: str
    module: str
    peer: str
    ratio: str
    limit: str = "printed"
    met: bool | None = None


def markdown(rows: Iterable[Row]) -> str:
    """Write the table."""
    words = {True: "yes", False: "**no**", None: "–"}
    lines = ["| what | the module | against | ratio | must reach | reached |", "| --- | --- | --- | --- | --- | --- |"]
    lines += [f"| {r.what} | {r.module} | {r.peer} | {r.ratio} | {r.limit} | {words[r.met]} |" for r in rows]
    return "\n".join(lines) + "\n"
