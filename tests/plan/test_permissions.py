"""Each role may do what it must, and nothing else."""

from __future__ import annotations

import fnmatch
import json
import re

import pytest

from tests.plan.configurations import KEY, SECRET
from tests.plan.planned import Plan, listed

ACCOUNT = "123456789012"

WITHOUT_RESOURCE_TYPE = ["xray:*", "logs:*Deliver*", "logs:*ResourcePolic*", "logs:DescribeLogGroups", "ec2:*"]
"""Actions for which AWS has no narrower resource than ``*`` (Service Authorization Reference), or, of ec2, allows none:
AWSLambdaVPCAccessExecutionRole, and what it says of DeleteNetworkInterface (Lambda developer guide, "Giving Lambda
functions access to resources in an Amazon VPC")."""

NAME = "communications-redrive-production"
STATE_MACHINE = f"arn:aws:states:eu-west-1:{ACCOUNT}:stateMachine:{NAME}-run"
EXECUTIONS = f"arn:aws:states:eu-west-1:{ACCOUNT}:execution:{NAME}-run"
FUNCTIONS = ("list_failed", "batch", "requeue_communication", "conclude", "ledger_admin")


def _function(part: str) -> str:
    return f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:{NAME}-{part}"


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
    parts = ("list-failed", "batch", "requeue-communication", "conclude", "ledger-admin", "run", "schedule")
    assert roles == {f"{NAME}-{part}" for part in parts}


def test_a_service_takes_its_role_only_for_this_module_in_this_account(plan: Plan):
    """Step Functions calls the machine of a Distributed Map's children ``<machine>/<label>``."""
    sources = {
        "schedule": f"arn:aws:scheduler:eu-west-1:{ACCOUNT}:schedule-group/{NAME}",
        "workflow": [STATE_MACHINE, f"{STATE_MACHINE}/batches"],
    }
    for owner, source in sources.items():
        condition = plan.trust("minimal", owner)["Condition"]
        assert condition["StringEquals"]["aws:SourceAccount"] == ACCOUNT
        assert condition["ArnEquals"]["aws:SourceArn"] == source
    assert plan.definition("minimal")["States"]["RequeueBatches"]["Label"] == "batches"


