"""Write into the documents what the module's own files say: ``python docs/generate.py [--check]``.

Inputs and outputs come from ``variables*.tf`` and ``outputs.tf``, costs from the cost model, the drawing from the state
machine's definition, and mails from the code that writes them, so that no document can say anything else. What
``modules/queue`` has in common with the module is copied there. ``--check`` writes nothing, and fails where one does.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import hcl2

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "lambda_src")]

from bench import cost  # noqa: E402 (it lies beside this folder)
from bench.model import Workload  # noqa: E402
from docs import mails  # noqa: E402
from docs.drawing import mermaid  # noqa: E402

PRICED = (10_000, 1_000_000)
MONTHLY = 50_000
MONTHS = (1_000, MONTHLY, 1_000_000)

CONCERNS = ["", "_api", "_sources", "_requeue", "_runs", "_notifications", "_lambda", "_queue"]
"""The files of inputs, ``variables<concern>.tf``, in the order in which a reader wants them."""

SHARED = ("variables.tf", "variables_api.tf")
"""Files that ``modules/queue`` has too, word for word."""


@dataclass(frozen=True)
class Variable:
    """An input: what it is for, and, in Terraform's own words, its type and default."""

    name: str
    description: str
    type: str
    default: str | None

    @property
    def summary(self) -> str:
        """The description without the lines that explain the fields of an object."""
        return " ".join(line for line in self.description.splitlines() if not line.startswith("- "))

    @property
    def fields(self) -> list[str]:
        """The lines that explain the fields."""
        return [line for line in self.description.splitlines() if line.startswith("- ")]

    @property
    def is_object(self) -> bool:
        """Whether the type has fields."""
        return "object(" in self.type


def main(check: bool) -> None:
    """Write every block of every page, or compare them and exit with what is out of date."""
    stale = []
    for page, blocks in PAGES.items():
        path = ROOT / page
        old = new = path.read_text(encoding="utf-8")
        for name, write in blocks.items():
            begin, end = f"<!-- BEGIN {name} -->", f"<!-- END {name} -->"
            if begin not in new or end not in new:
                sys.exit(f"{page} has no place for the {name.lower()}: put {begin} and {end} where they belong.")
            new = f"{new[: new.index(begin)]}{begin}\n\n{write()}\n{new[new.index(end) :]}"
        if new != old:
            stale.append(page)
            if not check:
                path.write_text(new, encoding="utf-8", newline="\n")
    for name in SHARED:
        shared, copy = (ROOT / name).read_text(encoding="utf-8"), ROOT / "modules" / "queue" / name
        if copy.read_text(encoding="utf-8") != shared:
            stale.append(f"modules/queue/{name}")
            if not check:
                copy.write_text(shared, encoding="utf-8", newline="\n")
    if check and stale:
        sys.exit(f"Out of date: {', '.join(stale)}. Run: make docs")


def drawing() -> str:
    """Give the Markdown of the state machine's drawing."""
    return f"{mermaid()}\n"


def costs() -> str:
    """Give the Markdown of what it costs, and what is assumed."""
    counts, prices = cost.read(cost.COUNTS), cost.read(cost.PRICES)
    works = [Workload(failed) for failed in PRICED]
    notes = [f"- {line}" for line in cost.assumptions(works[-1], counts, prices)]
    return "\n".join([_months(counts, prices), *(cost.table(work, counts, prices) for work in works), *notes]) + "\n"


def _months(counts: Mapping[str, Any], prices: Mapping[str, Any]) -> str:
    standing = cost.standing(counts, prices)
    lines = [
        "| a month of hourly runs, one source, USD | the runs | alarms and metrics | together |",
        "| --- | ---: | ---: | ---: |",
    ]
    for failed in MONTHS:
        runs = cost.month(failed, counts, prices)
        lines.append(f"| {failed:,} failed communications | {runs:.2f} | {standing:.2f} | {runs + standing:.2f} |")
    return "\n".join(lines) + "\n"


def cost_of_a_month() -> str:
    """Give the two lines that the README has of the costs."""
    counts, prices = cost.read(cost.COUNTS), cost.read(cost.PRICES)
    work, standing = cost.month(MONTHLY, counts, prices), cost.standing(counts, prices)
    text = (
        f"{MONTHLY:,} failed communications a month cost about {work + standing:.2f} USD: {work:.2f} for the work of "
        f"hourly runs, and {standing:.2f} for alarms and metrics, whatever happens "
        f"(list prices, {prices['region']}). [What is in it, and other ways](docs/costs.md)."
    )
    return textwrap.fill(text, 120) + "\n"


