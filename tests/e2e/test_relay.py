"""The example application's relay: what is in its outbox gets to the queue on SQS, whatever ends in between."""

from __future__ import annotations

import json
import threading
import uuid
from contextlib import contextmanager

import boto3
import pytest

from local.application import seed
from local.application.outbox import ACCOUNT, REGION, Relay
from local.application.providers import Providers
from local.application.store import Store
from local.processes import serving
from local.stack import wait_until
from tests.e2e.application import client, composed, empty_store, entry, row


@pytest.fixture
def store(tmp_path) -> Store:
    return empty_store(tmp_path)


@pytest.fixture
def http(store):
    return client(store, Providers(("127.0.0.1", 1), "http://127.0.0.1:1"), has_outbox=True)


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    with serving("local.aws", [], tmp_path_factory.mktemp("aws")) as ready:
        yield ready["url"]


class Queue:
    """A queue, and a role with its name that may send to it; neither is there until `make`."""

    def __init__(self, endpoint: str) -> None:
        self.name = f"queue-{uuid.uuid4().hex}"
        session = boto3.Session("local", "local", region_name=REGION)
        self.sqs = session.client("sqs", endpoint_url=endpoint)
        self.iam = session.client("iam", endpoint_url=endpoint)

    def make(self) -> None:
        self.sqs.create_queue(QueueName=self.name)
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}
        self.iam.create_role(RoleName=self.name, AssumeRolePolicyDocument=policy(trust))
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.name}"
        may = policy({"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn})
        self.iam.put_role_policy(RoleName=self.name, PolicyName="enqueue", PolicyDocument=may)

    def received(self) -> list[dict[str, str]]:
        url = self.sqs.get_queue_url(QueueName=self.name)["QueueUrl"]
        messages = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        return sorted((json.loads(message["Body"]) for message in messages), key=str)


def policy(statement):
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def queue(endpoint):
    return Queue(endpoint)


def test_sends_what_was_composed_as_soon_as_queue_and_role_are_there(store, http, endpoint, queue):
    ids = [composed(http), composed(http, "sms")]
    stop = threading.Event()
    relay = threading.Thread(target=Relay(store, endpoint, queue.name, queue.name).run, args=[stop], daemon=True)
    relay.start()
    stop.wait(0.5)
    assert len(store.query("SELECT * FROM queue")) == 2
    assert {row(store, key)["status"] for key in ids} == {"composed"}
    queue.make()
    wait_until(lambda: not store.query("SELECT * FROM queue"), "the relay", seconds=15)
    stop.set()
    relay.join()
    assert {row(store, key)["status"] for key in ids} == {"queued"}
    wanted = [entry(key, createdBy="application", created=row(store, key)["created"]) for key in ids]
    assert queue.received() == sorted(wanted, key=str)


def test_a_crash_after_sqs_has_it_sends_the_same_entry_again(store, http, endpoint, queue, monkeypatch):
    queue.make()
    store.compose([seed.compose("email", 7)])
    asked = entry("em-7", operation="send.communications", createdBy="redrive")
    http.post("/communications/requeue", json=asked, headers={"Idempotency-Key": "a1"})
    relay = Relay(store, endpoint, queue.name, queue.name)
    with monkeypatch.context() as patch:
        patch.setattr(store, "transaction", dying)
        with pytest.raises(SystemExit):
            relay.work()
    assert [relay.work(), relay.work()] == [True, False]
    assert queue.received() == [asked, asked]


def test_what_was_sent_before_the_relay_notes_it_stays_sent(store, http, endpoint, queue):
    queue.make()
    key = composed(http)
    with store.transaction() as database:
        database.execute("UPDATE communication SET status = 'sent' WHERE id = ?", [key])
    assert Relay(store, endpoint, queue.name, queue.name).work()
    assert row(store, key)["status"] == "sent"


@contextmanager
def dying():
    raise SystemExit
    yield
