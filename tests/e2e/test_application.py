"""The example application and the sinks on their own: what others are tested against must be right."""

from __future__ import annotations

import smtplib
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage

import pytest
from flask.testing import FlaskClient

from local.application import seed
from local.application.api import create
from local.application.providers import Providers
from local.application.store import Store
from local.application.worker import Worker
from local.sinks import MailSink, SmsGateway
from tests.e2e.application import client, empty_store, entry, row

NOWHERE = Providers(("127.0.0.1", 1), "http://127.0.0.1:1")
"""Providers that do not answer."""


@pytest.fixture
def store(tmp_path) -> Store:
    store = empty_store(tmp_path)
    seed.fill(store, failed=47)
    return store


@pytest.fixture
def http(store) -> FlaskClient:
    return client(store, NOWHERE)


def requeue(http, primary_id="em-1001", key="k1", **changes):
    asked = {name: value for name, value in entry(primary_id, **changes).items() if value is not ...}
    return http.post("/communications/requeue", json=asked, headers={"Idempotency-Key": key} if key else {})


def troubled(store, trouble):
    return store.query("SELECT id FROM communication WHERE trouble LIKE ?", f"{trouble}%")[0]["id"]


def healthy(store, kind):
    rows = store.query("SELECT id FROM communication WHERE status = 'failed' AND trouble IS NULL AND kind = ?", kind)
    return [row["id"] for row in rows]


