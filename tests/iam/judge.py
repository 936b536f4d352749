"""A published simulator's judgement of calls, and ours of the little it does not know."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from tests.apis import installing
from tests.iam.calls import ACCOUNT, Call
from tests.iam.granted import Document, Granted
from tests.plan.planned import listed

HERE = Path(__file__).parent
CACHE = installing.CACHE.parent / "iam"

UNJUDGED_KEYS = ("kms:EncryptionContext:",)
"""What condition keys that the simulator drops begin with. Conditions on them are judged here, and then left out."""

UNJUDGED_ACTIONS = ("logs:StartQuery",)
"""Actions whose resource is a log group: the simulator takes its ARN as the Service Authorization Reference has it, and
policies name it with ``:*`` at the end ("Overview of managing access permissions to your CloudWatch Logs resources").
They are judged here: a statement without a condition allows them, or none."""

EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
ORGANISATION = [{"orgIdentifier": "r-root", "policies": [{"name": "FullAWSAccess", "policy": EVERYTHING}]}]
OF_EVERY_CALL = {
    "aws:SecureTransport": "true",
    "aws:PrincipalAccount": ACCOUNT,
    "aws:ResourceAccount": ACCOUNT,
}


def denied(calls: Sequence[Call], granted: Granted, boundaries: dict[str, Document] | None = None) -> dict[Call, str]:
    """Give the calls that are not allowed, with the decision, or why there is none."""
    ours = [call for call in calls if call.action in UNJUDGED_ACTIONS]
    theirs = [call for call in calls if call.action not in UNJUDGED_ACTIONS]
    answers = simulated([simulation(call, granted, boundaries or {}) for call in theirs])
    found = {}
    for call, answer in zip(theirs, answers, strict=True):
        unknown = [key for key in answer["ignored"] if not key.startswith(UNJUDGED_KEYS) and key in dict(call.context)]
        if unknown:
            found[call] = f"the simulator does not know {', '.join(unknown)}"
        elif answer["decision"] != "Allowed":
            found[call] = answer["decision"] if "error" not in answer else json.dumps(answer["error"])
    return found | {call: "no statement allows it" for call in ours if not _is_allowed(call, granted)}


def simulation(call: Call, granted: Granted, boundaries: dict[str, Document]) -> dict[str, Any]:
    """Give what the simulator is asked."""
    context = dict(call.context)
    is_role = call.principal.startswith("arn:")
    of_role = {"aws:PrincipalArn": call.principal} if is_role else {}
    asked: dict[str, Any] = {
        "request": {
            "action": call.action,
            "principal": call.principal,
            "resource": {"resource": call.resource, "accountId": ACCOUNT},
            "contextVariables": OF_EVERY_CALL | of_role | context,
        },
        "identityPolicies": [],
        "serviceControlPolicies": ORGANISATION if is_role else [],
        "resourceControlPolicies": [],
    }
    if is_role:
        asked["identityPolicies"] = [{"name": "work", "policy": judged(granted.identity[call.principal], context)}]
    policies = granted.trust if call.action == "sts:AssumeRole" else granted.resource
    if call.resource in policies:
        asked["resourcePolicy"] = judged(policies[call.resource], context)
    if boundary := granted.boundary.get(call.principal):
        asked["permissionBoundaryPolicies"] = [{"name": "boundary", "policy": boundaries[boundary]}]
    return asked


def judged(document: Document, context: dict[str, str]) -> Document:
    """Give a document without the conditions that are judged here, and without statements whose conditions fail."""
    statements = []
    for statement in document["Statement"]:
        conditions = statement.get("Condition", {})
        ours = {operator: {k: v for k, v in keys.items() if _is_ours(k)} for operator, keys in conditions.items()}
        theirs = {operator: {k: v for k, v in keys.items() if not _is_ours(k)} for operator, keys in conditions.items()}
        if all(_holds(operator, key, values, context) for operator in ours for key, values in ours[operator].items()):
            rest = {name: value for name, value in statement.items() if name != "Condition"}
            left = {operator: keys for operator, keys in theirs.items() if keys}
            statements.append(rest | ({"Condition": left} if left else {}))
    return {**document, "Statement": statements}


def _is_ours(key: str) -> bool:
    return key.startswith(UNJUDGED_KEYS)


def _holds(operator: str, key: str, values: str | list[str], context: dict[str, str]) -> bool:
    """Judge a condition: the operators that the module uses of such keys, and no other."""
    match = {"StringEquals": str.__eq__, "StringLike": fnmatchcase}[operator]
    return key in context and any(match(context[key], value) for value in listed(values))


def _is_allowed(call: Call, granted: Granted) -> bool:
    statements = granted.identity[call.principal]["Statement"]
    matching = [
        statement
        for statement in statements
        if call.action in listed(statement["Action"])
        and any(fnmatchcase(call.resource, resource) for resource in listed(statement["Resource"]))
    ]
    return bool(matching) and all(each["Effect"] == "Allow" and "Condition" not in each for each in matching)


def install() -> Path:
    """Give the folder with the simulator, which is installed from its pins when it is not there; see ``linted``, too.

    Raises
    ------
    NotMade
        It cannot be had here.
    """
    installing.python_packages(HERE / "environment" / "parliament.txt", CACHE / "parliament")
    return installing.node_modules(HERE / "environment", CACHE / "simulator")


def linted(documents: Sequence[Document]) -> list[list[str]]:
    """Give what parliament finds in each of these documents."""
    python = installing.python_packages(HERE / "environment" / "parliament.txt", CACHE / "parliament")
    return _told([str(python), str(HERE / "lint.py")], documents, {})


def simulated(asked: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Have the simulator judge."""
    return _told(["node", str(HERE / "simulate.cjs")], asked, {"NODE_PATH": str(install())})


def _told(command: list[str], asked: Sequence[Any], variables: dict[str, str]) -> list[Any]:
    done = subprocess.run(
        command,
        input=json.dumps(list(asked)),
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers: list[Any] = json.loads(done.stdout)
    return answers
