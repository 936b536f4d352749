"""Each role may do what it must, and nothing else."""

from __future__ import annotations

import fnmatch
import json

from tests.plan.configurations import KEY, SECRET
from tests.plan.planned import Plan, listed

ACCOUNT = "123456789012"

WITHOUT_RESOURCE_TYPE = ["xray:*", "logs:*Deliver*", "logs:*ResourcePolic*", "logs:DescribeLogGroups", "ec2:Describe*"]
"""Actions for which AWS has no narrower resource than ``*`` (Service Authorization Reference)."""


def _role(name: str) -> str:
    return f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:{name}"


def test_every_statement_has_a_sid_and_names_its_actions(plan: Plan):
    for address, document in plan.documents():
        for statement in document["Statement"]:
            assert statement.get("Sid"), address
            if statement["Effect"] == "Allow":
                assert not any("*" in action for action in listed(statement["Action"])), address


def test_a_star_stands_for_a_resource_only_where_aws_has_nothing_narrower(plan: Plan):
    for address, document in plan.documents():
        for statement in document["Statement"]:
            if "*" in listed(statement.get("Resource", [])):
                for action in listed(statement["Action"]):
                    assert any(fnmatch.fnmatch(action, known) for known in WITHOUT_RESOURCE_TYPE), (address, action)


def test_every_function_and_service_has_a_role_of_its_own(plan: Plan):
    roles = {role.values["name"] for role in plan.of("minimal", "aws_iam_role")}
    parts = ("list-failed", "requeue-communication", "summarise", "ledger-admin", "batch", "schedule")
    assert roles == {f"communications-redrive-production-{part}" for part in parts}


def test_a_service_takes_its_role_only_for_this_module_in_this_account(plan: Plan):
    sources = {
        "schedule": "scheduler:eu-west-1:123456789012:schedule-group/communications-redrive-production",
        "workflow": "states:eu-west-1:123456789012:stateMachine:communications-redrive-production-batch",
    }
    for owner, source in sources.items():
        condition = plan.trust("minimal", owner)["Condition"]
        assert condition["StringEquals"]["aws:SourceAccount"] == ACCOUNT
        assert condition["ArnEquals"]["aws:SourceArn"] == f"arn:aws:{source}"


def test_the_topic_takes_only_what_this_modules_rules_and_alarms_publish(plan: Plan):
    topic = json.loads(plan.one("minimal", "aws_sns_topic_policy").values["policy"])
    rules, alarms = topic["Statement"]
    assert rules["Principal"] == {"Service": "events.amazonaws.com"}
    assert alarms["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    for statement in (rules, alarms):
        assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}
    prefix = f"eu-west-1:{ACCOUNT}"
    assert set(rules["Condition"]["ArnEquals"]["aws:SourceArn"]) == {
        f"arn:aws:events:{prefix}:rule/{rule.values['name']}"
        for rule in plan.of("minimal", "aws_cloudwatch_event_rule")
    }
    assert set(alarms["Condition"]["ArnEquals"]["aws:SourceArn"]) == {
        f"arn:aws:cloudwatch:{prefix}:alarm:{alarm.values['alarm_name']}"
        for alarm in plan.of("minimal", "aws_cloudwatch_metric_alarm")
    }


def test_the_lister_may_start_batches_and_report_its_failures(plan: Plan):
    policy = plan.policy("minimal", "list_failed")
    of_the_ledger = {"JudgeAndSettle", "ListWhatWaits"}
    assert set(policy) - of_the_ledger == {"StartBatches", "WriteLogs", "WriteTraces", "ReportAsynchronousFailures"}
    assert policy["StartBatches"]["Action"] == "states:StartExecution"
    assert policy["StartBatches"]["Resource"] == plan.environment("minimal", "list_failed")["REDRIVE_STATE_MACHINE_ARN"]
    [own_log] = listed(policy["WriteLogs"]["Resource"])
    assert own_log.endswith(":log-group:/aws/lambda/communications-redrive-production-list-failed:*")


def test_a_function_without_secrets_or_network_gets_no_permission_for_them(plan: Plan):
    assert set(plan.policy("minimal", "requeue_communication")) == {"ClaimAndConclude", "WriteLogs", "WriteTraces"}
    assert set(plan.policy("complete", "summarise")) == {"WriteLogs", "WriteTraces", "DecryptEnvironment"}


def test_without_tracing_nobody_may_write_traces(plan: Plan):
    for owner in ("list_failed", "requeue_communication", "summarise", "ledger_admin", "workflow"):
        assert "WriteTraces" not in plan.policy("own_topic", owner)


