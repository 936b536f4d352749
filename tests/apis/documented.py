"""The rows of docs/apis.md, and what the lister is told of each by a plan of the module with these very lines."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from redrive.settings import ApiSettings, ListSettings, Source
from tests.plan.configurations import call, configuration
from tests.plan.planned import Plan

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "apis.md"

ROWS_OF_A_CALL = 8
"""Lambda gives a function's settings 4 KB."""


@dataclass(frozen=True)
class Row:
    """A row of the table: what API, the lines of its source, those of ``api``, and by what it is tested."""

    api: str
    source_lines: tuple[str, ...]
    api_lines: tuple[str, ...]
    tested_with: str


def rows() -> list[Row]:
    """Read the table."""
    found = []
    for line in DOCUMENT.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) != 3 or cells[2] not in ("itself", "its shape"):
            continue
        code = [match[2].replace(r"\|", "|").strip() for match in re.finditer(r"(`+)(.+?)\1(?!`)", cells[1])]
        of_api = tuple(each for each in code if each.startswith("headers"))
        found.append(Row(cells[0], tuple(each for each in code if each not in of_api), of_api, cells[2]))
    return found


def plannable(table: list[Row], paths: dict[str, str]) -> tuple[dict[str, Any], dict[str, tuple[str, str]]]:
    """Give a configuration that has the rows' lines as a user writes them, and each row's call and source in it.

    Parameters
    ----------
    paths
        Of the rows' sources.
    """
    calls: dict[str, Any] = {}
    places: dict[str, tuple[str, str]] = {}
    for api_lines in dict.fromkeys(row.api_lines for row in table):
        alike = [row for row in table if row.api_lines == api_lines]
        for start in range(0, len(alike), ROWS_OF_A_CALL):
            name, sources = f"apis_{len(calls)}", []
            for number, row in enumerate(alike[start : start + ROWS_OF_A_CALL]):
                places[row.api] = name, f"row-{number}"
                lines = "\n".join(row.source_lines)
                sources.append(
                    f'row-{number} = merge({{ path = "{paths[row.api]}", operation = "send.email", '
                    f'filters = {{ status = "failed" }} }}, {{\n{lines}\n}})'
                )
            lines = "\n".join(('base_url = "http://127.0.0.1:1"', *api_lines))
            calls[name] = call(
                name.replace("_", "-"), sources="${{\n" + "\n".join(sources) + "\n}}", api="${{\n" + lines + "\n}}"
            )
    return configuration(calls), places


def settings_of(plan: Plan, place: tuple[str, str]) -> tuple[ApiSettings, Source]:
    """Give what the lister is told of a row, read as the function reads its environment."""
    name, source = place
    settings = ListSettings.from_environment(plan.environment(name, "list_failed"))
    return settings.api, settings.sources[source]
