"""What a plan, as ``terraform show -json`` writes it, would deploy: the module's instances and their settings."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

FUNCTION = "module.list_failed"
"""The submodule whose function lists; the address of the module's instance is what comes before."""

VARIABLES = {"REDRIVE_API": "api", "REDRIVE_SOURCES": "sources", "REDRIVE_REQUEUE": "requeue"}
"""The function's environment variables that a check needs, and the module's input that each is made of."""


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
    unknown, sensitive
        Variables of it that are known after the apply only, or marked sensitive.
    references
        By input of the module: what its value is made of, where the caller's configuration says so.
    in_vpc
        Whether its functions run in a VPC.
    """

    address: str
    environment: Mapping[str, str]
    unknown: frozenset[str]
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
        for variable, input_ in VARIABLES.items():
            if variable in self.unknown or variable not in self.environment:
                raise NotUsable(self._unknown(input_))
            if variable in self.sensitive and not show_sensitive:
                raise NotUsable(
                    f"{self.name}: something in its input {input_!r} is marked sensitive, and the report would show "
                    f"paths, filters and hosts.\nAllow that with --show-sensitive, or plan for the check with "
                    "nonsensitive(…) around what may be seen. Credentials never stand in a plan of this module."
                )
        return self.environment

    def _unknown(self, input_: str) -> str:
        made_of = [each for each in self.references.get(input_, ()) if not each.startswith(("var.", "local.", "each."))]
        where = f" (it refers to {', '.join(made_of)})" if made_of else ""
        first = f"terraform apply -target={made_of[0]}" if made_of else "terraform apply -target=…"
        return (
            f"{self.name}: something in its input {input_!r} is known only after the apply{where}, so the plan does "
            f"not tell what to try.\nMake that first ({first}) and plan again, or plan for the check with a "
            "value written out: a secret's ARN may be any, for secrets are read from environment variables here."
        )


def read_plan(text: str) -> list[Instance]:
    """Give the instances of the module in a plan.

    Raises
    ------
    NotUsable
        It is no plan, or holds none.
    """
    try:
        plan = json.loads(text)
    except ValueError:
        raise NotUsable("not JSON; write it with: terraform show -json plan > plan.json") from None
    if not isinstance(plan, dict) or "format_version" not in plan:
        raise NotUsable("not Terraform's JSON; write it with: terraform show -json plan > plan.json")
    if "resource_changes" not in plan:
        kind = "a state" if "values" in plan else "a plan of nothing"
        raise NotUsable(
            f"{kind}; name the plan's file: terraform plan -out=plan && terraform show -json plan > plan.json"
        )
    found = list(_instances(plan))
    if not found:
        raise NotUsable(f"no instance of the module is in this plan: no function of a {FUNCTION} with REDRIVE_SOURCES")
    return sorted(found, key=lambda instance: instance.address)


def _instances(plan: dict[str, Any]) -> Iterator[Instance]:
    for resource in plan["resource_changes"]:
        module, change = str(resource.get("module_address", "")), resource.get("change", {})
        is_lister = resource.get("type") == "aws_lambda_function" and module.rpartition(".module.")[2] in (
            FUNCTION.removeprefix("module."),
            FUNCTION,
        )
        if not is_lister or not isinstance(change.get("after"), dict):
            continue
        known, unknown, sensitive = (
            _variables(change.get(part)) for part in ("after", "after_unknown", "after_sensitive")
        )
        yield Instance(
            address := module.removesuffix(FUNCTION).removesuffix("."),
            {name: value for name, value in known.items() if isinstance(value, str)},
            frozenset(name for name in VARIABLES if unknown.get(name, unknown.get("*"))),
            frozenset(name for name in VARIABLES if sensitive.get(name, sensitive.get("*"))),
            _references(plan, address),
            bool(change["after"].get("vpc_config")),
        )


def _variables(part: Any) -> dict[str, Any]:
    """Give the environment variables as a part of a change has them; ``*`` where it says true of all of them."""
    for step in ("environment", 0, "variables"):
        if part is True:
            return {"*": True}
        try:
            part = part[step]
        except (KeyError, IndexError, TypeError):
            return {}
    return part if isinstance(part, dict) else {"*": part} if part is True else {}


def _references(plan: dict[str, Any], address: str) -> dict[str, tuple[str, ...]]:
    """Give what the inputs of a module's call are made of, by the configuration in the plan."""
    module: dict[str, Any] = plan.get("configuration", {}).get("root_module", {})
    call: dict[str, Any] = {}
    for name in _calls(address):
        call = module.get("module_calls", {}).get(name, {})
        module = call.get("module", {})
    expressions = call.get("expressions", {})
    return {
        name: tuple(expression.get("references", ()))
        for name, expression in expressions.items()
        if isinstance(expression, dict)
    }


def _calls(address: str) -> Iterator[str]:
    """Give the names of the calls that an address leads through: keys in brackets may hold dots."""
    rest = address
    while rest.startswith("module."):
        rest = rest.removeprefix("module.")
        name = rest
        for end, letter in enumerate(rest):
            if letter in ".[":
                name = rest[:end]
                break
        yield name
        rest = rest[len(name) :]
        if rest.startswith("["):
            close = rest.find('"]') + 2 if rest.startswith('["') else rest.find("]") + 1
            rest = rest[close:]
        rest = rest.removeprefix(".")
