"""The table of docs/security.md: which role may do what, and why, made of what is planned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.iam.granted import Granted, arn_of_role
from tests.plan.planned import listed

ROLES = {
    "list-failed": "`list-failed` reads your API's lists and starts runs",
    "batch": "`batch` opens and closes a batch",
    "requeue-communication": "`requeue-communication` sends one communication back",
    "conclude": "`conclude` ends a run and words its digest",
    "ledger-admin": "`ledger-admin` carries out operators' actions",
    "console-view": "`console-view` shows (`dashboard`)",
    "console-operate": "`console-operate` has the buttons (`dashboard`)",
    "worker": "`worker` works off the queue (`queue`)",
    "run": "`run` is the state machine's",
    "schedule": "`schedule` is EventBridge Scheduler's",
}
"""By the last part of their names."""

WHY = {
    "StartRuns": "starts the execution that is a run",
    "ConcludeWhatNoEventReported": "concludes a run whose end no event reported",
    "SeeRuns": "looks whether a run is still on",
    "UseTheLedger": "attempts, leases, runs and what waits for a person",
    "WriteLogs": "its own log group, which is there before it",
    "WriteTraces": "X-Ray; these actions know no resource (`tracing`)",
    "ReportAsynchronousFailures": "Lambda hands `conclude` the event of a lister that failed",
    "ReadSecretsOfTheApi": "credentials, and the certificates of a private authority (`api`)",
    "DecryptSecretsOfTheApi": "the same secrets alone (`api.secrets_kms_key_arn`)",
    "CallTheApi": 'signs its requests (`api.auth.type = "aws_iam"`)',
    "CallTheFunctionByItsUrl": "the same of a function URL, and by its URL alone",
    "ConnectToTheNetwork": "Lambda connects the function to your VPC (`vpc`)",
    "KeepTheNetworkFromTheCode": "**denied** to the function's own code (`vpc`)",
    "DecryptEnvironment": "its own settings (`kms_key_arn`)",
    "DecryptRuns": "runs are encrypted (`kms_key_arn`)",
    "UseTheLedgersKey": "through DynamoDB alone (`kms_key_arn`)",
    "UseTheQueuesKey": "through SQS alone (`kms_key_arn`)",
    "SendDigests": "digests of runs that ended otherwise than by themselves",
    "EncryptDigests": "for that topic alone (its key)",
    "CarryOnAndSend": "goes on with a large action, and has the lister send at once",
    "WorkOffTheQueue": "Lambda receives and deletes; the worker puts back what has to wait",
    "GiveUp": "puts what is given up with the dead letters",
    "InvokeFunctions": "the tasks of a run",
    "StartBatches": "a batch is a child execution",
    "WatchAndStopBatches": "Step Functions follows the children, under both names of AWS's page",
    "RedriveBatches": "as AWS's page wants it; a run that is redriven opens no batch any more",
    "Notify": "the digest",
    "DeliverLogs": "Step Functions sets up log delivery; these actions know no resource",
    "EncryptExecutions": "runs are encrypted (`kms_key_arn`)",
    "EncryptLogDelivery": "so are their logs (`kms_key_arn`)",
    "EncryptNotifications": "for that topic alone (its key)",
    "InvokeLister": "fires",
}
"""What each statement is for, by its sid."""

SHORT = {"execute-api": "your API", "kms": "the key", "secretsmanager": "the secrets", "sns": "the topic"}


SHARED = {
    "each function": tuple(part for part in ROLES if part not in ("run", "schedule")),
    "functions that call your API": ("list-failed", "requeue-communication", "worker"),
}
"""What these roles have alike is said once."""


def table(ways: Sequence[Granted], prefix: str) -> str:
    """Give the Markdown of what the module's roles are granted in any of these ways."""
    rows = {part: [*_rows(ways, prefix, part)] for part in ROLES}
    lines = ["| role | may | on | for |", "| --- | --- | --- | --- |"]
    for several, parts in SHARED.items():
        alike = [row for row in rows[parts[0]] if all(row in rows[part] for part in parts)]
        rows = {part: [row for row in found if row not in alike] for part, found in rows.items()}
        lines += _lines(several, alike)
    for part, what in ROLES.items():
        lines += _lines(what, rows[part])
    return "\n".join(lines) + "\n"


def _lines(what: str, rows: Sequence[str]) -> list[str]:
    return [f"| {'' if number else what} | {row} |" for number, row in enumerate(rows)]


def _rows(ways: Sequence[Granted], prefix: str, part: str) -> Iterator[str]:
    """Give what a role is granted: actions, resources and what for."""
    role, found = arn_of_role(f"{prefix}-{part}"), []
    for statement in (each for granted in ways for each in granted.identity[role]["Statement"]):
        actions = ", ".join(f"`{action}`" for action in sorted(listed(statement["Action"])))
        places = ", ".join(_places(statement["Resource"], prefix)).replace(
            f"lambda/<name>-<stage>-{part}:", "lambda/<name>-<stage>-<function>:"
        )
        found.append((list(WHY).index(statement["Sid"]), f"{actions} | {places} | {WHY[statement['Sid']]}"))
    yield from dict.fromkeys(row for _, row in sorted(found))


def _places(resources: str | list[str], prefix: str) -> Iterator[str]:
    """Give resources in short: without partition, region and account, and with the names of any instance."""
    seen = set()
    for arn in sorted(listed(resources)):
        if arn == "*":
            yield "everything"
            continue
        _, _, service, _, _, rest = arn.split(":", 5)
        short = "your API" if prefix not in arn and service == "lambda" else SHORT.get(service)
        if (text := short or f"`{rest.replace(prefix, '<name>-<stage>')}`") not in seen:
            seen.add(text)
            yield text
