"""Everything that can be wrong with the inputs, and what Terraform must say to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.plan.configurations import KEY, LEAST, MODULE, ROLES, SECRET

EMAIL = {"path": "/emails", "operation": "send.email", "filters": {}}
URL = "https://app.example.com"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:pager"
QUEUE = "arn:aws:sqs:eu-west-1:123456789012:digests"
BOUNDARY = "arn:aws:iam::123456789012:policy/boundary"


@dataclass(frozen=True)
class Wrong:
    """An input that must be refused, in words that hold each of these."""

    variable: str
    value: Any
    says: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.variable}: {self.says[0]}"


def _auth(says: tuple[str, ...], **auth: Any) -> Wrong:
    return Wrong("api", {"base_url": URL, "auth": auth}, says)


def _api(says: tuple[str, ...], **api: Any) -> Wrong:
    return Wrong("api", {"base_url": URL, **api}, says)


def _source(says: tuple[str, ...], name: str = "email", **fields: Any) -> Wrong:
    return Wrong(
        "sources", {name: {**EMAIL, **fields}, "sms": {"path": "/sms", "operation": "send.sms", "filters": {}}}, says
    )


WRONG = [
    Wrong("name", "Redrive_1", ("name must be lower-case letters", "Redrive_1")),
    Wrong("stage", "-test", ("stage must be lower-case letters", '"-test"')),
    _api(("api.base_url must be https://", "http://app.example.org"), base_url="http://app.example.org"),
    _api(("api.base_url must be https://", "user:word@app"), base_url="https://user:word@app.example.com"),
    _api(("api.base_url must be https://", "evil.example"), base_url="https://evil.example\\@app.example.com"),
    _api(("api.base_url must be https://", ":80:81"), base_url="https://app.example.com:80:81"),
    _api(("api.base_url must be https://", 'it is "null"'), base_url=None),
    *(
        _api(("api.base_url must be https://", url.strip()), base_url=url)
        for url in (
            *("https://<host>/api", "https://{tenant}.example.com", "https://*.example.com", "https://a,b.example.com"),
            *("https://app.example.com/{tenant}", "https://app.example.com/api\u00a0", "https://app\u200b.example.com"),
        )
    ),
    _auth(
        ("api.auth.token_url must be the https:// URL",),
        type="oauth2_client_credentials",
        secret_arn=SECRET,
        token_url="https://login.example.com/{tenant}/token",
    ),
    _auth(("must be whole ARNs of Secrets Manager secrets",), type="basic", secret_arn=f" {SECRET}"),
    _auth(("must be whole ARNs of Secrets Manager secrets",), type="basic", secret_arn=SECRET.replace("api", "a pi")),
    *(
        _api(
            ("api.auth.service must be execute-api where api.base_url is API Gateway's", f'"{service}"'),
            base_url=url,
            auth={"type": "aws_iam", "service": service, "resource_arns": ["arn:aws:lambda:eu-west-1:1:function:api"]},
        )
        for service, url in (
            ("lambda", "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/live"),
            ("execute-api", "https://abcdefghijklmnop.lambda-url.eu-west-1.on.aws"),
        )
    ),
    *(
        _auth(("api.auth.region must be the name of a region", f'it is "{region}".'), region=region)
        for region in ("", "Europe", "eu-west-1a")
    ),
    *(
        _api(("api.base_url and api.auth.token_url must have the name of a host without empty parts",), base_url=url)
        for url in (
            *("https://app.example.com:65536/", "https://app..example.com", "https://.example.com/api"),
            *("https://[::::]/", "https://[::1]:0"),
        )
    ),
    _auth(
        ("api.base_url and api.auth.token_url must have the name",), token_url="https://login.example.com:99999/token"
    ),
    _auth(("api.auth.type must be none, bearer, api_key", '"digest"'), type="digest"),
    _auth(("api.auth.secret_arn must be the ARN", "api.auth.type is bearer"), type="bearer"),
    _auth(("must be whole ARNs of Secrets Manager secrets",), type="basic", secret_arn=SECRET.removesuffix("-AbC123")),
    _auth(
        ("api.auth.header must be the name of an HTTP header", '"X Key"'),
        type="api_key",
        secret_arn=SECRET,
        header="X Key",
    ),
    _auth(("api.auth.token_url must be the https:// URL",), type="oauth2_client_credentials", secret_arn=SECRET),
    _auth(("api.auth.client_in must be header or body", '"query"'), client_in="query"),
    _auth(
        ("api.auth.service must be execute-api", '"s3"'), type="aws_iam", service="s3", resource_arns=["arn:a:s3:::b"]
    ),
    _auth(("api.auth.resource_arns must say what the functions may call",), type="aws_iam"),
    _auth(("api.auth.resource_arns must be ARNs; not so: everything",), type="aws_iam", resource_arns=["everything"]),
    _auth(("api.auth.resource_arns must be ARNs; not so: null",), type="aws_iam", resource_arns=[None]),
    _api(("must hold no credentials", "use api.auth instead of Authorization"), headers={"Authorization": "Bearer x"}),
    _api(("must leave out what every request sets for itself: Host",), headers={"Host": "other.example.com"}),
    _api(("must hold no credentials", "use api.auth instead of X-Api-Token"), headers={"X-Api-Token": "hunter2"}),
    *(
        _auth(("and not one that every request sets for itself", f'"{name}"'), header=name)
        for name in ("Host", "content-type")
    ),
    _api(
        ("api.headers must name each header once", "they are X-Tenant, x-tenant."),
        headers={"X-Tenant": "a", "x-tenant": "b"},
    ),
    _api(("must have header names", "not so: X-Lines"), headers={"X-Lines": "one\ntwo"}),
    _api(("no space at either end", "not so: X-Space"), headers={"X-Space": " claims"}),
    _api(("must have header names", "not so: X-Null"), headers={"X-Null": None}),
    _api(
        ("api.connect_timeout_seconds must be above 0 and at most 60", "they are 0 and 20"), connect_timeout_seconds=0
    ),
    _api(("api.secrets_kms_key_arn must be the ARN of a KMS key",), secrets_kms_key_arn="alias/secrets"),
    Wrong("sources", {}, ("sources must have at least one source",)),
    Wrong("sources", {"email": {**EMAIL, "enabled": False}}, ("sources must have at least one that is enabled",)),
    _source(("names of sources must be at most 32", "not so: E-Mail"), name="E-Mail"),
    _source(("sources[*].path must begin with /", "not so in: email"), path="emails"),
    _source(("sources[*].operation must be a name such as send.email", "not so in: email"), operation="send email"),
    _source(("pagination.style must be none, page, offset", 'email ("pages")'), pagination={"style": "pages"}),
    _source(("pagination.next must say in JMESPath", "missing in: email"), pagination={"style": "cursor"}),
    *(
        _source(("filters must be given", "null or empty in: " + name), name=name, filters=filters)
        for name, filters in (
            ("of_null", {"status": None}),
            ("of_nothing", {"status": ""}),
            ("of_blanks", {"state": "failed", "status": " "}),
            ("no_filters", None),
            ("of_no_name", {" ": "failed"}),
            ("of_unseen", {"status": "\u200b"}),
        )
    ),
    Wrong("sources", {"no_source": None}, ("sources[*].path must begin with /", "not so in: no_source")),
    _source(("pagination.size must be a whole number from 1 to 10000", "not so in: email"), pagination={"size": 0}),
    _source(("filter_lists must have one or more values", "not so in: email"), filter_lists={"status": []}),
    _source(
        ("filter_lists must have one or more values", "not so in: empty_value"),
        name="empty_value",
        filter_lists={"status": ["failed", ""]},
    ),
    _source(
        ("filter_lists must have one or more values", "not so in: in_both"),
        name="in_both",
        filters={"status": "failed"},
        filter_lists={"status": ["failed", "bounced"]},
    ),
    _source(
        ("filter_lists must have one or more values", "not so in: null_value"),
        name="null_value",
        filter_lists={"status": [None]},
    ),
    _source(
        ("filter_lists must have one or more", "not so in: no_list"), name="no_list", filter_lists={"": ["failed"]}
    ),
    *(
        _source(("sources[*].path must begin with /", f"not so in: {name}"), name=name, path=path)
        for name, path in (
            *(("empty_query", "/emails?"), ("empty_state", "/emails?state=&limit=5"), ("no_state", "/emails?state")),
            *(
                ("nameless", "/emails?=failed"),
                ("fragment", "/emails?state=failed#top"),
                ("blank_state", "/emails?state= "),
                ("braces", "/tenants/{tenant}/emails"),
                ("unseen", "/emails\u200b"),
                ("unseen_state", "/emails?state=failed\u00a0"),
            ),
        )
    ),
    *(
        _source(("must not be empty: they are JMESPath", f"empty in: {name}"), name=name, **fields)
        for name, fields in (
            *(
                ("blank_items", {"items": " "}),
                ("blank_id", {"id": "\t"}),
                ("blank_total", {"pagination": {"total": " "}}),
            ),
            ("blank_next", {"pagination": {"style": "cursor", "next": " "}}),
        )
    ),
    _source(("must not be empty: they are names", "blank_param"), name="blank_param", pagination={"page_param": " "}),
    _source(("size_param be blank", "not so in: blank_size"), name="blank_size", pagination={"size_param": " "}),
    _source(("failed_at goes together with", "blank_at"), name="blank_at", failed_at=" ", min_age_seconds=900),
    _source(("from 0 to 1000000000", "not so in: too_far"), name="too_far", pagination={"first_page": 1e30}),
    _source(
        ("first_page and first_offset must be whole numbers from 0", "not so in: email"), pagination={"first_page": -1}
    ),
    _source(
        ("first_page and first_offset must be whole", "not so in: half"), name="half", pagination={"first_offset": 0.5}
    ),
    _source(("must not be empty: they are JMESPath", "empty in: email"), id=""),
    _source(("must not be empty: they are names", "not so in: param"), name="param", pagination={"page_param": ""}),
    _source(("must not be empty: they are JMESPath", "empty in: total"), name="total", pagination={"total": ""}),
    _source(
        ("failed_at goes together with min_age_seconds", "not so in: no_path"), name="no_path", min_age_seconds=900
    ),
    _source(("failed_at goes together with", "not so in: no_path_max"), name="no_path_max", max_age_seconds=900),
    _source(("failed_at goes together with", "not so in: no_age"), name="no_age", failed_at="failedAt"),
    _source(
        ("failed_at goes together with", "not so in: empty_path"),
        name="empty_path",
        failed_at="",
        min_age_seconds=900,
    ),
    _source(("failed_at goes together with", "not so in: past"), name="past", min_age_seconds=-1),
    _source(
        ("max_age_seconds must be a number of seconds above min_age_seconds", "not so in: email"),
        failed_at="failedAt",
        min_age_seconds=900,
        max_age_seconds=900,
    ),
    *(
        _source(("empty_statuses must be HTTP statuses", f"not so in: {name}"), name=name, empty_statuses=[status])
        for name, status in (("ok", 200), ("moved", 301), ("forbidden", 403), ("throttled", 429), ("down", 503))
    ),
    _source(("empty_statuses must be HTTP statuses", "not so in: no_status"), name="no_status", empty_statuses=[None]),
    *(
        _source(("id_space must be 1 to 64 letters", f"not so in: {name}"), name=name, id_space=space)
        for name, space in (("no_space", ""), ("beginning", "@letters"), ("long", "x" * 65), ("blank", "a b"))
    ),
    _source(("requeue_path must begin with / and may hold", "not so in: email"), requeue_path="/{id}"),
    Wrong("requeue", {"path": "/requeue/{id}"}, ("requeue.path must begin with / and may hold", "/requeue/{id}")),
    Wrong("requeue", {"path": "/requeue\u00a0"}, ("requeue.path must begin with / and may hold", '"/requeue ')),
    Wrong("requeue", {"path": None}, ("requeue.path must begin with / and may hold", 'it is "null"')),
    Wrong("requeue", {"path": "/r", "method": "GET"}, ("requeue.method must be POST, PUT or PATCH", '"GET"')),
    Wrong(
        "requeue",
        {"path": "/r", "created_by": "shop\twindow"},
        ("requeue.created_by must be 1 to 128 printable characters",),
    ),
    *(
        Wrong("requeue", {"path": "/r", "created_by": text}, ("requeue.created_by must be 1 to 128 printable",))
        for text in ("shop\u2028window", "shop\u00a0window", "shop\u0085", "\u200b", "", "x" * 129)
    ),
    Wrong("requeue", {"path": "/r", "accepted": " "}, ("requeue.accepted must not be empty: it is JMESPath",)),
    Wrong("mode", "simulate", ('mode must be redrive or report; it is "simulate".',)),
    Wrong(
        "notifications",
        {"subscriptions": [{"protocol": "sqs", "endpoint": "arn:a:sqs:::q", "filter_policy": {"colour": ["red"]}}]},
        ("filter_policy may have result, severity and stage; it also has colour.",),
    ),
    Wrong("batch_size", 101, ("batch_size must be a whole number from 1 to 100; it is 101",)),
    Wrong("max_per_run", 100001, ("max_per_run must be a whole number from batch_size to 100000", "it is 100001")),
    *(
        Wrong("max_concurrency", number, (f"max_concurrency must be a whole number from 1 to 1000; it is {number}.",))
        for number in (0, 1001, 2.5)
    ),
    *(
        Wrong(
            "max_requests_per_second",
            rate,
            (f"from 0.001, as slowDown takes it, to 500, or null for no limit; it is {rate}.",),
        )
        for rate in (0, -1, 0.0009, 501)
    ),
    *(
        Wrong(
            "run_hours", hours, (f"run_hours must be above 0 and at most 168, or null for no deadline; it is {hours}.",)
        )
        for hours in (0, -0.5, 169)
    ),
    *(
        Wrong(
            "breaker",
            {"turned_away": number},
            (f"breaker.turned_away must be a whole number from 1 to 10000; it is {number}.",),
        )
        for number in (0, 10001, 2.5)
    ),
    Wrong("retry", {"max_attempts": 11}, ("retry.max_attempts must be a whole number from 0 to 10; it is 11",)),
    Wrong("retry", {"interval_seconds": 0.5}, ("retry.interval_seconds must be a whole number from 1 to 3600",)),
    Wrong("retry", {"backoff_rate": 0.9}, ("retry.backoff_rate must be from 1 to 10; it is 0.9",)),
    Wrong("retry", {"max_delay_seconds": 2}, ("whole number above retry.interval_seconds (2)", "it is 2")),
    *(
        Wrong(
            "redrive_limit",
            {"max_attempts": number},
            (f"max_attempts must be a whole number from 1 to 100; it is {number}.",),
        )
        for number in (0, 101, 2.5)
    ),
    Wrong("redrive_limit", {"cooldown_seconds": 0.5}, ("max_cooldown_seconds (86400); it is 0.5.",)),
    Wrong(
        "redrive_limit",
        {"cooldown_seconds": 1000, "max_cooldown_seconds": 999},
        ("redrive_limit.cooldown_seconds must be from 1 to redrive_limit.max_cooldown_seconds (999); it is 1000.",),
    ),
    Wrong("redrive_limit", {"backoff_rate": 0.99}, ("redrive_limit.backoff_rate must be from 1 to 10; it is 0.99.",)),
    Wrong("redrive_limit", {"max_cooldown_seconds": 604801}, ("must be at most 604800 (a week); it is 604801.",)),
    *(
        Wrong(
            "redrive_limit", {"open_hours": hours}, (f"redrive_limit.open_hours must be from 1 to 720; it is {hours}.",)
        )
        for hours in (0.5, 721)
    ),
    *(
        Wrong("redrive_limit", {"retention_days": days}, (f"must be from 8 to 3650; it is {days}.",))
        for days in (7, 3651)
    ),
    Wrong(
        "schedule", {"expression": "rate(1 hours)"}, ("schedule.expression must be rate(value unit)", "rate(1 hours)")
    ),
    *(
        Wrong("schedule", {"expression": f"cron({fields})"}, ("must have minutes from 0 to 59, hours", fields))
        for fields in (
            *("61 7 ? * MON *", "0 24 ? * MON *", "0 7 0 * ? *", "0 7 ? 13 MON *", "0 7 ? * 8 *"),
            *("0 7 ? * 2-8 *", "0,60/10 7 ? * MON *", "0 7 1 1 ? 1969"),
        )
    ),
    *(
        Wrong("schedule", {"expression": f"cron({fields})"}, ("a ? either for the days of the month or for", fields))
        for fields in (
            *(
                "0 7 * * * *",
                "0 7 ? * ? *",
                "0 7 1 * MON *",
                "? 7 ? * MON *",
                "0 7 ? * MONDAY *",
                "0 7 ? JANUARY MON *",
            ),
            *(
                "0 7 ? * MON\u2013FRI *",
                "a b c d e f",
                "0/0 7 ? * MON *",
                "0 7 ? * MON#6 *",
                "0 7 ? * MON, *",
                "0,,5 7 ? * MON *",
            ),
            *("L 7 ? * MON *", "0 7 ? * MON ?", "0 7 MON * ? *", "-5 7 * * ? *"),
        )
    ),
    Wrong("schedule", {"timezone": "CET+1"}, ("schedule.timezone must be UTC or the name", '"CET+1"')),
    Wrong("schedule", {"flexible_window_minutes": 1441}, ("schedule.flexible_window_minutes must be", "it is 1441")),
    Wrong("schedule", {"period_minutes": 0.5}, ("schedule.period_minutes must be a whole number", "it is 0.5")),
    Wrong("notifications", {"emails": ["me at home"]}, ("emails must be plain addresses", 'not so: "me at home".')),
    Wrong("notifications", {"emails": [""]}, ("emails must be plain addresses", 'not so: "".')),
    Wrong("notifications", {"emails": [None]}, ("emails must be plain addresses", "not so: null")),
    Wrong("notifications", {"on": [None]}, ("notifications.on must hold success, failure", "holds null")),
    Wrong("notifications", {"subscriptions": [None]}, ("protocol must be email-json, sms, https", "not so: null.")),
    Wrong(
        "alarms",
        {"actions": [None]},
        ("alarms.actions must be ARNs, and no FIFO topics, to which alarms cannot publish; not so: null.",),
    ),
    Wrong("notifications", {"on": ["always"]}, ("notifications.on must hold success, failure", "holds always")),
    Wrong("notifications", {"digest": "weekly"}, ('notifications.digest must be run or daily; it is "weekly".',)),
    Wrong("notifications", {"topic_arn": "operations"}, ("topic_arn must be the ARN of a standard SNS topic",)),
    Wrong(
        "notifications", {"alerts_topic_arn": "pager"}, ("alerts_topic_arn must be the ARN of a standard", '"pager"')
    ),
    *(
        Wrong("alarms", {"actions": [arn]}, ("alarms.actions must be ARNs, and no FIFO topics", f"not so: {arn}."))
        for arn in ("pager", f"{TOPIC}.fifo", f"{TOPIC} ")
    ),
    Wrong("alarms", {"waiting_days": -1}, ("alarms.waiting_days must be from 0 to 365", "they are -1 and 48.")),
    Wrong("alarms", {"failed_hours": 8761}, ("alarms.failed_hours from 0 to 8760", "they are 3 and 8761.")),
    Wrong("alarms", {"truncated_runs": 2.5}, ("alarms.truncated_runs and alarms.skipped_runs", "they are 2.5 and 6.")),
    Wrong("alarms", {"skipped_runs": 25}, ("must be whole numbers from 0 to 24", "they are 3 and 25.")),
    Wrong("alarms", {"runbook": "doc#umentation"}, ("alarms.runbook must be a path or URL", "doc#umentation")),
    *(
        Wrong(
            "notifications",
            {"subscriptions": [{"protocol": protocol, "endpoint": endpoint}]},
            ("endpoint must be an address where the protocol is email-json, a number such as +491701234567",),
        )
        for protocol, endpoint in (
            *(("sqs", None), ("sqs", ""), ("sqs", "https://sqs.eu-west-1.amazonaws.com/123456789012/digests")),
            *(("https", "http://pager.example.com"), ("https", "pager.example.com"), ("email-json", "ann")),
            *(("sms", "0170 1234567"), ("sms", "+49 170"), ("lambda", "arn:aws:sqs:eu-west-1:123456789012:digests")),
        )
    ),
    Wrong(
        "notifications",
        {"subscriptions": [{"protocol": "sms", "endpoint": "+491701234567", "raw_message_delivery": True}]},
        ("raw_message_delivery must be true only where the protocol is sqs, https or firehose.",),
    ),
    Wrong(
        "notifications",
        {"subscriptions": [{"protocol": "sqs", "endpoint": f"{QUEUE}.fifo"}]},
        ("a standard topic delivers to no FIFO queue.",),
    ),
    Wrong(
        "notifications",
        {"subscriptions": [{"protocol": "sqs", "endpoint": QUEUE}] * 2},
        ("notifications.subscriptions must name each endpoint once for a protocol",),
    ),
    *(
        Wrong(
            "notifications",
            {"subscriptions": [{"protocol": "sms", "endpoint": "+491701234567", "filter_policy": {name: values}}]},
            ("filter_policy must have one or more values for each attribute, those of severity error, warning or",),
        )
        for name, values in (
            ("severity", []),
            ("severity", ["critical"]),
            ("stage", None),
            ("result", [None]),
            ("result", ["failure"]),
        )
    ),
    Wrong("notifications", {"create_topic": False}, ("notifications.create_topic must be false where",)),
    Wrong("notifications", {"topic_kms_key_arn": "alias/x"}, ("topic_kms_key_arn must be the ARN of a KMS key",)),
    Wrong(
        "notifications",
        {"subscriptions": [{"protocol": "http", "endpoint": "http://example.com"}]},
        ("protocol must be email-json, sms, https", "not so: http."),
    ),
    Wrong(
        "notifications",
        {
            "subscriptions": [
                {"protocol": "firehose", "endpoint": "arn:aws:firehose:eu-west-1:123456789012:deliverystream/x"}
            ]
        },
        ("subscription_role_arn must be given where the protocol is firehose",),
    ),
    *(
        Wrong(
            "notifications",
            {
                "subscriptions": [
                    {
                        "protocol": "firehose",
                        "endpoint": "arn:aws:firehose:eu-west-1:123456789012:deliverystream/x",
                        "subscription_role_arn": arn,
                    }
                ]
            },
            ("subscription_role_arn must be given where", "the ARN of an IAM role, such as"),
        )
        for arn in ("", "digests")
    ),
    Wrong("lambda", {"runtime": "python3.10"}, ("lambda.runtime must be python3.11, python3.12", '"python3.10"')),
    Wrong("lambda", {"architecture": "arm"}, ("lambda.architecture must be arm64 or x86_64", '"arm"')),
    Wrong("lambda", {"memory_mb": {"conclude": 64}}, ("lambda.memory_mb must be", "not so: conclude (64)")),
    Wrong("lambda", {"timeout_seconds": {"list_failed": 901}}, ("from 10 to 900", "not so: list_failed (901)")),
    Wrong("lambda", {"log_level": "info"}, ("lambda.log_level must be DEBUG, INFO", '"info"')),
    Wrong("lambda", {"log_format": "json"}, ('lambda.log_format must be Text or JSON, or null; it is "json".',)),
    Wrong("lambda", {"role_arns": {"lister": ROLES["batch"]}}, ("role_arns may have list_failed", "also has lister.")),
    Wrong("lambda", {"role_arns": {"batch": "redrive"}}, ("role_arns must be ARNs of IAM", "not so for: batch.")),
    Wrong("lambda", {"role_arns": {"run": f"{ROLES['run']} "}}, ("role_arns must be ARNs of IAM", "not so for: run.")),
    Wrong("lambda", {"role_arns": {"run": None}}, ("role_arns must be ARNs of IAM", "not so for: run.")),
    Wrong("log_groups", {"schedule": "/x"}, ("log_groups may have list_failed", "it also has schedule.")),
    Wrong("log_groups", {"batch": None}, ("log_groups must be names of log groups", "not so for: batch.")),
    Wrong("log_groups", {"run": "arn:aws:logs:::x"}, ("log_groups must be names of log groups", "not so for: run.")),
    Wrong(
        "lambda",
        {"reserved_concurrency": {"list_failed": 0}},
        ("lambda.reserved_concurrency must be whole numbers from 1", "not so: list_failed"),
    ),
    Wrong("vpc", {"subnet_ids": None, "security_group_ids": [None]}, ("vpc.subnet_ids must be one or more",)),
    Wrong("vpc", {"subnet_ids": [None], "security_group_ids": None}, ("vpc.security_group_ids must be one or",)),
    Wrong("vpc", {"subnet_ids": [], "security_group_ids": ["sg-1"]}, ("vpc.subnet_ids must be one or more",)),
    Wrong("vpc", {"subnet_ids": ["subnet-1"], "security_group_ids": ["x"]}, ("vpc.security_group_ids must be one or",)),
    Wrong(
        "vpc",
        {"subnet_ids": [f"subnet-{number:x}" for number in range(17)], "security_group_ids": ["sg-1"]},
        ("vpc.subnet_ids must be one or more ids of subnets, at most 16",),
    ),
    Wrong(
        "vpc",
        {"subnet_ids": ["subnet-1"], "security_group_ids": [f"sg-{number}" for number in range(6)]},
        ("vpc.security_group_ids must be one or more ids of security groups, at most 5",),
    ),
    Wrong("log_retention_days", 31, ("log_retention_days must be what CloudWatch Logs offers", "it is 31")),
    Wrong("kms_key_arn", "alias/logs", ("kms_key_arn must be the ARN of a KMS key, not of an alias", '"alias/logs"')),
    *(
        Wrong(variable, value, (f'{example}; it is "".',))
        for variable, value, example in (
            ("kms_key_arn", "", "key/1234abcd-12ab-34cd-56ef-1234567890ab"),
            ("permissions_boundary_arn", "", "policy/boundary"),
            ("requeue", {"path": ""}, "/communications/requeue"),
            ("notifications", {"topic_arn": ""}, "123456789012:operations"),
            ("notifications", {"alerts_topic_arn": ""}, "123456789012:alerts"),
        )
    ),
    Wrong("kms_key_arn", f"{KEY} ", ("kms_key_arn must be the ARN of a KMS key", f'it is "{KEY} ".')),
    Wrong("kms_key_arn", KEY.partition("/")[0] + "/*", ("kms_key_arn must be the ARN of a KMS key", 'key/*".')),
    Wrong("permissions_boundary_arn", f"{BOUNDARY} ", ("permissions_boundary_arn must be the ARN", f'"{BOUNDARY} ".')),
    Wrong("permissions_boundary_arn", "boundary", ("permissions_boundary_arn must be the ARN of an IAM policy",)),
    Wrong("tags", {"Owner": "x" * 257}, ("values of tags must have at most 256 characters", 'not so: "Owner"')),
    Wrong("tags", {"Team": "R&D"}, ("values of tags must have at most 256 characters (letters", 'not so: "Team"')),
    Wrong("tags", {"Lines": "a\nb"}, ("values of tags must have at most 256 characters (letters", 'not so: "Lines"')),
    *(
        Wrong("tags", {key: "x"}, ("keys of tags must have 1 to 128 characters (letters, digits", f'not so: "{key}"'))
        for key in ("Team#1", "\u2709", "k" * 129, "")
    ),
    Wrong("tags", {"Owner": "a", "owner": "b"}, ("no two keys may differ in upper and lower case alone", "are 2.")),
    Wrong("tags", {f"k{number}": "v" for number in range(51)}, ("tags must be at most 50", "there are 51.")),
    Wrong("tags", {"aws:owner": "me"}, ("keys of tags must have 1 to 128 characters", 'not so: "aws:owner"')),
]

TOGETHER = {
    "name_and_stage": ({"name": "n" * 38}, "name and stage must have at most 42 characters together"),
    "sizes": ({"max_per_run": 19}, "max_per_run must be at least batch_size (20); it is 19"),
    "batches": (
        {"batch_size": 9, "max_per_run": 90001},
        "max_per_run must be at most 90000, which is 10,000 batches of batch_size (9); it is 90001.",
    ),
    "timeouts": (
        {"lambda": {"timeout_seconds": {"requeue_communication": 29}}},
        "lambda.timeout_seconds.requeue_communication must be at least 30",
    ),
    "lister": (
        {"lambda": {"timeout_seconds": {"list_failed": 59}}},
        "lambda.timeout_seconds.list_failed must be at least 60",
    ),
    "cooldown": (
        {"redrive_limit": {"cooldown_seconds": 120}},
        "redrive_limit.cooldown_seconds must be above 120",
    ),
    "roles": (
        {"lambda": {"role_arns": {"run": ROLES["run"]}}, "dashboard": {"enabled": True, "operators": False}},
        "missing: batch, conclude, console_view, ledger_admin, list_failed, requeue_communication, schedule.",
    ),
    "no_roles": (
        {"lambda": {"role_arns": {}}, "queue": {"enabled": True, "worker": {"paths": {"send.email": "/e"}}}},
        "missing: batch, conclude, ledger_admin, list_failed, requeue_communication, run, schedule, worker.",
    ),
    "actions": (
        {"alarms": {"actions": [f"arn:aws:sns:eu-west-1:123456789012:pager{number}" for number in range(5)]}},
        "alarms.actions must be at most 4, beside the topic of notifications, as an alarm of CloudWatch tells five;",
    ),
    "actions_alone": (
        {
            "alarms": {"actions": [f"arn:aws:sns:eu-west-1:123456789012:pager{number}" for number in range(6)]},
            "notifications": {"on": []},
        },
        "alarms.actions must be at most 5, as an alarm of CloudWatch tells five; there are 6.",
    ),
    "expressions_in_secret": (
        {"requeue": '${sensitive({ path = "/requeue", accepted = "$.ok" })}'},
        "(https://jmespath.org): requeue.accepted.",
    ),
    "default_tags": (
        {"providers": {"aws": "aws.tagged"}, "tags": {"Team": "letters"}},
        "alone, as IAM takes them for one; there are 2, and such keys are: Team, team.",
    ),
    "expressions": (
        {
            "sources": {
                name: {**EMAIL, **fields}
                for name, fields in {
                    "jsonpath": {"items": "$.data[*]"},
                    "hyphen": {"id": "failed-id"},
                    "bracket": {"pagination": {"style": "cursor", "next": "meta[0.next", "total": "length(emails"}},
                    "quotation": {"failed_at": '"failed-at', "max_age_seconds": 99999},
                }.items()
            },
            "requeue": {"path": "/requeue", "accepted": "status === 'ok' ? 1 : 2 + 1"},
        },
        "accepted, sources.bracket.pagination.next, sources.bracket.pagination.total, sources.hyphen.id, sources.json",
    ),
    "queue": ({"queue": {"enabled": True}}, "worker.paths must say for at least one operation"),
    "environment": (
        {"sources": {f"source{number}": {**EMAIL, "filters": {"status": "failed" * 9}} for number in range(20)}},
        "for all of a function's. Shorten api.headers or the path, requeue_path, filters and pagination of sources",
    ),
}
"""Inputs that are wrong only together, and what must be said to them. Terraform looks at these after the others."""

TAGGED = {"alias": "tagged", "region": "eu-west-1", "default_tags": {"tags": {"team": "platform"}}}
"""A provider with tags of its own."""

EIGHT: dict[str, tuple[Any, str]] = {
    "stage": ("Production!", "stage must be lower-case letters, digits and hyphens"),
    "api": ({"base_url": "app.example.com"}, "api.base_url must be https://host"),
    "sources": (
        {"email": {"path": "mails", "operation": "send.email", "filters": {}}},
        "sources[*].path must begin with /",
    ),
    "requeue": ({"path": "requeue"}, "requeue.path must begin with /"),
    "batch_size": (0, "batch_size must be a whole number from 1 to 100"),
    "max_concurrency": (1001, "max_concurrency must be a whole number from 1 to 1000"),
    "lambda": ({"architecture": "amd64"}, "lambda.architecture must be arm64 or x86_64"),
    "schedule": ({"expression": "@hourly"}, "schedule.expression must be rate(value unit), such as rate(1 hour)"),
}
"""Eight variables of one call, each wrong, and what each must say."""


def packed(wrong: list[Wrong]) -> list[dict[str, Any]]:
    """Spread the wrong inputs over as few calls of the module as there can be: each variable has one value a call."""
    calls: list[dict[str, Any]] = []
    for each in wrong:
        for call in calls:
            if each.variable not in call:
                call[each.variable] = each.value
                break
        else:
            calls.append({each.variable: each.value})
    return calls


CALLS: dict[str, dict[str, Any]] = {
    f"wrong_{number}": {"source": MODULE, **LEAST, **inputs} for number, inputs in enumerate(packed(WRONG))
}
CALLS["eight"] = {"source": MODULE, **LEAST, **{name: value for name, (value, _) in EIGHT.items()}}
CALLS_WRONG_TOGETHER = {key: {"source": MODULE, **LEAST, **inputs} for key, (inputs, _) in TOGETHER.items()}

CALLS_OF_ANOTHER_NAME = {"renamed": {"source": MODULE, **LEAST, "name": "new"}}

STATE: dict[str, Any] = {
    "version": 4,
    "terraform_version": "1.9.0",
    "serial": 1,
    "lineage": "wrong",
    "outputs": {},
    "resources": [
        {
            "module": "module.renamed.module.consistency",
            "mode": "managed",
            "type": "terraform_data",
            "name": "first_prefix",
            "provider": 'provider["terraform.io/builtin/terraform"]',
            "instances": [
                {
                    "schema_version": 0,
                    "attributes": {
                        "id": "1",
                        "input": {"value": "old-test", "type": "string"},
                        "output": {"value": "old-test", "type": "string"},
                        "triggers_replace": None,
                    },
                }
            ],
        }
    ],
}
"""What an apply under another name has left."""
