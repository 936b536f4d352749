"""A row of the benchmark, and the table of all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """What was measured, against what, and whether it is as it must be.

    Attributes
    ----------
    met
        None where nothing is demanded.
    why
        What keeps it from its limit, told below the table where it does not reach it.
    """

    what: str
    module: str
    peer: str
    ratio: str = "–"
    limit: str = "printed"
    met: bool | None = None
    why: str = ""


def at_most(limit: float, what: str, module: str, peer: str, ratio: float, of: str = "×", why: str = "") -> Row:
    """Give the row of a ratio that must be no more than a limit, which is so much ``of`` the peer."""
    return Row(what, module, peer, f"{ratio:.2f}", f"≤ {limit:g} {of}", ratio <= limit, why)


def at_least(limit: float, what: str, module: str, peer: str, ratio: float, of: str = "×") -> Row:
    """Give the row of a ratio that must be no less than a limit."""
    return Row(what, module, peer, f"{ratio:.2f}", f"≥ {limit:g} {of}", ratio >= limit)


def markdown(rows: Iterable[Row]) -> str:
    """Write the table, and what there is to say of the rows that are not as they must be."""
    words = {True: "yes", False: "**no**", None: "–"}
    rows = list(rows)
    lines = ["| what | the module | against | ratio | must reach | reached |", "| --- | --- | --- | --- | --- | --- |"]
    lines += [f"| {r.what} | {r.module} | {r.peer} | {r.ratio} | {r.limit} | {words[r.met]} |" for r in rows]
    if reasons := [f"- {r.what}: {r.why}" for r in rows if r.met is False and r.why]:
        lines += ["", *reasons]
    return "\n".join(lines) + "\n"