class TestTheSeed:
    def test_47_failed_are_27_emails_and_20_sms_of_which_4_are_refused_and_1_never_recovers(self, store):
        outcomes = seed.expected(store)
        assert Counter(outcomes.values()) == {"requeued": 42, "refused": 4, "failed": 1}
        counts = store.counts()
        assert (counts["email"]["failed"], counts["sms"]["failed"]) == (27, 20)
        flaky = store.query("SELECT count(*) AS n FROM communication WHERE trouble = 'flaky:2'")
        assert flaky[0]["n"] == 5

    def test_whoever_lists_first_half_by_half_meets_none_that_fails_for_good(self, store):
        outcomes = seed.expected(store)
        for first in ("em-", "5"):
            kind = [outcome for key, outcome in outcomes.items() if key.startswith(first)]
            assert set(kind[: len(kind) // 2]) == {"requeued"}
            assert set(kind) > {"requeued"}

    @pytest.mark.parametrize("failed", [10, 11, 25, 200, 1000])
    def test_other_sizes_have_their_share_of_every_trouble(self, tmp_path, failed):
        store = Store(tmp_path / "other.db")
        seed.fill(store, failed)
        kinds = [trouble.partition(":")[0] for trouble in seed.distribute(failed).values()]
        for kind, share in (("refused", 4), ("flaky", 5), ("down", 1)):
            assert kinds.count(kind) == max(1, round(failed * share / 47))
        assert len(seed.expected(store)) == failed

    def test_it_is_the_same_every_time(self, store, tmp_path):
        other = Store(tmp_path / "other.db")
        seed.fill(other, failed=47)
        everything = "SELECT * FROM communication ORDER BY number"
        assert store.query(everything) == other.query(everything)


class TestListing:
    def test_needs_a_valid_token(self, store):
        anyone = create(store, NOWHERE).test_client()
        assert anyone.get("/emails").status_code == 401
        assert anyone.get("/emails", headers={"Authorization": "Bearer wrong"}).status_code == 401
        assert anyone.get("/health").status_code == 200

    def test_emails_page_by_a_cursor_and_none_is_missing_or_twice(self, http, store):
        ids, cursor = [], None
        while True:
            query = {"status": "failed", "limit": 10} | ({"cursor": cursor} if cursor else {})
            page = http.get("/emails", query_string=query).json
            ids += [item["id"] for item in page["emails"]]
            cursor = page["next_cursor"]
            if not cursor:
                break
        assert ids == [key for key in seed.expected(store) if key.startswith("em-")]

    def test_sms_page_by_number_and_have_ids_that_are_numbers(self, http):
        pages = [http.get("/sms", query_string={"status": "failed", "limit": 8, "page": n}).json for n in (1, 2, 3, 4)]
        assert [len(page["sms"]) for page in pages] == [8, 8, 4, 0]
        assert {page["pages"] for page in pages} == {3}
        assert all(isinstance(item["id"], int) for page in pages for item in page["sms"])

    def test_filters_by_time_of_creation(self, http):
        everything = [item["created"] for item in http.get("/emails?status=failed").json["emails"]]
        after, before = sorted(everything)[5], sorted(everything)[20]
        query = {"status": "failed", "created_after": after, "created_before": before}
        between = [item["created"] for item in http.get("/emails", query_string=query).json["emails"]]
        assert sorted(between) == [created for created in sorted(everything) if after < created < before]

    @pytest.mark.parametrize(
        "query",
        [
            "status=lost",
            "limit=0",
            "limit=101",
            "limit=ten",
            "cursor=no",
            "cursor=YWZ0ZXI6OTk5OTk5OTk5OTk5OTk5OTk5OTk5",
            "cursor=",
            "created_after=now",
            "created_after=",
            "created_before=1",
            "created_before=2026-W01-1T00:00:00Z",
            "status=",
            "status=failed&status=sent",
            "limit=" + 5000 * "1",
        ],
    )
    def test_says_which_parameter_is_wrong(self, http, query):
        answer = http.get(f"/emails?{query}")
        assert answer.status_code == 400
        assert query.partition("=")[0] in answer.json["error"]

    def test_refuses_a_parameter_that_it_would_ignore(self, http):
        answer = http.get("/emails?state=failed")
        assert answer.status_code == 400
        assert "status" in answer.json["error"]

    def test_says_which_methods_there_are_and_how_to_authenticate(self, http, store):
        assert set(http.put("/sms").headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}
        refused = create(store, NOWHERE).test_client().get("/sms")
        assert (refused.headers["WWW-Authenticate"], refused.content_type) == ("Bearer", "application/json")


class TestRequeue:
    def test_queues_a_failed_communication_and_counts_it(self, http, store):
        assert requeue(http).status_code == 202
        assert (row(store, "em-1001")["status"], row(store, "em-1001")["enqueued"]) == ("queued", 1)

    def test_the_same_key_again_gets_the_same_answer_and_enqueues_nothing(self, http, store):
        first, second = requeue(http), requeue(http)
        assert (first.status_code, first.json) == (second.status_code, second.json)
        assert len(store.query("SELECT * FROM queue")) == row(store, "em-1001")["enqueued"] == 1

    def test_another_key_learns_that_it_is_queued_already(self, http, store):
        requeue(http)
        assert requeue(http, key="k2").status_code == 409
        assert row(store, "em-1001")["enqueued"] == 1

    def test_two_at_the_same_moment_enqueue_once(self, http, store):
        with ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(lambda n: requeue(client(store, NOWHERE), key=f"k{n}").status_code, range(8)))
        assert sorted(statuses) == [202] + [409] * 7
        assert len(store.query("SELECT * FROM queue")) == 1

    def test_a_flaky_one_answers_503_twice_and_then_queues_under_the_same_key(self, http, store):
        flaky = troubled(store, "flaky")
        assert [requeue(http, flaky).status_code for _ in range(4)] == [503, 503, 202, 202]
        assert row(store, flaky)["enqueued"] == 1

    def test_a_refused_one_is_never_enqueued(self, http, store):
        refused = troubled(store, "refused")
        answer = requeue(http, refused)
        assert (answer.status_code, answer.json) == (422, {"error": "recipient has opted out"})
        assert row(store, refused)["enqueued"] == 0

    def test_one_that_never_recovers_answers_503_every_time(self, http, store):
        assert {requeue(http, troubled(store, "down")).status_code for _ in range(5)} == {503}

    def test_a_slow_one_stays_listed_and_would_be_queued_once_more_under_another_key(self, http, store):
        store.compose([seed.compose("email", 7, "slow:60")])
        assert [requeue(http, "em-7", key).status_code for key in ("k1", "k1", "k2")] == [202] * 3
        assert (row(store, "em-7")["status"], row(store, "em-7")["enqueued"]) == ("failed", 2)
        assert Worker(store, NOWHERE).work() is False  # not due

    @pytest.mark.parametrize(("primary_id", "operation"), [("em-9", "send.email"), ("em-1001", "send.sms")])
    def test_does_not_know_an_id_of_nobody_or_of_another_kind(self, http, primary_id, operation):
        assert requeue(http, primary_id, operation=operation).status_code == 404

    def test_takes_the_general_operation_for_either_kind(self, http, store):
        sms = healthy(store, "sms")[0]
        assert requeue(http, "em-1001", operation="send.communications").status_code == 202
        assert requeue(http, sms, key="k2", operation="send.communications").status_code == 202

    @pytest.mark.parametrize(
        "changes",
        [
            {"primaryId": 5.5},
            {"primaryId": ""},
            {"createdBy": ...},
            {"createdBy": None},
            {"subject": "x"},
            {"created": "now"},
            {"created": "2026-11-24T02:15:00"},
            {"created": "2026-11-24T02:15:00+01:00"},
            {"created": "2026-02-30T02:15:00Z"},
            {"operation": "send.pigeon"},
            {"createdBy": "half a character: \ud800"},
            {"primaryId": "\udfff"},
            {"primaryId": 129 * "x"},
            {"createdBy": 129 * "x"},
        ],
    )
    def test_refuses_anything_but_a_queue_entry(self, http, store, changes):
        assert requeue(http, **changes).status_code == 400
        assert store.query("SELECT * FROM queue") == []

    def test_refuses_a_body_that_is_not_json_and_a_request_without_key(self, http):
        headers = {"Idempotency-Key": "k"}
        assert http.post("/communications/requeue", data="<html>", headers=headers).status_code == 400
        deep = http.post(
            "/communications/requeue", data=100_000 * "[", headers=headers, content_type="application/json"
        )
        assert deep.status_code == 400
        assert requeue(http, key=None).status_code == 400
        assert requeue(http, key="not a key").status_code == 400


class TestTheWorker:
    def test_delivers_emails_and_sms_once_and_marks_them_sent(self, http, store):
        sms = healthy(store, "sms")[0]
        emails = healthy(store, "email")[:2]
        for key in (*emails, sms):
            requeue(http, key, key=key)
        with MailSink() as mails, SmsGateway() as gateway:
            worker = Worker(store, Providers(mails.address, gateway.url))
            assert [worker.work() for _ in range(4)] == [True, True, True, False]
            assert mails.references() == emails
            assert gateway.references() == [sms]
            assert mails.mails[0].recipient == row(store, emails[0])["recipient"]
        for key in (*emails, sms):
            assert {name: row(store, key)[name] for name in ("sent", "status", "enqueued", "delivered")} == {
                "sent": 1,
                "status": "sent",
                "enqueued": 1,
                "delivered": 1,
            }

    def test_tries_again_while_the_provider_is_away_and_gives_up_after_the_last_attempt(self, http, store):
        requeue(http)
        worker = Worker(store, NOWHERE, attempts=2, wait=0)
        assert [worker.work() for _ in range(3)] == [True, True, False]
        failed = row(store, "em-1001")
        assert (failed["sent"], failed["status"], failed["delivered"]) == (0, "failed", 0)
        assert "ConnectionRefusedError" in failed["reason"]

    def test_gives_up_at_once_what_nobody_can_deliver_and_it_may_be_requeued_again(self, http, store):
        store.compose([seed.compose("sms", 7, "undeliverable")])
        worker = Worker(store, NOWHERE)
        for key in ("k1", "k2"):
            assert requeue(http, "7", key).status_code == 202
            assert [worker.work(), worker.work()] == [True, False]
            assert row(store, "7")["status"] == "failed"
        assert (row(store, "7")["enqueued"], row(store, "7")["delivered"]) == (2, 0)

    def test_stops_when_told(self, store):
        stop = threading.Event()
        thread = threading.Thread(target=Worker(store, NOWHERE).run, args=[stop], daemon=True)
        thread.start()
        stop.set()
        thread.join(timeout=60)
        assert not thread.is_alive()


def test_the_mail_sink_tells_the_mails_of_customers_from_those_of_the_operators():
    with MailSink() as sink, smtplib.SMTP(*sink.address) as server:
        for recipient in ("ada@customers.example", "ops@example.com"):
            message = EmailMessage()
            message["From"], message["To"], message["Subject"] = "a@example.com", recipient, "Hello"
            message.set_content("line one\nline two\n")
            server.send_message(message)
    assert [(mail.recipient, mail.body) for mail in sink.notifications()] == [
        ("ops@example.com", "line one\nline two\n")
    ]
