"""What a plan grants: the policies of its roles, who may take them, and the policies of its resources."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from tests.iam.calls import ACCOUNT, REGION, Call
from tests.plan.planned import Plan, listed

Document = dict[str, Any]


@dataclass(frozen=True, order=True)
class Grant:
    """One action on one resource that a statement allows a role."""

    role: str
    sid: str
    action: str
    resource: str
    conditions: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def is_used_by(self, call: Call) -> bool:
        """Whether a call needs it."""
        context = dict(call.context)
        return (
            (call.principal, call.action) == (self.role, self.action)
            and (self.resource == "*" or fnmatchcase(call.resource, self.resource))
            and all(context.get(key) in values for key, values in self.conditions)
        )


@dataclass
class Granted:
    """By ARN, of roles and of resources."""

    identity: dict[str, Document] = field(default_factory=dict)
    trust: dict[str, Document] = field(default_factory=dict)
    resource: dict[str, Document] = field(default_factory=dict)
    boundary: dict[str, str] = field(default_factory=dict)

    def grants(self) -> Iterator[Grant]:
        """Give everything that roles are allowed."""
        for role, document in self.identity.items():
            for statement in document["Statement"]:
                if statement["Effect"] == "Allow":
                    keys = [pair for each in statement.get("Condition", {}).values() for pair in each.items()]
                    conditions = tuple((key, tuple(listed(values))) for key, values in keys)
                    for action in listed(statement["Action"]):
                        for resource in listed(statement["Resource"]):
                            yield Grant(role, statement["Sid"], action, resource, conditions)

    def documents(self) -> Iterator[tuple[str, str, Document]]:
        """Give every document, with what it belongs to and its kind."""
        for kind in ("identity", "trust", "resource"):
            for owner, document in getattr(self, kind).items():
                yield owner, kind, document


def arn_of_role(name: str) -> str:
    """Give the ARN of a role of this account."""
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


def granted(plan: Plan, call: str, people: Mapping[str, str]) -> Granted:
    """Read a call of the module; ``people`` are policies, as JSON, by the role that has them."""
    found = Granted()
    for role in plan.of(call, "aws_iam_role"):
        arn = arn_of_role(role.values["name"])
        found.trust[arn] = json.loads(role.values["assume_role_policy"])
        if boundary := role.values.get("permissions_boundary"):
            found.boundary[arn] = boundary
        [policy] = [
            each
            for each in plan.of(call, "aws_iam_role_policy")
            if each.address.rpartition(".aws_iam_role_policy")[0] == role.address.rpartition(".aws_iam_role")[0]
        ]
        found.identity[arn] = json.loads(policy.values["policy"])
    for permission in plan.of(call, "aws_lambda_permission"):
        arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{permission.values['function_name']}"
        statement = {
            "Sid": permission.values["statement_id"],
            "Effect": "Allow",
            "Principal": {"Service": permission.values["principal"]},
            "Action": permission.values["action"],
            "Resource": arn,
            # as Lambda writes it (API reference, AddPermission)
            "Condition": {"ArnLike": {"AWS:SourceArn": permission.values["source_arn"]}},
        }
        found.resource[arn] = {"Version": "2012-10-17", "Statement": [statement]}
    for policy in plan.of(call, "aws_sns_topic_policy"):
        found.resource[policy.values["arn"]] = json.loads(policy.values["policy"])
    for queue in plan.of(call, "aws_sqs_queue"):
        found.resource[f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue.values['name']}"] = json.loads(queue.values["policy"])
    found.identity |= {arn_of_role(name): json.loads(policy) for name, policy in people.items()}
    return found