def tables(module: str = ".") -> str:
    """Give the Markdown of all inputs and outputs of a module, in full."""
    inputs = variables(module)
    lines = ["## Inputs", "", "| name | what it is | type | default |", "| --- | --- | --- | --- |"]
    lines += [_row(variable) for variable in sorted(inputs, key=lambda variable: variable.default is not None)]
    for variable in inputs:
        if variable.is_object:
            lines += ["", f"### `{variable.name}`", "", *map(_field, variable.fields)]
            lines += [""] * bool(variable.fields) + ["```hcl", variable.type, "```"]
    lines += ["", "## Outputs", "", "| name | what it is |", "| --- | --- |"]
    lines += [f"| `{name}` | {_cell(description)} |" for name, description in outputs(module)]
    return "\n".join(lines) + "\n"


def names() -> str:
    """Give the Markdown of the names alone of the module's inputs and outputs."""
    inputs = variables()
    required, optional = (
        ", ".join(f"`{variable.name}`" for variable in inputs if (variable.default is None) is must)
        for must in (True, False)
    )
    given = ", ".join(f"`{name}`" for name, _ in outputs())
    text = [f"**Required**: {required}.", f"**Optional**: {optional}.", f"**Outputs**: {given}."]
    return "\n\n".join(textwrap.fill(line, 120, break_on_hyphens=False) for line in text) + "\n"


def variables(module: str = ".") -> list[Variable]:
    """Read the inputs of a module, concern by concern."""
    files = {file.stem.removeprefix("variables"): file for file in (ROOT / module).glob("variables*.tf")}
    return [
        Variable(
            name,
            _text(block["description"]),
            _expression(file, name, "type"),
            _expression(file, name, "default") if "default" in block else None,
        )
        for file in (files[concern] for concern in sorted(files, key=CONCERNS.index))
        for name, block in _blocks(file, "variable")
    ]


def outputs(module: str = ".") -> list[tuple[str, str]]:
    """Read the outputs of a module: name and description, in the order of the file."""
    return [(name, _text(block["description"])) for name, block in _blocks(ROOT / module / "outputs.tf", "output")]


def _blocks(file: Path, kind: str) -> list[tuple[str, dict[str, Any]]]:
    with file.open(encoding="utf-8") as opened:
        found = hcl2.load(opened).get(kind, [])
    return [(name.strip('"'), block) for entry in found for name, block in entry.items()]


def _text(value: str) -> str:
    """Take the quotes or the marks of a heredoc off a text."""
    heredoc = re.fullmatch(r'"?<<-?(\w+)\n(.*?)\n?\s*\1"?', value.strip(), re.DOTALL)
    return textwrap.dedent(heredoc[2]).strip() if heredoc else value.strip('"').replace('\\"', '"')


def _expression(file: Path, variable: str, attribute: str) -> str:
    """Give an attribute of a variable as it is written; hcl2 gives a type back without its layout."""
    source = file.read_text(encoding="utf-8")
    block = re.search(rf'^variable "{variable}" {{\n(.*?)^}}', source, re.DOTALL | re.MULTILINE)
    found = re.search(
        rf"^  {attribute} += (.*?)$(?=\n  \w|\n\n|\n?\Z)", block[1] if block else "", re.DOTALL | re.MULTILINE
    )
    if not found:
        raise ValueError(f"{file.name}: cannot read the {attribute} of {variable}")
    return textwrap.dedent("  " + found[1]).strip()


def _row(variable: Variable) -> str:
    name = f"[`{variable.name}`](#{variable.name})" if variable.is_object else f"`{variable.name}`"
    kind = variable.type.split("(")[0] + "(object)" if variable.type.startswith(("map", "list")) else variable.type
    kind = "object" if variable.type.startswith("object") else kind if variable.is_object else variable.type
    default = "**required**" if variable.default is None else f"`{variable.default}`"
    return f"| {name} | {_cell(variable.summary)} | `{kind}` | {default} |"


def _field(line: str) -> str:
    names, _, rest = line.removeprefix("- ").partition(": ")
    return f"- {', '.join(f'`{name}`' for name in names.split(', '))}: {rest}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


PAGES: dict[str, dict[str, Callable[[], str]]] = {
    "README.md": {"STATE MACHINE": drawing, "COST OF A MONTH": cost_of_a_month, "NAMES": names},
    "docs/inputs.md": {"INPUTS AND OUTPUTS": tables},
    "docs/costs.md": {"COSTS": costs},
    "docs/operations.md": {
        "MAIL OF AN OUTAGE": lambda: mails.shown(mails.of_an_outage()),
        "MAIL FOR A PERSON": lambda: mails.shown(mails.for_a_person()),
        "MAIL OF A REPORT": lambda: mails.shown(mails.of_a_report()),
    },
    "modules/queue/README.md": {"INPUTS AND OUTPUTS": partial(tables, "modules/queue")},
    "modules/dashboard/README.md": {"INPUTS AND OUTPUTS": partial(tables, "modules/dashboard")},
}
"""Which blocks each page has, and who writes them."""


if __name__ == "__main__":
    main(check="--check" in sys.argv[1:])
