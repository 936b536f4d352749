"""Draw the state machine as Mermaid, from the template that Terraform deploys."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TEMPLATE = Path(__file__).resolve().parent.parent / "modules/workflow/templates/run.asl.json.tftpl"

SEED = {
    "RequeueBatches": "1. what failed, in batches",
    "RequeueEach": "2. each communication",
    "Conclude": "3. tell people",
}
"""What the three steps of the process are called by whoever only wants to list, send and be told."""


def mermaid() -> str:
    """Give a state diagram; a Map's iterations are states inside it."""
    machine = json.loads(_filled(TEMPLATE.read_text(encoding="utf-8")))
    return "\n".join(["```mermaid", "stateDiagram-v2", *_states(machine, "  "), "```"])


def _filled(template: str) -> str:
    """Put something of the right kind wherever Terraform puts a value."""
    text = re.sub(r'"(Retry|TimeoutSeconds|MaxConcurrency)": \$\{\w+\}', r'"\1": 0', template)
    return re.sub(r"\$\{\w+\}", "value", text)


def _states(machine: dict[str, Any], indent: str) -> Iterator[str]:
    yield f"{indent}[*] --> {_name(machine['StartAt'])}"
    for name, state in machine["States"].items():
        label = f"{name}: {SEED[name]}" if name in SEED else name
        if inner := state.get("ItemProcessor"):
            yield f'{indent}state "{label}" as {_name(name)} {{'
            yield from _states(inner, f"{indent}  ")
            yield f"{indent}}}"
        elif label != _name(name):
            yield f'{indent}state "{label}" as {_name(name)}'
        yield from (f"{indent}{_name(name)} --> {target}" for target in _targets(state))


def _targets(state: dict[str, Any]) -> list[str]:
    following = [choice["Next"] for choice in state.get("Choices", ())]
    following += [state[key] for key in ("Default", "Next") if key in state]
    following += [caught["Next"] for caught in state.get("Catch", ())]
    is_end = state.get("End") or state["Type"] in ("Succeed", "Fail")
    return [*dict.fromkeys(map(_name, following)), *(["[*]"] if is_end else [])]


def _name(state: str) -> str:
    return re.sub(r"\W", "", state)
