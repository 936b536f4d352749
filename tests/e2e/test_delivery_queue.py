"""The delivery queue end to end: composed, enqueued, worked, tried again, given up, and then the redrive.

On the stack of all tests, with an application that has no queue of its own.
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from itertools import accumulate, chain, pairwise

import boto3
import pytest
from botocore.exceptions import ClientError

from local import runs
from local.stack import MAX_RECEIVES, REGION, wait_until
from local.users import messages
from tests.e2e.delivery_queue import FIRST, Delivery
from tests.e2e.scene import kill

SHARES = {"good": 330, "transient": 80, "refused": 30, "poison": 40}
MALFORMED = [
    "no JSON",
    "[]",
    "null",
    '{"primaryId": "em-1"}',
    '{"primaryId": true, "operation": "send.email", "createdBy": "tests", "created": "2026-11-24T02:15:00Z"}',
    '{"primaryId": "em-1", "operation": "send.email", "createdBy": "tests", "created": "2026-11-24T02:15:00+01:00"}',
    '{"primaryId": "em-1", "operation": "send.email", "createdBy": "tests", "created": "yesterday"}',
    '{"primaryId": "em-1", "operation": "", "createdBy": "tests", "created": "2026-11-24T02:15:00Z"}',
    '{"primaryId": "em-1", "operation": "send.email", "createdBy": "x", "created": "2026-11-24T02:15:00Z", "a@b": 1}',
]
NUMBERED = '{"primaryId": %s, "operation": "send.sms", "createdBy": "tests", "created": "2026-11-24t02:15:00z"}'
UNKNOWN = '{"primaryId": "em-1", "operation": "send.fax", "createdBy": "tests", "created": "2026-11-24T02:15:00Z"}'


@pytest.fixture(scope="module")
def delivery(deployment, tmp_path_factory) -> Iterator[Delivery]:
    with Delivery(deployment, tmp_path_factory.mktemp("delivery-queue")) as delivery:
        yield delivery


class Mix:
    """Some of everything, in an order drawn with a fixed seed, and what was done to it."""

    def __init__(self, delivery: Delivery) -> None:
        rolls = random.Random(4)
        written = messages(FIRST, sum(SHARES.values()))
        rolls.shuffle(written)
        bounds = [0, *accumulate(SHARES.values())]
        self.kinds = {kind: written[start:end] for kind, (start, end) in zip(SHARES, pairwise(bounds), strict=True)}
        for message in self.kinds["transient"]:
            delivery.stack.refusals(message).for_now(message["recipient"], times=rolls.randrange(1, MAX_RECEIVES))
        for message in self.kinds["poison"]:
            delivery.stack.refusals(message).for_now(message["recipient"])
        for message in self.kinds["refused"]:
            delivery.stack.refusals(message).for_good(message["recipient"])
        self.malformed = MALFORMED * 3 + [UNKNOWN]
        everything = list(chain.from_iterable(self.kinds.values()))
        rolls.shuffle(everything)
        sender = threading.Thread(target=delivery.enqueue, args=self.malformed)
        sender.start()
        ids = dict(zip((id(message) for message in everything), delivery.compose(everything), strict=True))
        sender.join()
        self.ids = {kind: [ids[id(message)] for message in group] for kind, group in self.kinds.items()}
        delivery.ends()
        self.letters = delivery.letters()


@pytest.fixture(scope="module")
def mix(delivery) -> Mix:
    """508 entries, all of which have come to an end."""
    return Mix(delivery)


def test_what_is_good_and_what_is_only_late_is_delivered_exactly_once(delivery, mix):
    assert delivery.delivered_once(mix.ids["good"] + mix.ids["transient"]) == []
    assert {delivery.tries(message) for message in mix.kinds["transient"]} == {1, MAX_RECEIVES - 1}


def test_everything_else_is_a_dead_letter_with_its_reason_and_nothing_is_both_or_neither(mix):
    found = [letter for letter in mix.letters if letter.body not in mix.malformed]
    assert {letter.primary_id for letter in found} == {*mix.ids["refused"], *mix.ids["poison"]}
    entries = {letter.primary_id: letter for letter in found}
    refused = {
        (one.reason, one.receives, one.application_told) for key, one in entries.items() if key in mix.ids["refused"]
    }
    assert refused == {("HTTP 422 Unprocessable Content", 1, True)}
    poison = {(one.receives, one.application_told) for key, one in entries.items() if key in mix.ids["poison"]}
    assert poison == {(MAX_RECEIVES, True)}
    assert all("HTTP 503" in one.reason for key, one in entries.items() if key in mix.ids["poison"])


def test_what_is_no_entry_is_a_dead_letter_at_once_as_it_came(mix):
    odd = [letter for letter in mix.letters if letter.body in mix.malformed]
    assert {letter.body for letter in odd} == {*mix.malformed}
    assert {letter.receives for letter in odd} == {1}
    assert all(letter.reason.startswith(("not an entry", "no path for operation send.fax")) for letter in odd)


def test_nothing_is_received_or_tried_more_often_than_asked(delivery, mix):
    assert max(letter.receives for letter in mix.letters) == MAX_RECEIVES
    assert {delivery.tries(message) for message in mix.kinds["poison"]} == {MAX_RECEIVES}
    assert {delivery.tries(message) for message in mix.kinds["refused"]} == {1}


def test_the_application_knows_what_was_given_up_and_why(delivery, mix):
    assert delivery.never_delivered(mix.ids["refused"] + mix.ids["poison"]) == []
    assert {row["reason"] for row in delivery.rows(mix.ids["refused"]).values()} == {"HTTP 422 Unprocessable Content"}


def test_no_text_of_what_is_no_entry_is_logged(delivery, mix):
    text = json.dumps(runs.log(delivery.stack, "worker"))
    assert "a@b" not in text
    for row in delivery.store.query("SELECT recipient, body FROM communication"):
        assert row["recipient"] not in text
        assert row["body"] not in text


def test_the_redrive_recovers_whatever_was_cured_and_the_dead_letters_go_back_without_a_second_delivery(delivery, mix):
    cured = mix.kinds["refused"][:15]
    cured_ids, sick_ids = mix.ids["refused"][:15], mix.ids["refused"][15:]
    delivery.stack.let_providers_recover()
    for message in mix.kinds["refused"]:
        if message not in cured:
            delivery.stack.refusals(message).for_good(message["recipient"])
    answer = delivery.deployed.run()
    assert answer["eligible"] == len(mix.ids["refused"] + mix.ids["poison"]), answer
    assert delivery.deployed.ended(answer).counts().keys() == {"requeued"}
    delivery.ends()
    assert delivery.delivered_once(cured_ids + mix.ids["poison"]) == []
    assert delivery.never_delivered(sick_ids) == []
    # the runbook: what was sent meanwhile goes away, what is still refused becomes a dead letter again
    before = delivery.letters()
    delivery.move_back()
    after = delivery.letters()
    assert {letter.primary_id for letter in after if letter.body not in mix.malformed} == set(sick_ids)
    assert {letter.body for letter in after} == {
        one.body for one in before if one.primary_id in sick_ids or one.body in mix.malformed
    }
    assert {letter.reason for letter in after if letter.primary_id in sick_ids} == {"HTTP 422 Unprocessable Content"}
    assert delivery.delivered_once(cured_ids + mix.ids["poison"] + mix.ids["good"] + mix.ids["transient"]) == []
    delivery.drop()


def test_a_worker_killed_in_the_middle_of_its_batches_loses_and_doubles_nothing(delivery):
    sqs, url = delivery.stack.client("sqs"), delivery.queue["url"]
    before = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "30"})  # not to wait for eleven minutes
    for provider in (delivery.stack.mails, delivery.stack.gateway):
        provider.refusals.seconds = 0.2
    ids = delivery.compose(messages(FIRST + 10_000, 60))
    sent = "SELECT count(*) AS n FROM communication WHERE number > ? AND sent = 1"
    first = min(int(key.removeprefix("em-")) for key in ids)
    wait_until(lambda: delivery.store.query(sent, first - 1)[0]["n"] >= 8, "the first deliveries")
    assert kill(delivery.stack, "worker") >= 1
    assert delivery.store.query(sent, first - 1)[0]["n"] < 60
    delivery.stack.let_providers_recover()
    delivery.ends()
    sqs.set_queue_attributes(QueueUrl=url, Attributes=before)
    assert delivery.delivered_once(ids) == []
    assert delivery.letters() == []


def test_an_id_that_is_a_number_is_the_same_communication(delivery):
    sms = [message for message in messages(FIRST + 30_000, 7) if message["kind"] == "sms"][:1]
    [key] = delivery.compose(sms)
    delivery.enqueue(NUMBERED % key)
    delivery.ends()
    assert delivery.delivered_once([key]) == []
    assert delivery.letters() == []


def test_the_policy_output_is_enough_to_enqueue_and_for_nothing_else(delivery):
    stack, queue = delivery.stack, delivery.queue
    role = stack.client("iam").get_role(RoleName="application")["Role"]["Arn"]
    taken = stack.client("sts").assume_role(RoleArn=role, RoleSessionName="tests")["Credentials"]
    session = boto3.Session(taken["AccessKeyId"], taken["SecretAccessKey"], taken["SessionToken"], region_name=REGION)
    [statement] = json.loads(queue["enqueue_policy"])["Statement"]
    assert (statement["Action"], statement["Resource"]) == ("sqs:SendMessage", queue["arn"])
    sqs, url = session.client("sqs", endpoint_url=stack.endpoint), queue["url"]
    [key] = delivery.compose(messages(FIRST + 20_000, 1))
    delivery.ends()
    row = delivery.rows([key])[key]
    body = json.dumps(
        {"primaryId": key, "operation": "send.communications", "createdBy": "x", "created": row["created"]}
    )
    sqs.send_message(QueueUrl=url, MessageBody=body)
    sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": "1", "MessageBody": body}])
    delivery.ends()
    assert delivery.delivered_once([key]) == []  # it was sent already, said the application

    def ask(service, operation, **asked):
        client = session.client(service, endpoint_url=stack.endpoint)
        with pytest.raises(ClientError, match=r"AccessDenied|not authorized"):
            getattr(client, operation)(**asked)

    ask("sqs", "receive_message", QueueUrl=url)
    ask("sqs", "delete_message", QueueUrl=url, ReceiptHandle="handle")
    ask("sqs", "change_message_visibility", QueueUrl=url, ReceiptHandle="handle", VisibilityTimeout=1)
    ask("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["All"])
    ask("sqs", "set_queue_attributes", QueueUrl=url, Attributes={"VisibilityTimeout": "1"})
    ask("sqs", "purge_queue", QueueUrl=url)
    ask("sqs", "delete_queue", QueueUrl=url)
    ask("sqs", "send_message", QueueUrl=queue["dead_letter_url"], MessageBody=body)
    ask("sqs", "start_message_move_task", SourceArn=queue["dead_letter_arn"])
    ask("sqs", "list_queues")
    ask("lambda", "invoke", FunctionName=stack.outputs["function_names"]["worker"])
    ask("dynamodb", "scan", TableName=stack.outputs["ledger_table_name"])
