"""What Terraform writes for the functions, the functions read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from redrive.results import Severity
from redrive.settings import (
    AuthType,
    BatchSettings,
    ConcludeSettings,
    DigestKind,
    ListSettings,
    Mode,
    NotificationSettings,
    NotifyOn,
    PaginationStyle,
    RequeueCommunicationSettings,
    RunSettings,
    Source,
    ledger_settings,
)
from tests.plan.configurations import SECRET
from tests.plan.planned import Plan

CALLS = ["minimal", "complete", "own_topic", "largest", "weekly", "daily", 'twins["pollux"]']


@pytest.mark.parametrize("call", CALLS)
def test_every_function_understands_its_environment(plan: Plan, call: str):
    ListSettings.from_environment(plan.environment(call, "list_failed"))
    RequeueCommunicationSettings.from_environment(plan.environment(call, "requeue_communication"))
    BatchSettings.from_environment(plan.environment(call, "batch"))
    ConcludeSettings.from_environment(plan.environment(call, "conclude"))
    ledger_settings(plan.environment(call, "ledger_admin"))


def test_the_lister_is_told_how_to_list_and_what_to_start(plan: Plan):
    settings = ListSettings.from_environment(plan.environment("complete", "list_failed"))
    assert (settings.batch_size, settings.max_per_run) == (50, 20000)
    email, sms = settings.sources["email"], settings.sources["sms"]
    assert (email.path, email.operation, email.items, email.id) == ("/emails", "send.email", "data", "emailId")
    assert (email.pagination.style, email.pagination.next) == (PaginationStyle.CURSOR, "paging.next")
    assert (sms.pagination.style, sms.pagination.first_page) == (PaginationStyle.PAGE, 0)
    assert email.pagination.total == "paging.total"
    assert (email.min_age_seconds, email.max_age_seconds, email.empty_statuses) == (3600, 2592000, (204,))
    assert sms.filters == {"direction": "out", "state": ("FAILED", "EXPIRED")}
    assert sms.empty_statuses == (204, 404)
    assert settings.conclude_arn.endswith(":function:letters-redrive-production-conclude")
    assert settings.state_machine_arn.endswith(":stateMachine:letters-redrive-production-run")


def test_what_the_simplest_source_leaves_out_has_the_same_default_in_both_languages(plan: Plan):
    source = ListSettings.from_environment(plan.environment("minimal", "list_failed")).sources["email"]
    assert source == Source(path=source.path, operation=source.operation, filters=source.filters)


def test_a_source_may_begin_elsewhere_and_ask_for_no_size(plan: Plan):
    sources = ListSettings.from_environment(plan.environment("sources", "list_failed")).sources
    assert sources["e"].pagination.first_offset == 1
    assert sources["h"].pagination.first_page == 2
    assert (sources["h"].pagination.size_param, sources["g"].pagination.size_param) == (None, "limit")


def test_sources_share_ids_where_they_requeue_at_the_same_endpoint(plan: Plan):
    sources = ListSettings.from_environment(plan.environment("sources", "list_failed")).sources
    assert {name: source.space for name, source in sources.items()} == {
        "a": "send.letter@a",
        "b": "send.letter",  # at requeue.path, by another name
        "c": "send.fax@c",
        "d": "send.letter@d",
        "e": "send.letter@d",
        "f": "faxes",
        "g": "send.letter",
        "h": "send.letter",
    }
    written = json.loads(plan.environment("sources", "list_failed")["REDRIVE_SOURCES"])
    assert [name for name, source in written.items() if "id_space" in source] == ["a", "c", "d", "e", "f"]


def test_an_endpoint_is_the_same_however_it_is_spelt(plan: Plan):
    sources = ListSettings.from_environment(plan.environment("spelt", "list_failed")).sources
    assert {name: source.space for name, source in sources.items()} == {
        **dict.fromkeys(("at_path", "operation", "slash", "encoded"), "send.fax"),
        "other_operation": "send.fax@other_operation",
        "own": "send.fax@own",
        "own_upper": "send.fax@own",
        "own_percent": "send.fax@own_percent",
    }


def test_both_callers_of_the_api_log_in_the_same_way(plan: Plan):
    lister = ListSettings.from_environment(plan.environment("complete", "list_failed"))
    requeuer = RequeueCommunicationSettings.from_environment(plan.environment("complete", "requeue_communication"))
    assert lister.api == requeuer.api
    assert lister.api.auth.type is AuthType.OAUTH2_CLIENT_CREDENTIALS
    assert lister.api.auth.scope == "letters.read letters.requeue"
    assert (lister.api.auth.audience, lister.api.auth.client_in) == ("https://letters.internal.example.com", "body")
    assert lister.api.headers == {"X-Tenant": "claims"}


def test_a_source_with_a_path_of_its_own_is_sent_back_there(plan: Plan):
    settings = RequeueCommunicationSettings.from_environment(plan.environment("complete", "requeue_communication"))
    assert settings.requeue.source_paths == {"sms": "/sms/{primaryId}/requeue"}
    assert settings.requeue.path == "/queue/{operation}"
    assert settings.requeue.accepted == "result == 'queued'"


def test_queue_entries_are_created_by_the_modules_name_and_stage_unless_said_otherwise(plan: Plan):
    assert (
        json.loads(plan.environment("daily", "requeue_communication")["REDRIVE_REQUEUE"])["created_by"] == "daily-test"
    )
    settings = RequeueCommunicationSettings.from_environment(plan.environment("complete", "requeue_communication"))
    assert settings.requeue.created_by == "letters-redrive"


def test_requests_are_signed_for_the_region_of_the_apis_url(plan: Plan):
    auth = ListSettings.from_environment(plan.environment("own_topic", "list_failed")).api.auth
    assert (auth.type, auth.service, auth.region) == (AuthType.AWS_IAM, "execute-api", "eu-central-1")
    auth = ListSettings.from_environment(plan.environment("largest", "list_failed")).api.auth
    assert (auth.service, auth.region) == ("lambda", "eu-west-1")


def test_a_secret_is_known_by_its_arn_only(plan: Plan):
    auth = json.loads(plan.environment("weekly", "list_failed")["REDRIVE_API"])["auth"]
    assert auth == {"type": "api_key", "secret_arn": SECRET, "header": "X-Api-Key"}


@pytest.mark.parametrize("call", ["minimal", "weekly", "own_topic"])
def test_nothing_that_is_not_set_takes_space(plan: Plan, call: str):
    for function in ("list_failed", "batch", "requeue_communication", "conclude", "ledger_admin"):
        assert "null" not in json.dumps(plan.environment(call, function))


def test_every_function_of_a_run_knows_how_runs_go(plan: Plan):
    batch = BatchSettings.from_environment(plan.environment("complete", "batch"))
    requeue = RequeueCommunicationSettings.from_environment(plan.environment("complete", "requeue_communication"))
    conclude = ConcludeSettings.from_environment(plan.environment("complete", "conclude"))
    assert batch.run == requeue.run == conclude.run
    assert batch.run == RunSettings(4, 100, 15, 12, "/queue/{operation}")
    lister = ListSettings.from_environment(plan.environment("complete", "list_failed"))
    assert lister.breaker_turned_away == 100
    assert conclude.state_machine_arn == lister.state_machine_arn


def test_how_runs_go_where_nothing_is_said_is_what_the_package_has_for_it(plan: Plan):
    said = BatchSettings.from_environment(plan.environment("minimal", "batch")).run
    assert said == RunSettings(requeue_path="/communications/requeue")


def test_the_tries_of_a_communication_are_counted_by_the_function_as_by_the_state_machine(plan: Plan):
    for call in ("minimal", "complete", "largest", "weekly"):
        run = BatchSettings.from_environment(plan.environment(call, "batch")).run
        assert run.max_attempts_of_a_request == plan.requeue(call)["Retry"][0]["MaxAttempts"]


def test_conclude_knows_which_results_are_notified_and_how_often(plan: Plan):
    said = ConcludeSettings.from_environment(plan.environment("complete", "conclude")).notifications
    assert (said.on, said.digest) == ((NotifyOn.FAILURE,), DigestKind.DAILY)
    assert ConcludeSettings.from_environment(plan.environment("weekly", "conclude")).notifications.on == ()
    least = ConcludeSettings.from_environment(plan.environment("minimal", "conclude")).notifications
    assert least == NotificationSettings(least.topic_arn)


def test_the_least_that_works_begins_by_reporting_and_a_mode_that_is_not_given_sends(plan: Plan):
    modes = {
        call: ListSettings.from_environment(plan.environment(call, "list_failed")).mode
        for call in ("minimal", "complete", "daily")
    }
    assert modes == {"minimal": Mode.REPORT, "complete": Mode.REDRIVE, "daily": Mode.REDRIVE}


def test_a_subscription_takes_only_what_it_filters_for(plan: Plan):
    filtered = plan.one("complete", "aws_sns_topic_subscription", '.this["https').values
    assert json.loads(filtered["filter_policy"]) == {"severity": ["error", "warning"]}
    assert set(json.loads(filtered["filter_policy"])["severity"]) <= set(Severity)


def test_the_schedule_hands_the_lister_the_time_it_was_due(plan: Plan):
    schedule = plan.one("complete", "aws_scheduler_schedule").values
    [target] = schedule["target"]
    assert json.loads(target["input"]) == {"trigger": "schedule", "scheduledTime": "<aws.scheduler.scheduled-time>"}
    assert "<aws.scheduler.scheduled-time>" in target["input"]
    assert (schedule["schedule_expression_timezone"], schedule["state"]) == ("Europe/Berlin", "ENABLED")
    assert schedule["flexible_time_window"] == [{"maximum_window_in_minutes": 5, "mode": "FLEXIBLE"}]


def test_a_paused_schedule_is_there_and_disabled(plan: Plan):
    assert plan.one("own_topic", "aws_scheduler_schedule").values["state"] == "DISABLED"


def test_every_function_imports_from_the_layer_with_the_libraries(plan: Plan):
    layers = {
        layer.values["layer_name"]: Path(layer.values["filename"]).name
        for layer in plan.of("minimal", "aws_lambda_layer_version")
    }
    prefix = "communications-redrive-production"
    assert layers == {f"{prefix}-dependencies": "dependencies.zip"}
    for function in plan.of("minimal", "aws_lambda_function"):
        assert function.unknown["layers"], f"{function.address} has none"  # AWS numbers their versions


def test_only_the_callers_of_the_api_are_in_the_vpc(plan: Plan):
    inside = {
        function.values["function_name"]
        for function in plan.of("complete", "aws_lambda_function")
        if function.values["vpc_config"]
    }
    callers = ("list-failed", "requeue-communication", "worker")
    assert inside == {f"letters-redrive-production-{name}" for name in callers}


def test_concurrency_is_reserved_only_where_it_is_asked_for(plan: Plan):
    reserved = {
        function.values["function_name"]: function.values["reserved_concurrent_executions"]
        for function in plan.of("complete", "aws_lambda_function")
    }
    assert reserved == {
        "letters-redrive-production-console-operate": -1,
        "letters-redrive-production-console-view": -1,
        "letters-redrive-production-ledger-admin": -1,
        "letters-redrive-production-list-failed": -1,
        "letters-redrive-production-requeue-communication": 50,
        "letters-redrive-production-batch": -1,
        "letters-redrive-production-conclude": -1,
        "letters-redrive-production-worker": 20,
    }
