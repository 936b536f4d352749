"""A plan, as a reader of it sees it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any


@dataclass(frozen=True)
class Resource:
    """A resource that the plan creates: its values, and what of them is only known after the apply."""

    address: str
    type: str
    values: dict[str, Any]
    unknown: dict[str, Any]

    @property
    def call(self) -> str:
        """The call of the module in the root module that it comes from."""
        found = re.match(r"module\.(\w+(\[\"[^\"]+\"\])?)", self.address)
        assert found, f"{self.address} is in no module"
        return found[1]


class Plan:
    """The resources of a plan, and the documents in them."""

    def __init__(self, shown: dict[str, Any], printed: str) -> None:
        self.shown = shown
        self.printed = printed

    @cached_property
    def resources(self) -> list[Resource]:
        """Every resource that the calls of the module create."""
        return [
            Resource(found["address"], found["type"], found["change"]["after"], found["change"]["after_unknown"])
            for found in self.shown["resource_changes"]
            if found["mode"] == "managed" and "module_address" in found
        ]

    def of(self, call: str, type_: str) -> list[Resource]:
        """The resources of a type in one call of the module."""
        return [resource for resource in self.resources if resource.call == call and resource.type == type_]

    def one(self, call: str, type_: str, name: str = "") -> Resource:
        """The one resource of a type in a call, or the one whose address holds the name."""
        found = [resource for resource in self.of(call, type_) if name in resource.address]
        assert len(found) == 1, f"{call} has {len(found)} {type_} {name}"
        return found[0]

    def environment(self, call: str, function: str) -> dict[str, str]:
        """The environment variables of a function."""
        resource = self.one(call, "aws_lambda_function", f"module.{function}")
        variables: dict[str, str] = resource.values["environment"][0]["variables"]
        return variables

    def output(self, name: str) -> Any:
        """What is known of an output of the root module."""
        return self.shown["output_changes"][name]["after"]

    def definition(self, call: str) -> dict[str, Any]:
        """The state machine's definition."""
        document: dict[str, Any] = json.loads(self.one(call, "aws_sfn_state_machine").values["definition"])
        return document

    def children(self, call: str) -> dict[str, Any]:
        """The states of a child execution, which is a batch."""
        states: dict[str, Any] = self.definition(call)["States"]["RequeueBatches"]["ItemProcessor"]["States"]
        return states

    def requeue(self, call: str) -> dict[str, Any]:
        """The task that sends one communication."""
        task: dict[str, Any] = self.children(call)["RequeueEach"]["ItemProcessor"]["States"]["Requeue"]
        return task

    def warnings(self, check: str) -> dict[str, list[str]]:
        """What a check block warns of, by the call of the module."""
        return {
            instance["address"]["module"].removeprefix("module."): [each["message"] for each in instance["problems"]]
            for found in self.shown["checks"]
            if found["address"].get("name") == check
            for instance in found.get("instances", ())
            if instance["status"] == "fail"
        }

    def policy(self, call: str, owner: str) -> dict[str, dict[str, Any]]:
        """The statements of a role's policy, by sid; the owner is the submodule: list_failed, workflow, schedule …"""
        resource = self.one(call, "aws_iam_role_policy", f"module.{owner}")
        return {statement["Sid"]: statement for statement in json.loads(resource.values["policy"])["Statement"]}

    def trust(self, call: str, owner: str) -> dict[str, Any]:
        """The one statement of a role's trust policy."""
        [statement] = json.loads(
            self.one(call, "aws_iam_role", f"module.{owner}").values["assume_role_policy"],
        )["Statement"]
        found: dict[str, Any] = statement
        return found

    def documents(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every policy of the plan, with its resource's address."""
        for resource in self.resources:
            for attribute in ("policy", "assume_role_policy"):
                if resource.values.get(attribute):
                    yield f"{resource.address}.{attribute}", json.loads(resource.values[attribute])


def listed(value: str | list[str]) -> list[str]:
    """Give a policy's value, which IAM lets be one text or several, as several."""
    return [value] if isinstance(value, str) else value
