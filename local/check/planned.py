"""What a plan, as ``terraform show -json`` writes it, would deploy: the module's instances and their settings."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

FUNCTION = "module.list_failed"
"""The submodule whose function lists; the address of the module's instance is what comes before, and a key after."""

VARIABLES = {"REDRIVE_API": "api", "REDRIVE_SOURCES": "sources", "REDRIVE_REQUEUE": "requeue"}
"""The function's environment variables that a check needs, and the module's input that each is made of."""

OF_A_CHECK_BLOCK = "Check block assertion failed"
"""As Terraform sums up what it only warns of."""

_CALL = re.compile(r"module\.([\w-]+)(?:\[(?:\d+|\"(?:[^\"\\]|\\.)*\")\])?")
"""A step of an address; its key may hold dots."""


class NotUsable(Exception):
    """The plan cannot be tried; the message says why, and what to do."""


@dataclass(frozen=True)
class Instance:
    """One instance of the module in a plan.

    Attributes
    ----------
    address
        Such as ``module.redrive["eu"]``; empty where the module itself was planned.
    environment
        What is known of the function's environment.
        A variable of :data:`VARIABLES` that is not in it is known only after the apply.
    sensitive
        Those of them that are marked sensitive.
    references
        By input of the module: what its value is made of, where the caller's configuration says so.
    in_vpc
        Whether its functions run in a VPC.
    """

    address: str
    environment: Mapping[str, str]
    sensitive: frozenset[str]
    references: Mapping[str, tuple[str, ...]]
    in_vpc: bool

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return self.address or "the module itself"

    def settings(self, *, show_sensitive: bool) -> Mapping[str, str]:
        """Give the environment that a check reads.

        Parameters
        ----------
        show_sensitive
            Use what is marked sensitive: paths and filters are shown.

        Raises
        ------
        NotUsable
            Something of it is not known, or is sensitive.
        """
        missing = [input_ for variable, input_ in VARIABLES.items() if variable not in self.environment]
        if missing:
            raise NotUsable(self._unknown(missing))
        if not show_sensitive and (hidden := [VARIABLES[variable] for variable in sorted(self.sensitive)]):
            raise NotUsable(
                f"{self.name}: something in {_inputs(hidden)} is marked sensitive, and the report would show hosts, "
                "paths and filters.\nAllow that with --show-sensitive, or plan for the check with nonsensitive(…) "
                "around what may be seen. Credentials never stand in a plan of this module."
            )
        return self.environment

    def _unknown(self, inputs: list[str]) -> str:
        # Where one variable of the function is not known, Terraform says so of all: what inputs are made of tells more.
        made_of = {input_: found for input_ in inputs if (found := self._made_of(input_))}
        references = list(dict.fromkeys(each for found in made_of.values() for each in found))
        return (
            f"{self.name}: something in {_inputs(list(made_of) or inputs)} is known only after the apply"
            f"{' (' + ', '.join(references) + ')' if references else ''}, so the plan does not tell what to try.\n"
            "Plan for the check with a value written out: a secret's ARN may be any, for here secrets are read from "
            f"environment variables. Or apply that alone first, by -target={_resource(references)}, and plan again."
        )

    def _made_of(self, input_: str) -> list[str]:
        """Give the attributes of resources and modules that an input refers to, each in full."""
        found = [each for each in self.references.get(input_, ()) if not each.startswith(("var.", "local.", "each."))]
        return [each for each in found if not any(other.startswith((f"{each}.", f"{each}[")) for other in found)]


def _inputs(names: list[str]) -> str:
    return "the input " + " or ".join(f"{name!r}" for name in names)


def _resource(references: list[str]) -> str:
    """Give the resource, or the module's call, that the first of these is an attribute of."""
    parts = references[0].split(".") if references else []
    return ".".join(parts[: 3 if parts[:1] == ["data"] else 2]) or "…"