def test_the_topic_takes_beside_digests_only_what_this_modules_alarms_publish(plan: Plan):
    for call in ("minimal", "complete"):
        [alarms] = json.loads(plan.one(call, "aws_sns_topic_policy").values["policy"])["Statement"]
        assert alarms["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
        assert alarms["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}
        may = set(alarms["Condition"]["ArnEquals"]["aws:SourceArn"])
        there = {
            f"arn:aws:cloudwatch:eu-west-1:{ACCOUNT}:alarm:{alarm.values['alarm_name']}"
            for kind in ("metric", "composite")
            for alarm in plan.of(call, f"aws_cloudwatch_{kind}_alarm")
        }
        assert there
        assert there <= may


def test_what_a_topic_of_another_account_must_allow_is_an_output_known_before_the_apply(plan: Plan):
    policy = json.loads(plan.output("topic_policy"))
    alarms, digests = policy["Statement"]
    assert alarms["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert digests["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    publishers = {f"arn:aws:iam::{ACCOUNT}:role/own-topic-test-{part}" for part in ("run", "conclude")}
    assert set(digests["Condition"]["ArnEquals"]["aws:PrincipalArn"]) == publishers
    for statement in (alarms, digests):
        assert statement["Action"] == "sns:Publish"
        assert statement["Resource"] == f"arn:aws:sns:eu-west-1:{ACCOUNT}:operations"


def test_what_the_topic_of_alarms_alone_must_allow_is_an_output(plan: Plan):
    [alarms] = json.loads(plan.output("alerts_topic_policy"))["Statement"]
    assert (alarms["Action"], alarms["Resource"]) == ("sns:Publish", f"arn:aws:sns:eu-west-1:{ACCOUNT}:alerts")
    assert alarms["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    may = set(alarms["Condition"]["ArnEquals"]["aws:SourceArn"])
    assert f"arn:aws:cloudwatch:eu-west-1:{ACCOUNT}:alarm:routed-test-schedule-silent" in may
    assert plan.output("no_alerts_topic_policy") is None


def test_the_lister_may_start_runs_see_whether_one_is_on_and_have_it_concluded(plan: Plan):
    policy = plan.policy("minimal", "list_failed")
    own = {"StartRuns", "SeeRuns", "ConcludeWhatNoEventReported"}
    assert set(policy) == {*own, "UseTheLedger", "WriteLogs", "WriteTraces", "ReportAsynchronousFailures"}
    environment = plan.environment("minimal", "list_failed")
    assert (policy["StartRuns"]["Action"], policy["StartRuns"]["Resource"]) == ("states:StartExecution", STATE_MACHINE)
    assert environment["REDRIVE_STATE_MACHINE_ARN"] == STATE_MACHINE
    concluded = policy["ConcludeWhatNoEventReported"]
    assert (concluded["Action"], concluded["Resource"]) == ("lambda:InvokeFunction", _function("conclude"))
    assert environment["REDRIVE_CONCLUDE_ARN"] == _function("conclude")
    [own_log] = listed(policy["WriteLogs"]["Resource"])
    assert own_log.endswith(f":log-group:/aws/lambda/{NAME}-list-failed:*")


@pytest.mark.parametrize("owner", ["list_failed", "conclude", "ledger_admin"])
def test_who_looks_at_a_run_may_do_so_also_where_it_is_encrypted(plan: Plan, owner: str):
    see = plan.policy("minimal", owner)["SeeRuns"]
    assert (see["Action"], see["Resource"]) == ("states:DescribeExecution", f"{EXECUTIONS}:*")
    decrypt = plan.policy("complete", owner)["DecryptRuns"]
    machine = plan.environment("complete", owner)["REDRIVE_STATE_MACHINE_ARN"]
    assert (decrypt["Action"], decrypt["Resource"]) == ("kms:Decrypt", KEY)
    assert decrypt["Condition"] == {"StringEquals": {"kms:EncryptionContext:aws:states:stateMachineArn": machine}}


def test_conclude_may_publish_digests_to_its_topic(plan: Plan):
    may = set(plan.policy("minimal", "conclude"))
    assert may == {"SendDigests", "SeeRuns", "UseTheLedger", "WriteLogs", "WriteTraces"}
    topic = f"arn:aws:sns:eu-west-1:{ACCOUNT}:{NAME}-notifications"
    send = plan.policy("minimal", "conclude")["SendDigests"]
    assert (send["Action"], send["Resource"]) == ("sns:Publish", topic)
    for call, topic in (("complete", "letters-redrive-production-notifications"), ("own_topic", "operations")):
        encrypt = plan.policy(call, "conclude")["EncryptDigests"]
        assert (set(encrypt["Action"]), encrypt["Resource"]) == ({"kms:Decrypt", "kms:GenerateDataKey"}, KEY)
        arn = f"arn:aws:sns:eu-west-1:{ACCOUNT}:{topic}"
        assert encrypt["Condition"] == {"StringEquals": {"kms:EncryptionContext:aws:sns:topicArn": arn}}
        assert plan.policy(call, "conclude")["SendDigests"]["Resource"] == arn


def test_a_function_without_secrets_or_network_gets_no_permission_for_them(plan: Plan):
    assert set(plan.policy("minimal", "requeue_communication")) == {"UseTheLedger", "WriteLogs", "WriteTraces"}
    of_the_key = {"UseTheLedgersKey", "DecryptEnvironment"}
    assert set(plan.policy("complete", "batch")) == {"UseTheLedger", "WriteLogs", "WriteTraces", *of_the_key}


def test_without_tracing_nobody_may_write_traces(plan: Plan):
    for owner in (*FUNCTIONS, "workflow"):
        assert "WriteTraces" in plan.policy("minimal", owner)
        assert "WriteTraces" not in plan.policy("own_topic", owner)


def test_who_calls_the_api_may_read_its_secrets_and_decrypt_only_those(plan: Plan):
    for owner in ("list_failed", "requeue_communication"):
        policy = plan.policy("complete", owner)
        read, decrypt = policy["ReadSecretsOfTheApi"], policy["DecryptSecretsOfTheApi"]
        assert len(read["Resource"]) == 2
        assert decrypt["Resource"] == KEY
        assert decrypt["Condition"]["StringEquals"]["kms:EncryptionContext:SecretARN"] == read["Resource"]
        assert plan.policy("weekly", owner)["ReadSecretsOfTheApi"]["Resource"] == SECRET
        for call in ("weekly", "unheard"):  # without a key of their own; with one, and without a secret
            assert "DecryptSecretsOfTheApi" not in plan.policy(call, owner)


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


def test_in_a_vpc_lambda_may_connect_the_function_and_its_code_may_not(plan: Plan):
    for owner in ("list_failed", "requeue_communication"):
        policy = plan.policy("complete", owner)
        allowed, denied = policy["ConnectToTheNetwork"], policy["KeepTheNetworkFromTheCode"]
        assert (allowed["Effect"], denied["Effect"]) == ("Allow", "Deny")
        assert set(denied["Action"]) == {*allowed["Action"], "ec2:DetachNetworkInterface"}
        arn = f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:letters-redrive-production-{owner.replace('_', '-')}"
        assert denied["Condition"] == {"ArnEquals": {"lambda:SourceFunctionArn": arn}}
        assert not any(action.startswith("ec2:") for action in plan.policy("complete", "batch"))


def test_the_state_machine_may_invoke_its_functions_and_publish_to_its_topic(plan: Plan):
    policy = plan.policy("minimal", "workflow")
    of_children = {"StartBatches", "WatchAndStopBatches", "RedriveBatches"}
    assert set(policy) == {"InvokeFunctions", *of_children, "Notify", "DeliverLogs", "WriteTraces"}
    assert policy["InvokeFunctions"]["Action"] == "lambda:InvokeFunction"
    invoked = {_function(part) for part in ("batch", "requeue-communication", "conclude")}
    assert set(policy["InvokeFunctions"]["Resource"]) == invoked
    assert policy["Notify"]["Resource"] == f"arn:aws:sns:eu-west-1:{ACCOUNT}:{NAME}-notifications"


def test_the_state_machine_invokes_what_it_may_invoke_and_nothing_else(plan: Plan):
    for call in ("minimal", "complete", "own_topic", "china"):
        text = plan.one(call, "aws_sfn_state_machine").values["definition"]
        named = set(re.findall(r'"(arn:[^"]+:function:[^"]+)"', text))
        assert named == set(plan.policy(call, "workflow")["InvokeFunctions"]["Resource"])
        assert set(re.findall(r'"TopicArn": "([^"]+)"', text)) == {plan.policy(call, "workflow")["Notify"]["Resource"]}


def test_the_state_machine_may_start_and_watch_the_executions_of_its_children(plan: Plan):
    """https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html"""
    policy = plan.policy("minimal", "workflow")
    start, watch, redrive = (policy[sid] for sid in ("StartBatches", "WatchAndStopBatches", "RedriveBatches"))
    assert (start["Action"], start["Resource"]) == ("states:StartExecution", STATE_MACHINE)
    assert set(watch["Action"]) == {"states:DescribeExecution", "states:StopExecution"}
    assert set(watch["Resource"]) == {f"{EXECUTIONS}:*", f"{EXECUTIONS}/batches:*"}
    assert (redrive["Action"], redrive["Resource"]) == ("states:RedriveExecution", f"{EXECUTIONS}/batches:*")


def test_nobody_else_may_start_an_execution(plan: Plan):
    starters = {
        owner
        for owner in (*FUNCTIONS, "workflow", "schedule")
        for statement in plan.policy("minimal", owner).values()
        if "states:StartExecution" in listed(statement["Action"])
    }
    assert starters == {"list_failed", "workflow"}


def test_the_schedule_may_invoke_the_lister_only(plan: Plan):
    policy = plan.policy("minimal", "schedule")
    assert set(policy) == {"InvokeLister"}
    assert policy["InvokeLister"]["Resource"] == _function("list-failed")


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
