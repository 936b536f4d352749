"""The right configurations, each a way somebody might use the module; all planned in one go."""

from __future__ import annotations

import json
from typing import Any

MODULE = "../.."
QUEUE = "../../modules/queue"

LEAST: dict[str, Any] = {
    "stage": "test",
    "api": {"base_url": "https://app.example.com/api"},
    "sources": {"email": {"path": "/emails", "operation": "send.email", "filters": {}}},
    "requeue": {"path": "/requeue"},
}
"""What every call of the module must say."""

LEAST_OF_QUEUE: dict[str, Any] = {
    "name": "delivery-queue",
    "stage": "test",
    "api": {"base_url": "https://app.example.com/api"},
    "worker": {"paths": {"send.email": "/emails/{primaryId}/send"}},
}
"""What every call of modules/queue alone must say."""

ON: dict[str, Any] = {"enabled": True, "worker": LEAST_OF_QUEUE["worker"]}
"""The input `queue` that turns it on, and no more."""

KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
URL = "https://app.example.com"
SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:api-AbC123"


RUNNERS = (
    *("list_failed", "batch", "requeue_communication", "conclude", "ledger_admin", "console_view", "console_operate"),
    *("worker", "run", "schedule"),
)
"""Whoever has a role: the functions, the state machine, the schedule."""

ROLES = {runner: f"arn:aws:iam::123456789012:role/platform/redrive-{runner}" for runner in RUNNERS}
"""Roles that are there already."""

LOG_GROUPS = {runner: f"/platform/redrive/{runner}" for runner in RUNNERS if runner != "schedule"}
"""Log groups that are there already."""

SOMEBODY: dict[str, Any] = {"emails": ["operations@example.com"]}
"""Notifications that reach somebody."""


def call(name: str, **inputs: Any) -> dict[str, Any]:
    """Give a call of the module with the least inputs and these."""
    return {"source": MODULE, "name": name, **LEAST, "notifications": SOMEBODY, **inputs}


def _sensitive(value: Any) -> str:
    """Give a value as Terraform knows it from a secret's store."""
    return f"${{sensitive(jsondecode({json.dumps(json.dumps(value))}))}}"


MAX_CONCURRENCIES = (1, 2, 3, 7, 10, 11, 14, 40, 74, 100, 1000)
BATCH_SIZES = (1, 20, 100)
RATES = (None, 0.5, 5)

SPLITS = {
    f"{most}-{size}-{rate}": {"max_concurrency": most, "batch_size": size, "max_requests_per_second": rate}
    for most in MAX_CONCURRENCIES
    for size in BATCH_SIZES
    for rate in RATES
}
"""How many requests there may be at a time, by what decides it."""


def workflow_alone() -> dict[str, Any]:
    """Give a call of modules/workflow alone, once for each of the splits."""
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:"
    retry = {"max_attempts": 3, "interval_seconds": 2, "backoff_rate": 2, "max_delay_seconds": 60}
    account = {"partition": "aws", "region": "eu-west-1", "id": "123456789012"}
    return {
        "source": "../../modules/workflow",
        "for_each": SPLITS,
        "name": "split-${each.key}",
        "context": {"account": account, "tags": {}},
        "execution": {
            "tracing": False,
            "log_retention_days": 30,
            "kms_key_arn": None,
            "permissions_boundary_arn": None,
        },
        **{
            f"{function}_function": {"arn": arn + function, "timeout_seconds": 60}
            for function in ("batch", "requeue", "conclude")
        },
        "topic": {"arn": "arn:aws:sns:eu-west-1:123456789012:digests", "kms_key_arn": None},
        "max_per_run": 10000,
        "retry": retry,
        **{name: f"${{each.value.{name}}}" for name in ("max_concurrency", "batch_size", "max_requests_per_second")},
    }


