"""The delivery queue: two queues, a worker, and for each role what it needs of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from redrive.settings import AuthType, QueueSettings, WorkerSettings
from tests.plan.configurations import KEY, QUEUE_NAMES, WITH_QUEUE
from tests.plan.planned import Plan, listed

WITHOUT = ["minimal", "weekly", "daily"]

DAY = 86400
ARN = "arn:aws:sqs:eu-west-1:123456789012:"


def _queue(plan: Plan, call: str) -> dict[str, Any]:
    return plan.one(call, "aws_sqs_queue", "aws_sqs_queue.this").values


def _dead_letters(plan: Plan, call: str) -> dict[str, Any]:
    return plan.one(call, "aws_sqs_queue", "aws_sqs_queue.dead_letters").values


def _mapping(plan: Plan, call: str) -> dict[str, Any]:
    return plan.one(call, "aws_lambda_event_source_mapping").values


def _worker(plan: Plan, call: str) -> dict[str, Any]:
    return plan.one(call, "aws_lambda_function", "module.worker.").values


def _settings(plan: Plan, call: str) -> WorkerSettings:
    return WorkerSettings.from_environment(plan.environment(call, "worker"))


@pytest.mark.parametrize("call", WITHOUT)
def test_nothing_of_it_is_there_where_it_is_not_asked_for(plan: Plan, call: str):
    everything = [resource.address for resource in plan.resources if resource.call == call]
    assert everything
    assert not [address for address in everything if ".module.queue" in address or "_sqs_" in address]
    assert "worker" not in json.dumps([role.values for role in plan.of(call, "aws_iam_role")])


def test_the_output_is_null_without_it_and_says_everything_of_it_with_it(plan: Plan):
    assert plan.output("weekly_queue") is None
    of_china = plan.output("china_queue")
    place = "cn-north-1:123456789012"
    assert (
        json.loads(of_china.pop("enqueue_policy"))["Statement"][0]["Resource"]
        == f"arn:aws-cn:sqs:{place}:china-test-queue"
    )
    assert of_china == {
        "url": "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/china-test-queue",
        "arn": f"arn:aws-cn:sqs:{place}:china-test-queue",
        "name": "china-test-queue",
        "dead_letter_url": "https://sqs.cn-north-1.amazonaws.com.cn/123456789012/china-test-dead-letters",
        "dead_letter_arn": f"arn:aws-cn:sqs:{place}:china-test-dead-letters",
        "dead_letter_name": "china-test-dead-letters",
    }  # and the id of the event source mapping, which AWS gives
    assert plan.shown["output_changes"]["china_queue"]["after_unknown"]["event_source_mapping_uuid"] is True


@pytest.mark.parametrize("call", WITH_QUEUE)
def test_the_worker_understands_its_environment_and_is_told_of_the_two_queues(plan: Plan, call: str):
    settings = _settings(plan, call).queue
    assert settings.queue_url.endswith(f"/123456789012/{_queue(plan, call)['name']}")
    assert settings.dead_letter_queue_url.endswith(f"/123456789012/{_dead_letters(plan, call)['name']}")
    assert settings.queue_url.startswith("https://sqs.")
    assert "null" not in json.dumps(plan.environment(call, "worker"))
    assert plan.one(call, "aws_lambda_function", "module.worker.").values["handler"] == "worker.handler.handler"


def test_the_worker_is_told_what_the_inputs_say(plan: Plan):
    said = _settings(plan, "complete")
    assert said.queue == QueueSettings(
        paths={"send.email": "/emails/{primaryId}/send", "send.sms": "/sms/{primaryId}/send"},
        queue_url="https://sqs.eu-west-1.amazonaws.com/123456789012/letters-redrive-production-queue",
        dead_letter_queue_url="https://sqs.eu-west-1.amazonaws.com/123456789012/letters-redrive-production-dead-letters",
        method="PUT",
        given_up_path="/letters/{primaryId}/given-up",
        ttl_seconds=600,
        backoff_rate=3,
        max_receives=6,
    )
    assert said.api.auth.type is AuthType.OAUTH2_CLIENT_CREDENTIALS
    assert (said.api.connect_timeout_seconds, said.api.read_timeout_seconds) == (3, 30)  # the worker's, not the API's


def test_where_nothing_is_said_it_is_what_the_package_has_for_it(plan: Plan):
    said = _settings(plan, 'twins["castor"]').queue
    assert said == QueueSettings(said.paths, said.queue_url, said.dead_letter_queue_url)


def test_the_module_and_the_part_alone_have_the_same_defaults(plan: Plan):
    of_module, alone = _settings(plan, 'twins["castor"]').queue, _settings(plan, "delivery_queue").queue
    for name in ("method", "ttl_seconds", "backoff_rate", "max_receives"):
        assert getattr(of_module, name) == getattr(alone, name)
    for read in (_queue, _dead_letters, _mapping, _worker):
        one, other = read(plan, 'twins["castor"]'), read(plan, "delivery_queue")
        different = {key for key in one if one[key] != other[key]}
        names = {"name", "function_name", "description", "policy", "redrive_policy", "redrive_allow_policy"}
        assert different <= {*names, "event_source_arn", "environment", "logging_config"}


@pytest.mark.parametrize("call", WITH_QUEUE)
def test_what_was_received_too_often_goes_to_the_dead_letters_and_they_take_it_from_this_queue_alone(
    plan: Plan, call: str
):
    queue, dead_letters = _queue(plan, call), _dead_letters(plan, call)
    partition, region = ("aws-cn", "cn-north-1") if call == "china" else ("aws", "eu-west-1")
    arn = f"arn:{partition}:sqs:{region}:123456789012:"
    assert json.loads(queue["redrive_policy"]) == {
        "deadLetterTargetArn": arn + dead_letters["name"],
        "maxReceiveCount": _settings(plan, call).queue.max_receives,
    }
    assert json.loads(dead_letters["redrive_allow_policy"]) == {
        "redrivePermission": "byQueue",
        "sourceQueueArns": [arn + queue["name"]],
    }
    assert dead_letters["name"].removesuffix("-dead-letters") == queue["name"].removesuffix("-queue")


def test_a_message_is_kept_as_long_as_the_inputs_say(plan: Plan):
    for call in ("complete", "delivery_queue"):
        kept = {queue.address: queue.values["message_retention_seconds"] for queue in plan.of(call, "aws_sqs_queue")}
        assert sorted(kept.values()) == [7 * DAY, 14 * DAY]
        assert max(kept, key=kept.get).endswith(".dead_letters")  # or what SQS moves itself would be gone too early


@pytest.mark.parametrize(
    ("call", "seconds"),
    [
        ("delivery_queue", 10 * (5 + 20) + 15),
        ("complete", 5 * (3 + 30) + 15),
        ("largest", 10 * (5 + 83.5) + 15),
    ],
)
def test_the_worker_has_time_for_every_entry_of_a_batch_and_its_messages_stay_hidden_meanwhile(
    plan: Plan, call: str, seconds: int
):
    assert _worker(plan, call)["timeout"] == seconds <= 900
    assert _queue(plan, call)["visibility_timeout_seconds"] == 6 * seconds <= 43200


def test_the_queue_hands_over_batches_of_which_each_entry_fails_alone(plan: Plan):
    mapping = _mapping(plan, "complete")
    assert mapping["function_response_types"] == ["ReportBatchItemFailures"]
    assert (mapping["batch_size"], mapping["enabled"]) == (5, True)
    assert mapping["scaling_config"] == [{"maximum_concurrency": 20}]
    assert mapping["event_source_arn"] == f"{ARN}letters-redrive-production-queue"
    assert mapping["function_name"].endswith(":function:letters-redrive-production-worker")
    assert _mapping(plan, "own_topic")["enabled"] is False  # paused
    assert _mapping(plan, "delivery_queue")["batch_size"] == 10


@pytest.mark.parametrize("call", ["delivery_queue", "complete"])
def test_the_worker_may_do_with_the_queues_what_its_code_does_and_no_more(plan: Plan, call: str):
    policy = plan.policy(call, "worker")
    queues = {sid: policy[sid] for sid in policy if "sqs:" in str(policy[sid]["Action"])}
    assert queues == {
        "WorkOffTheQueue": {
            "Sid": "WorkOffTheQueue",
            "Effect": "Allow",
            "Action": [
                "sqs:ReceiveMessage",
                "sqs:GetQueueAttributes",
                "sqs:DeleteMessage",
                "sqs:ChangeMessageVisibility",
            ],
            "Resource": f"{ARN}{QUEUE_NAMES[call]}-queue",
        },
        "GiveUp": {
            "Sid": "GiveUp",
            "Effect": "Allow",
            "Action": "sqs:SendMessage",
            "Resource": f"{ARN}{QUEUE_NAMES[call]}-dead-letters",
        },
    }
    of_every_function = {"WriteLogs", "WriteTraces"}
    with_key = {"UseTheQueuesKey", "DecryptEnvironment", "DecryptSecretsOfTheApi"} if call == "complete" else set()
    network = {"ConnectToTheNetwork", "KeepTheNetworkFromTheCode"} if call == "complete" else set()
    assert set(policy) - set(queues) == {"ReadSecretsOfTheApi"} | of_every_function | with_key | network


def test_the_application_may_send_to_the_queue_and_nothing_else(plan: Plan):
    enqueue = plan.one("delivery_queue", "aws_iam_role_policy", "aws_iam_role_policy.enqueue").values["policy"]
    assert json.loads(enqueue)["Statement"] == [
        {"Sid": "Enqueue", "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": f"{ARN}shop-production-queue"}
    ]


def test_with_a_key_the_worker_and_the_application_use_it_through_sqs_alone(plan: Plan):
    for queue in plan.of("complete", "aws_sqs_queue"):
        assert queue.values["kms_master_key_id"] == KEY
    [enqueue] = [
        statement
        for statement in json.loads(plan.output("complete_queue")["enqueue_policy"])["Statement"]
        if statement["Sid"] != "Enqueue"
    ]
    assert enqueue == plan.policy("complete", "worker")["UseTheQueuesKey"]
    assert set(enqueue["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey"}
    assert enqueue["Resource"] == KEY
    assert enqueue["Condition"] == {"StringEquals": {"kms:ViaService": "sqs.eu-west-1.amazonaws.com"}}


def test_without_a_key_sqs_encrypts_with_its_own(plan: Plan):
    for queue in plan.of("delivery_queue", "aws_sqs_queue"):
        assert (queue.values["sqs_managed_sse_enabled"], queue.values["kms_master_key_id"]) == (True, None)


@pytest.mark.parametrize("call", WITH_QUEUE)
def test_no_queue_takes_a_request_without_tls(plan: Plan, call: str):
    queues = plan.of(call, "aws_sqs_queue")
    assert len(queues) == 2
    for queue in queues:
        [statement] = json.loads(queue.values["policy"])["Statement"]
        assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "sqs:*")
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert statement["Resource"].endswith(f":{queue.values['name']}")


def test_the_worker_alone_brings_its_layers_and_in_the_module_shares_those_of_the_others(plan: Plan):
    assert len(plan.of("delivery_queue", "aws_lambda_layer_version")) == 1
    assert len(plan.of("complete", "aws_lambda_layer_version")) == 1
    assert not [layer for layer in plan.of("complete", "aws_lambda_layer_version") if "module.queue" in layer.address]


def test_the_worker_runs_as_the_inputs_say(plan: Plan):
    worker = _worker(plan, "complete")
    assert (worker["memory_size"], worker["reserved_concurrent_executions"]) == (256, 20)
    assert len(listed(worker["vpc_config"])) == 1
    assert _worker(plan, 'delivery_queues["helen"]')["environment"][0]["variables"]["POWERTOOLS_LOG_LEVEL"] == "DEBUG"