def read_plan(text: str) -> list[Instance]:
    """Give the instances of the module in a plan; raises ``NotUsable``: it is no plan, or holds none."""
    try:
        plan = json.loads(text)
    except ValueError:
        plan = _of_a_test(text)
    if not isinstance(plan, dict) or "format_version" not in plan:
        raise NotUsable("not Terraform's JSON; write it with: terraform show -json plan > plan.json")
    if plan.get("errored"):
        raise NotUsable("this plan broke off: see what terraform plan printed, and plan again")
    if "resource_changes" not in plan:
        kind = "a state" if "values" in plan else "a plan of nothing"
        raise NotUsable(
            f"{kind}; name the plan's file: terraform plan -out=plan && terraform show -json plan > plan.json"
        )
    found = list(_instances(plan))
    if not found:
        raise NotUsable(f"no instance of the module is in this plan: no function of a {FUNCTION} with REDRIVE_SOURCES")
    return sorted(found, key=lambda instance: instance.address)


def _of_a_test(text: str) -> dict[str, Any]:
    """Give the plan in what ``terraform test -json -verbose`` writes, a JSON object a line; raises ``NotUsable``."""
    try:
        lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        plans = [line["test_plan"] for line in lines if line.get("type") == "test_plan"]
        wrong = [line["diagnostic"] for line in lines if line.get("@level") == "error" and "diagnostic" in line]
    except (ValueError, AttributeError, KeyError):
        lines = plans = wrong = []
    if not lines:
        raise NotUsable("not JSON; write it with: terraform show -json plan > plan.json")
    if wrong:
        said = "\n".join(f"{each.get('summary')}: {each.get('detail')}" for each in wrong[:3])
        if all(each.get("summary") == OF_A_CHECK_BLOCK for each in wrong):
            said += "\nterraform plan only warns of this, and terraform test then writes no plan: mend it first."
        raise NotUsable(f"this plan broke off; terraform test said:\n{said}")
    if not plans:
        raise NotUsable(
            "terraform test has written no plan: it needs -json and -verbose, and a run with command = plan"
        )
    return {"format_version": plans[-1].get("plan_format_version"), **plans[-1]}


def _instances(plan: dict[str, Any]) -> Iterator[Instance]:
    for resource in plan["resource_changes"]:
        module, change = str(resource.get("module_address", "")).removesuffix("[0]"), resource.get("change", {})
        is_lister = resource.get("type") == "aws_lambda_function" and f".{module}".endswith(f".{FUNCTION}")
        if not is_lister or not isinstance(change.get("after"), dict):
            continue
        known, unknown, sensitive = (
            _variables(change.get(part)) for part in ("after", "after_unknown", "after_sensitive")
        )
        if "REDRIVE_SOURCES" not in {*known, *unknown} and "*" not in unknown:
            continue
        yield Instance(
            address := module.removesuffix(FUNCTION).removesuffix("."),
            {name: value for name, value in known.items() if isinstance(value, str) and not unknown.get(name)},
            frozenset(name for name in VARIABLES if sensitive.get(name, sensitive.get("*"))),
            _references(plan, address),
            any((change.get(part) or {}).get("vpc_config") for part in ("after", "after_unknown")),
        )


def _variables(part: Any) -> dict[str, Any]:
    """Give the environment variables as a part of a change has them; ``*`` where it says true of all of them."""
    for step in ("environment", 0, "variables"):
        try:
            part = part[step]
        except (KeyError, IndexError, TypeError):
            return {}
        if part is True:
            return {"*": True}
    return part if isinstance(part, dict) else {}


def _references(plan: dict[str, Any], address: str) -> dict[str, tuple[str, ...]]:
    """Give what the inputs of a module's call are made of, by the configuration in the plan."""
    module: dict[str, Any] = plan.get("configuration", {}).get("root_module", {})
    call: dict[str, Any] = {}
    for name in _CALL.findall(address):
        call = module.get("module_calls", {}).get(name, {})
        module = call.get("module", {})
    expressions = call.get("expressions", {})
    return {
        name: tuple(expression.get("references", ()))
        for name, expression in expressions.items()
        if isinstance(expression, dict)
    }
