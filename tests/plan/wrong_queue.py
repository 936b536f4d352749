"""Everything that can be wrong with the inputs of modules/queue alone, and what Terraform must say to it."""

from __future__ import annotations

from typing import Any

from tests.plan.configurations import LEAST_OF_QUEUE, QUEUE
from tests.plan.wrong import WRONG, Wrong, packed

PATHS = LEAST_OF_QUEUE["worker"]["paths"]

SHARED = {"name", "stage", "api", "vpc", "log_retention_days", "kms_key_arn", "permissions_boundary_arn", "tags"}
"""Inputs that it has in common with the module, and so what is wrong with them."""


def _worker(says: tuple[str, ...], **fields: Any) -> Wrong:
    return Wrong("worker", {"paths": PATHS, **fields}, says)


def _lambda(says: tuple[str, ...], **fields: Any) -> Wrong:
    return Wrong("lambda", fields, says)


OWN = [
    _worker(("worker.paths must say for at least one operation",), paths={}),
    _worker(("keys of worker.paths must be names of operations", "not so: send email."), paths={"send email": "/e"}),
    _worker(("worker.paths must begin with / and may hold", "not so for: send.sms."), paths={"send.sms": "/sms/{id}"}),
    _worker(("worker.paths must begin with / and may hold", "not so for: send.null."), paths={"send.null": None}),
    _worker(("worker.method must be POST, PUT or PATCH", '"GET"'), method="GET"),
    *(
        _worker((f"worker.timeout_seconds must be above 0 and at most 600; it is {seconds}.",), timeout_seconds=seconds)
        for seconds in (0, 601)
    ),
    _worker(("worker.given_up_path must begin with / and may hold", '"given-up"'), given_up_path="given-up"),
    *(
        Wrong("ttl_seconds", seconds, ("ttl_seconds must be a whole number from 1 to 43200", f"it is {seconds}."))
        for seconds in (0, 43201, 1.5)
    ),
    *(Wrong("backoff_rate", rate, (f"backoff_rate must be from 1 to 10; it is {rate}.",)) for rate in (0.9, 11)),
    *(
        Wrong("max_receives", number, (f"max_receives must be a whole number from 1 to 100; it is {number}.",))
        for number in (0, 101, 2.5)
    ),
    *(
        Wrong("batch_size", number, (f"batch_size must be a whole number from 1 to 10; it is {number}.",))
        for number in (0, 11, 2.5)
    ),
    *(
        Wrong("max_concurrency", number, ("max_concurrency must be a whole number from 2 to 1000", f"it is {number}."))
        for number in (1, 1001, 2.5)
    ),
    *(
        Wrong("retention_days", days, ("retention_days must be a whole number from 1 to 13", f"it is {days}."))
        for days in (0, 14, 2.5)
    ),
    *(
        Wrong("alarm_age_seconds", age, (f"alarm_age_seconds must be a whole number from 60, or null; it is {age}.",))
        for age in (59, 60.5)
    ),
    Wrong("alarm_topic_arn", "operations", ("alarm_topic_arn must be the ARN of a standard SNS topic",)),
    _lambda(("lambda.runtime must be python3.11, python3.12 or python3.13", '"python3.9"'), runtime="python3.9"),
    _lambda(("lambda.architecture must be arm64 or x86_64", '"arm32"'), architecture="arm32"),
    _lambda(("lambda.memory_mb must be a whole number from 128 to 10240; it is 64.",), memory_mb=64),
    _lambda(("lambda.log_level must be DEBUG, INFO", '"debug"'), log_level="debug"),
    _lambda(("lambda.log_format must be Text or JSON", '"json"'), log_format="json"),
    _lambda(("lambda.role_arns must have worker and nothing else; it has batch.",), role_arns={"batch": "arn"}),
    *(
        _lambda(("lambda.role_arns.worker must be the ARN of an IAM role",), role_arns={"worker": arn})
        for arn in (None, "redrive")
    ),
    *(
        Wrong("log_groups", {"worker": name}, ("log_groups.worker must be the name of a log group", "and no ARN."))
        for name in (None, "arn:aws:logs:eu-west-1:123456789012:log-group:/x:*")
    ),
    *(
        Wrong("layers", layers, ("layers must be ARNs of versions of layers, at least one",))
        for layers in ([], [None], ["dependencies"], ["arn:aws:lambda:eu-west-1:123456789012:layer:x"])
    ),
    Wrong("alarm_actions", [None, "pager", "a.fifo"], ("alarm_actions must be ARNs", "not so: null, pager, a.fifo.")),
    Wrong("log_groups", {"batch": "/x"}, ("log_groups may have worker; it also has batch.",)),
    _lambda(
        ("lambda.reserved_concurrency must be a whole number from 1", "worker.enabled = false", "it is 0."),
        reserved_concurrency=0,
    ),
]

CALLS: dict[str, dict[str, Any]] = {
    f"wrong_queue_{number}": {"source": QUEUE, **LEAST_OF_QUEUE, **inputs}
    for number, inputs in enumerate(packed([*(wrong for wrong in WRONG if wrong.variable in SHARED), *OWN]))
}

TOGETHER: dict[str, tuple[dict[str, Any], str]] = {
    "names": ({"name": "n" * 53}, "name and stage must have at most 57 characters together"),
    "time": (
        {"worker": {"paths": PATHS, "timeout_seconds": 84}},
        "batch_size * (api.connect_timeout_seconds + worker.timeout_seconds) must be at most 885, as Lambda ends",
    ),
    "retention": (
        {"max_receives": 100},
        "all waits together shorter than retention_days (604800 seconds)",
    ),
    "age": (
        {"alarm_age_seconds": 86400, "retention_days": 1},
        "alarm_age_seconds must be below retention_days (86400 seconds), as no entry gets older; it is 86400.",
    ),
    "actions": (
        {
            "alarm_topic_arn": "arn:aws:sns:eu-west-1:123456789012:operations",
            "alarm_actions": [f"arn:aws:sns:eu-west-1:123456789012:pager{number}" for number in range(5)],
        },
        "alarm_actions, and alarm_topic_arn with them, must be at most 5, as an alarm of CloudWatch tells five;",
    ),
    "concurrency": (
        {"lambda": {"reserved_concurrency": 4}},
        "lambda.reserved_concurrency must be at least max_concurrency (5) or null for none",
    ),
}
"""Inputs that are wrong only together, and what must be said to them."""

CALLS_WRONG_TOGETHER = {
    f"queue_{key}": {"source": QUEUE, **LEAST_OF_QUEUE, **inputs} for key, (inputs, _) in TOGETHER.items()
}