def configuration(calls: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Give a root module, in Terraform's JSON syntax, that makes these calls."""
    return {"provider": {"aws": [{"region": "eu-west-1"}]}, "module": calls}


HIDDEN = call(
    "hidden",
    api=_sensitive({**LEAST["api"], "headers": {"X-Tenant": "claims"}}),
    sources=_sensitive(LEAST["sources"]),
    requeue=_sensitive(LEAST["requeue"]),
    notifications=_sensitive(
        {**SOMEBODY, "subscriptions": [{"protocol": "https", "endpoint": "https://pager.example.com/s3cr3t"}]}
    ),
    alarms=_sensitive({"actions": ["arn:aws:sns:eu-west-1:123456789012:pager"]}),
    queue=_sensitive(ON),
    dashboard=_sensitive({"enabled": True}),
    **{"lambda": _sensitive({"log_level": "INFO"})},
    log_groups=_sensitive({"batch": "/platform/batch"}),
    vpc=_sensitive({"subnet_ids": ["subnet-1"], "security_group_ids": ["sg-1"]}),
    kms_key_arn=_sensitive(KEY),
    permissions_boundary_arn=_sensitive("arn:aws:iam::123456789012:policy/boundary"),
    tags=_sensitive({"Owner": "letters"}),
)
"""A call whose inputs are all marked sensitive, as by a caller who reads them from a store of secrets."""

SCHEDULES = (
    *("cron(0/5 8-17 ? * MON-FRI *)", "cron(*/10 * ? * tue#2,Thu#4 *)", "cron(15 10 ? * 6L 2026-2028)"),
    *("cron(0 0 1W,15 * ? *)", "cron(15 12 LW 1,FEB-dec/2 ? *)", "cron(0 0 L * ? *)", "cron(0 0 ? * L *)"),
    *("rate(1 day)", "rate(2 hours)"),
)
"""What EventBridge takes for a schedule."""

RIGHT = configuration(
    {
        "minimal": {"source": "../../examples/minimal"},
        "complete": {"source": "../../examples/complete"},
        # whom alarms and digests reach
        "pagerduty": {"source": "../../examples/pagerduty"},
        "chat": {"source": "../../examples/chat"},
        # every kind of API
        "apis": {"source": "../../examples/apis"},
        # the same module twice in one account, under for_each
        "twins": call("${each.key}", for_each='${toset(["castor", "pollux"])}', queue=ON),
        # the delivery queue alone, and it twice
        "delivery_queue": {"source": "../../examples/queue"},
        "delivery_queues": {
            "source": QUEUE,
            **LEAST_OF_QUEUE,
            "name": "${each.key}",
            "for_each": '${toset(["helen", "clytemnestra"])}',
            "max_receives": 1,
            "lambda": {"log_level": "DEBUG"},
        },
        "own_topic": call(
            "own-topic",
            notifications={
                "topic_arn": "arn:aws:sns:eu-west-1:123456789012:operations",
                "topic_kms_key_arn": KEY,
                "on": ["success"],
                "emails": ["operations@example.com"],
            },
            api={
                "base_url": "https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/live",
                "auth": {"type": "aws_iam"},
            },
            schedule={"enabled": False},
            queue={**ON, "worker": {**ON["worker"], "enabled": False}},
            tracing=False,
        ),
        "largest": call(
            "largest",
            batch_size=100,
            max_per_run=100000,
            max_concurrency=1000,
            retry={"max_attempts": 10, "interval_seconds": 3, "backoff_rate": 1.5, "max_delay_seconds": 100},
            redrive_limit={"cooldown_seconds": 1800},
            lambda_={"timeout_seconds": {"requeue_communication": 900}},
            queue={
                **ON,
                "ttl_seconds": 43200,
                "backoff_rate": 10,
                "max_receives": 27,
                "retention_days": 13,
                "max_concurrency": 1000,
                "worker": {**ON["worker"], "timeout_seconds": 83.5},
            },
            schedule={"expression": "cron(0 7 ? * MON-FRI *)"},
            api={
                "base_url": "http://127.0.0.1:8080",
                "auth": {
                    "type": "aws_iam",
                    "service": "lambda",
                    "resource_arns": ["arn:aws:lambda:eu-west-1:123456789012:function:api"],
                },
            },
        ),
        # as many batches as there may be
        "most_batches": call(
            "most-batches",
            batch_size=10,
            max_per_run=100000,
            max_concurrency=1,
            max_requests_per_second=0.5,
            run_hours=168,
            breaker={"turned_away": 10000},
            redrive_limit={"open_hours": 720},
        ),
        "weekly": call(
            "weekly",
            schedule={"expression": "rate(7 days)"},
            retry={"max_attempts": 0},
            api={"base_url": "https://app.example.com", "auth": {"type": "api_key", "secret_arn": SECRET}},
            notifications={"on": [], **SOMEBODY},
            ledger={"deletion_protection": False},
        ),
        # every way in which a source may differ from the simplest
        "sources": call(
            "sources",
            api={"base_url": "https://app.example.com.:8443"},
            schedule={"expression": "cron(59 23 ? 12 6#5,7 *)"},
            sources={
                name: {"path": f"/{name}", "operation": "send.letter", "filters": {}, **fields}
                for name, fields in {
                    "a": {"requeue_path": "/a/{primaryId}"},
                    "b": {"requeue_path": "/requeue"},
                    "c": {"requeue_path": "/b/{primaryId}", "operation": "send.fax"},
                    "d": {"requeue_path": "/b/{primaryId}"},
                    "e": {"requeue_path": "/b/{primaryId}", "pagination": {"style": "offset", "first_offset": 1}},
                    "f": {"requeue_path": "/b/{primaryId}", "id_space": "faxes"},
                    "g": {"id_space": "send.letter", "requeue_path": "/g"},
                    "h": {
                        "pagination": {"style": "page", "first_page": 2, "size_param": ""},
                        "path": "/h?state=failed&of=a",
                    },
                }.items()
            },
        ),
        # every day of the month, and of the week, that a schedule may name
        "schedules": call(
            "schedules-${each.key}",
            for_each={str(number): expression for number, expression in enumerate(SCHEDULES)},
            create=False,
            schedule={"expression": "${each.value}"},
            requeue={"path": "/requeue", "created_by": "B\u00fcro 7"},
            tags={"Besitzer": "M\u00fcller + Co = @ a/b:c_d.e-f", "None": None},
        ),
        # the same endpoints, each spelt in another way
        "spelt": call(
            "spelt",
            api={"base_url": "https://[2001:db8::1]:65535/api"},
            schedule={"expression": "cron(0/15,45 8-18/2 L-3 JAN-12/3 ? 2026-2199/2)"},
            requeue={"path": "/requeue/{operation}"},
            sources={
                name: {"path": f"/{name}", "operation": "send.fax", "filters": {}, "requeue_path": requeue_path}
                for name, requeue_path in {
                    "at_path": None,
                    "operation": "/requeue/send.fax",
                    "slash": "/requeue/{operation}/",
                    "encoded": "/re%71ueue/send%2efax",
                    "other_operation": "/requeue/send.sms",
                    "own": "/%63af%c3%a9/{primaryId}",
                    "own_upper": "/caf%C3%A9/{primaryId}/",
                    "own_percent": "/caf%25C3%A9/{primaryId}",
                }.items()
            },
        ),
        # expressions that are no plain path, and yet JMESPath
        "daily": call(
            "daily",
            schedule={"expression": "cron(30 6 * * ? *)", "flexible_window_minutes": 10},
            sources={
                name: {"path": f"/{name}", "operation": "send.fax", "filters": {}, **fields}
                for name, fields in {
                    "a": {"items": '(code == `0` || code == `"a$b"`) && data.list', "id": '"failed-id"'},
                    "b": {"items": "reverse(emails)[-10:]", "id": "[?kind=='it\\'s $']|[0].id"},
                    "c": {"items": "keys(emails || `{}`)", "id": "@", "pagination": {"total": "length(*.*[])"}},
                }.items()
            },
            requeue={"path": "/requeue", "accepted": "!error && to_number(code) < `10`"},
        ),
        # everything the module is given is made in the same apply, so that the plan knows no ARN of it; and the key and
        # the boundary name what the module makes, which must not wait for them
        "same_apply": call(
            "same-apply",
            api={
                "base_url": "https://app.example.com",
                "auth": {"type": "bearer", "secret_arn": "${aws_secretsmanager_secret.api.arn}"},
                "ca_bundle_secret_arn": "${aws_secretsmanager_secret.api.arn}",
                "secrets_kms_key_arn": "${aws_kms_key.this.arn}",
            },
            notifications={
                "create_topic": False,
                "topic_arn": "${aws_sns_topic.this.arn}",
                "topic_kms_key_arn": "${aws_kms_key.this.arn}",
                "alerts_topic_arn": "${aws_sns_topic.alerts.arn}",
                "subscriptions": [{"protocol": "sqs", "endpoint": "${aws_sqs_queue.this.arn}"}],
            },
            queue=ON,
            kms_key_arn="${aws_kms_key.this.arn}",
            permissions_boundary_arn="${aws_iam_policy.boundary.arn}",
            vpc={"subnet_ids": ["${aws_subnet.this.id}"], "security_group_ids": ["${aws_security_group.this.id}"]},
        ),
        # alarms in a topic of their own, and further actions; and none at all
        "routed": call(
            "routed",
            notifications={
                **SOMEBODY,
                "on": ["success"],
                "alerts_topic_arn": "arn:aws:sns:eu-west-1:123456789012:alerts",
            },
            alarms={"actions": ["arn:aws:sns:eu-west-1:123456789012:pager"], "skipped_runs": 0, "failed_hours": 0},
            queue=ON,
        ),
        # a run that is over before the next minute
        "quiet": call(
            "quiet",
            alarms={"enabled": False},
            queue=ON,
            schedule={"expression": "rate(1 minute)"},
            max_per_run=20,
            max_requests_per_second=500,
        ),
        "china": call("china", providers={"aws": "aws.china"}, queue=ON, dashboard={"enabled": True}),
        # who looks at it changes nothing; and a rate that would not end within the hour, were there no deadline
        "viewers": call(
            "viewers", dashboard={"enabled": True, "operators": False}, max_requests_per_second=3, run_hours=0.5
        ),
        # of which nobody hears, and whose requests are throttled
        "unheard": call(
            "unheard",
            notifications={},
            alarms={"enabled": True},
            max_concurrency=20,
            lambda_={"reserved_concurrency": {"requeue_communication": 19}},
            redrive_limit={"max_attempts": 2, "max_cooldown_seconds": 604800, "retention_days": 9},
            api={
                "base_url": URL,
                "auth": {"secret_arn": SECRET.replace("api", "events!connection/api"), "region": "eusc-de-east-1"},
                "secrets_kms_key_arn": KEY,
            },
            sources={
                name: {
                    "path": f"/{name}",
                    "operation": "send.fax",
                    "filters": filters,
                    "pagination": pagination,
                    "failed_at": "at",
                    "min_age_seconds": 600,
                    "max_age_seconds": max_age,
                }
                for name, max_age, filters, pagination in (
                    ("by_page", 6000, {"limit": "50"}, {"style": "page"}),
                    ("by_cursor", 5999, {"cursor": "first"}, {"style": "cursor", "next": "next", "size_param": ""}),
                    ("same", None, {}, {"style": "page", "size_param": "page"}),
                    ("whole", 6000, {"limit": "50", "page": "1"}, {}),
                )
            },
            schedule={"expression": "rate(2 hours)", "period_minutes": 90},
            run_hours=0.25,
        ),
        # where a team of its own makes all roles and log groups, one of each in the same apply
        "given": call(
            "given",
            lambda_={"role_arns": ROLES | {"batch": "${aws_iam_role.batch.arn}"}, "log_format": "JSON"},
            log_groups=LOG_GROUPS | {"batch": "${aws_cloudwatch_log_group.batch.id}"},
            queue=ON,
            dashboard={"enabled": True},
        ),
        # of two sources that requeue at one endpoint the first is off
        "one_source_off": call(
            "one-source-off",
            sources={
                name: {"path": f"/{name}", "operation": "send.fax", "filters": {}, "requeue_path": "/fax", **fields}
                for name, fields in {"a": {"enabled": False}, "b": {}, "c": {"requeue_path": "/c"}}.items()
            },
            dashboard={"enabled": True},
        ),
        "nothing": call("nothing", create=False, queue=ON, dashboard={"enabled": True}, notifications={}),
        "secret_emails": call(
            "secret-emails", notifications={"emails": '${sensitive(["a@example.com", "b@example.com"])}'}
        ),
    }
)
LEDGER, TOPIC, GROUP = (
    f"module.same_apply.{output}" for output in ("ledger_table_arn", "topic_arn", "schedule_group_arn")
)
RIGHT["output"] = {f"{name}_queue": {"value": f"${{module.{name}.queue}}"} for name in ("complete", "weekly", "china")}
RIGHT["output"] |= {
    f"{name}_dashboard": {"value": f"${{module.{name}.dashboard}}"} for name in ("complete", "viewers", "weekly")
}
RIGHT["output"] |= {
    f"given_{name}": {"value": f"${{module.given.{name}}}"} for name in ("role_arns", "role_policies", "topic_policy")
}
RIGHT["output"]["china_role_policies"] = {"value": "${module.china.role_policies}"}
RIGHT["output"]["nothing"] = {"value": "${module.nothing}"}
RIGHT["output"]["topic_policy"] = {"value": "${module.own_topic.topic_policy}"}
RIGHT["output"]["alerts_topic_policy"] = {"value": "${module.routed.alerts_topic_policy}"}
RIGHT["output"]["no_alerts_topic_policy"] = {"value": "${module.own_topic.alerts_topic_policy}"}
RIGHT["resource"] = {
    "aws_cloudwatch_log_group": {"batch": {}},
    "aws_iam_role": {"batch": {"assume_role_policy": "{}"}},
    "aws_iam_policy": {"boundary": {"policy": f"${{jsonencode({{ Resource = [{LEDGER}, {TOPIC}, {GROUP}] }})}}"}},
    "aws_kms_key": {"this": {"policy": f"${{jsonencode({{ Resource = {GROUP} }})}}"}},
    "aws_secretsmanager_secret": {"api": {"name": "api"}},
    "aws_security_group": {"this": {"vpc_id": "vpc-1"}},
    "aws_sns_topic": {"this": {}, "alerts": {}},
    "aws_sqs_queue": {"this": {}},
    "aws_subnet": {"this": {"vpc_id": "vpc-1", "cidr_block": "10.0.0.0/24"}},
}
RIGHT["provider"]["aws"].append({"alias": "china", "region": "cn-north-1"})
for _call in RIGHT["module"].values():
    if "lambda_" in _call:  # a word that Python keeps for itself
        _call["lambda"] = _call.pop("lambda_")

WITH_QUEUE = [
    "complete",
    "own_topic",
    "largest",
    'twins["castor"]',
    "china",
    "delivery_queue",
    'delivery_queues["helen"]',
]
"""Calls with a delivery queue."""

QUEUE_NAMES = {"delivery_queue": "shop-production", "complete": "letters-redrive-production"}
"""What the names of two of them begin with."""
