"""Write the module's inputs, outputs, costs and state machine into the README: ``python docs/generate.py [--check]``.

They come from ``variables.tf``, ``outputs.tf``, the cost model and the definition alone, so that the README cannot say
anything else.
``--check`` writes nothing and fails where it does.
"""

from __future__ import annotations

import re
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hcl2

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bench import cost  # noqa: E402 (it lies beside this folder)
from bench.model import Workload  # noqa: E402
from docs.drawing import mermaid  # noqa: E402

README = ROOT / "README.md"
PRICED = (10_000, 1_000_000)


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
    """Write the README, or compare it and exit with what is wrong."""
    old = new = README.read_text(encoding="utf-8")
    for name, write in (("STATE MACHINE", drawing), ("INPUTS AND OUTPUTS", tables), ("COSTS", costs)):
        begin, end = f"<!-- BEGIN {name} -->", f"<!-- END {name} -->"
        if begin not in new or end not in new:
            sys.exit(f"{README.name} has no place for the {name.lower()}: put {begin} and {end} where they belong.")
        new = f"{new[: new.index(begin)]}{begin}\n\n{write()}\n{new[new.index(end) :]}"
    if check and new != old:
        sys.exit(
            f"{README.name} does not show the inputs, outputs, costs and the state machine as they are. Run: make docs"
        )
    if not check:
        README.write_text(new, encoding="utf-8", newline="\n")


def drawing() -> str:
    """Give the Markdown of the state machine's drawing."""
    return f"{mermaid()}\n"


def costs() -> str:
    """Give the Markdown of what it costs, and what is assumed."""
    counts, prices = cost.read(cost.COUNTS), cost.read(cost.PRICES)
    works = [Workload(failed) for failed in PRICED]
    notes = [f"- {line}" for line in cost.assumptions(works[-1], counts, prices)]
    return "\n".join([*(cost.table(work, counts, prices) for work in works), *notes]) + "\n"


def tables() -> str:
    """Give the Markdown of all inputs and outputs."""
    inputs = variables()
    lines = ["### Inputs", "", "| name | what it is | type | default |", "| --- | --- | --- | --- |"]
    lines += [_row(variable) for variable in sorted(inputs, key=lambda variable: variable.default is not None)]
    for variable in inputs:
        if variable.is_object:
            lines += ["", f"#### `{variable.name}`", "", *map(_field, variable.fields)]
            lines += ["", "```hcl", variable.type, "```"]
    lines += ["", "### Outputs", "", "| name | what it is |", "| --- | --- |"]
    lines += [f"| `{name}` | {_cell(description)} |" for name, description in outputs()]
    return "\n".join(lines) + "\n"


def variables() -> list[Variable]:
    """Read the inputs, in the order of the file."""
    source = (ROOT / "variables.tf").read_text(encoding="utf-8")
    return [
        Variable(
            name,
            _text(block["description"]),
            _expression(source, name, "type"),
            _expression(source, name, "default") if "default" in block else None,
        )
        for name, block in _blocks("variables.tf", "variable")
    ]


def outputs() -> list[tuple[str, str]]:
    """Read the outputs: name and description, in the order of the file."""
    return [(name, _text(block["description"])) for name, block in _blocks("outputs.tf", "output")]


def _blocks(file: str, kind: str) -> list[tuple[str, dict[str, Any]]]:
    with (ROOT / file).open(encoding="utf-8") as opened:
        found = hcl2.load(opened)[kind]
    return [(name.strip('"'), block) for entry in found for name, block in entry.items()]


def _text(value: str) -> str:
    """Take the quotes or the marks of a heredoc off a text."""
    heredoc = re.fullmatch(r'"?<<-?(\w+)\n(.*?)\n?\s*\1"?', value.strip(), re.DOTALL)
    return textwrap.dedent(heredoc[2]).strip() if heredoc else value.strip('"').replace('\\"', '"')


def _expression(source: str, variable: str, attribute: str) -> str:
    """Give an attribute of a variable as it is written; hcl2 gives a type back without its layout."""
    block = re.search(rf'^variable "{variable}" {{\n(.*?)^}}', source, re.DOTALL | re.MULTILINE)
    found = re.search(
        rf"^  {attribute} += (.*?)$(?=\n  \w|\n\n|\n?\Z)", block[1] if block else "", re.DOTALL | re.MULTILINE
    )
    if not found:
        raise ValueError(f"variables.tf: cannot read the {attribute} of {variable}")
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


if __name__ == "__main__":
    main(check="--check" in sys.argv[1:])