def test_who_calls_the_api_may_read_its_secrets_and_decrypt_only_those(plan: Plan):
    for owner in ("list_failed", "requeue_communication"):
        policy = plan.policy("complete", owner)
        read, decrypt = policy["ReadSecretsOfTheApi"], policy["DecryptSecretsOfTheApi"]
        assert len(read["Resource"]) == 2
        assert decrypt["Resource"] == KEY
        assert decrypt["Condition"]["StringEquals"]["kms:EncryptionContext:SecretARN"] == read["Resource"]
        assert plan.policy("weekly", owner)["ReadSecretsOfTheApi"]["Resource"] == SECRET
        assert "DecryptSecretsOfTheApi" not in plan.policy("weekly", owner)


def test_signed_requests_are_allowed_for_the_api_of_the_url_or_for_what_is_named(plan: Plan):
    gateway = plan.policy("own_topic", "requeue_communication")["CallTheApi"]
    assert gateway["Action"] == "execute-api:Invoke"
    assert gateway["Resource"] == "arn:aws:execute-api:eu-central-1:*:a1b2c3d4e5/*"
    url = plan.policy("largest", "requeue_communication")["CallTheApi"]
    assert url["Action"] == "lambda:InvokeFunctionUrl"
    assert url["Resource"] == "arn:aws:lambda:eu-west-1:123456789012:function:api"
    invoke = plan.policy("largest", "requeue_communication")["CallTheFunctionByItsUrl"]
    assert (invoke["Action"], invoke["Resource"]) == ("lambda:InvokeFunction", url["Resource"])
    assert invoke["Condition"] == {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}


def test_in_a_vpc_interfaces_may_be_made_only_in_its_subnets_and_groups(plan: Plan):
    made = plan.policy("complete", "list_failed")["CreateNetworkInterfaces"]["Resource"]
    assert sorted(arn.split(":", 5)[5] for arn in made) == [
        "network-interface/*",
        "security-group/sg-0c3d4e5f607182930",
        "subnet/subnet-0a1b2c3d4e5f60718",
        "subnet/subnet-0b2c3d4e5f6071829",
    ]


def test_the_state_machine_may_invoke_its_two_functions_and_publish_to_its_topic(plan: Plan):
    policy = plan.policy("minimal", "workflow")
    assert set(policy) == {"InvokeFunctions", "Notify", "DeliverLogs", "WriteTraces"}
    name = "communications-redrive-production"
    assert set(policy["InvokeFunctions"]["Resource"]) == {
        _role(f"{name}-requeue-communication"),
        _role(f"{name}-summarise"),
    }
    assert policy["Notify"]["Resource"] == f"arn:aws:sns:eu-west-1:{ACCOUNT}:{name}-notifications"


def test_the_schedule_may_invoke_the_lister_only(plan: Plan):
    policy = plan.policy("minimal", "schedule")
    assert set(policy) == {"InvokeLister"}
    assert policy["InvokeLister"]["Resource"] == _role("communications-redrive-production-list-failed")


def test_a_key_encrypts_everything_that_holds_data_and_each_role_uses_it_for_its_own(plan: Plan):
    for group in plan.of("complete", "aws_cloudwatch_log_group"):
        assert group.values["kms_key_id"] == KEY
    for function in plan.of("complete", "aws_lambda_function"):
        assert function.values["kms_key_arn"] == KEY
    assert plan.one("complete", "aws_sns_topic").values["kms_master_key_id"] == KEY
    [encryption] = plan.one("complete", "aws_sfn_state_machine").values["encryption_configuration"]
    assert (encryption["type"], encryption["kms_key_id"]) == ("CUSTOMER_MANAGED_KMS_KEY", KEY)
    policy = plan.policy("complete", "workflow")
    contexts = {sid: [*policy[sid]["Condition"]["StringEquals"]] for sid in policy if sid.startswith("Encrypt")}
    assert contexts == {
        "EncryptExecutions": ["kms:EncryptionContext:aws:states:stateMachineArn"],
        "EncryptLogDelivery": ["kms:EncryptionContext:SourceArn"],
        "EncryptNotifications": ["kms:EncryptionContext:aws:sns:topicArn"],
    }


def test_without_a_key_the_topic_has_none_as_alarms_could_not_publish_to_it(plan: Plan):
    assert plan.one("minimal", "aws_sns_topic").values["kms_master_key_id"] is None
    assert not any(sid.startswith("Encrypt") for sid in plan.policy("minimal", "workflow"))


def test_a_topic_of_the_users_is_used_with_its_own_key_and_left_as_it_is(plan: Plan):
    assert plan.of("own_topic", "aws_sns_topic") == plan.of("own_topic", "aws_sns_topic_policy") == []
    topic = f"arn:aws:sns:eu-west-1:{ACCOUNT}:operations"
    policy = plan.policy("own_topic", "workflow")
    assert policy["Notify"]["Resource"] == topic
    assert policy["EncryptNotifications"]["Resource"] == KEY
    assert plan.one("own_topic", "aws_sns_topic_subscription").values["topic_arn"] == topic
