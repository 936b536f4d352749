"""What the example application offers the delivery queue's worker: compose, send and given up."""

from __future__ import annotations

import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from local.application import seed
from local.application.providers import TIMEOUT_SECONDS, Providers
from local.application.sending import CLAIM_SECONDS
from local.application.store import Store
from local.sinks import MailSink, SmsGateway
from tests.e2e.application import EMAIL, SMS, client, composed, empty_store, entry, give_up, row, send


@pytest.fixture
def store(tmp_path) -> Store:
    return empty_store(tmp_path)


@pytest.fixture
def mails():
    with MailSink() as sink:
        yield sink


@pytest.fixture
def gateway():
    with SmsGateway() as gateway:
        yield gateway


@pytest.fixture
def providers(mails, gateway) -> Providers:
    return Providers(mails.address, gateway.url)


@pytest.fixture
def http(store, providers):
    return client(store, providers)


class TestComposing:
    def test_an_email_is_a_row_with_sent_0_and_an_entry_in_the_queue(self, http, store):
        answer = http.post("/emails", json=EMAIL)
        assert (answer.status_code, answer.json) == (201, {"id": "em-1001", "sent": 0, "status": "queued"})
        made = row(store, "em-1001")
        assert {name: made[name] for name in EMAIL} == EMAIL
        [queued] = store.query("SELECT id, operation, created_by, created FROM queue")
        assert queued == {
            "id": "em-1001",
            "operation": "send.email",
            "created_by": "application",
            "created": made["created"],
        }

    def test_with_an_outbox_it_is_not_queued_yet(self, store, providers):
        answer = client(store, providers, has_outbox=True).post("/sms", json=SMS)
        assert answer.json == {"id": "1001", "sent": 0, "status": "composed"}

    def test_many_at_once_get_ids_of_their_own(self, store, providers):
        with ThreadPoolExecutor(8) as pool:
            ids = list(pool.map(lambda _: composed(client(store, providers), "sms"), range(16)))
        assert sorted(ids) == [str(number) for number in range(1001, 1017)]

    @pytest.mark.parametrize(
        ("path", "changes", "words"),
        [
            ("/emails", {"recipient": "ada"}, "recipient must be an email address such as"),
            (
                "/emails",
                {"recipient": "ada@customers.example, bo@customers.example"},
                "recipient must be an email address",
            ),
            ("/emails", {"recipient": "ada@customers.example\nBcc: x@y.example"}, "recipient must be an email address"),
            ("/sms", {"recipient": "0701234567"}, "recipient must be a telephone number such as"),
            ("/sms", {"recipient": 46701234567}, "recipient must be a text that is not empty"),
            ("/emails", {"subject": "  "}, "subject must be a text that is not empty"),
            ("/emails", {"subject": "a\nBcc: x@y.example"}, "subject must be one line"),
            ("/emails", {"body": None}, "body must be a text that is not empty"),
            ("/emails", {"body": "half a character: \ud800"}, "body must be a text"),
            ("/sms", {"body": "x" * 1_601}, "body must be 1600 characters at most; it is 1601"),
            ("/sms", {"subject": "an SMS has none"}, "exactly these keys is needed: body, recipient"),
        ],
    )
    def test_what_is_wrong_is_said_in_words_and_nothing_is_written(self, http, store, path, changes, words):
        message = {"/emails": EMAIL, "/sms": SMS}[path]
        answer = http.post(path, data=json.dumps(message | changes), content_type="application/json")
        assert answer.status_code == 400
        assert words in answer.json["error"]
        assert store.query("SELECT * FROM communication") == store.query("SELECT * FROM queue") == []

    def test_the_newest_are_listed_first_for_people(self, http):
        ids = [composed(http), composed(http, "sms"), composed(http)]
        listed = http.get("/communications?limit=2").json
        assert [one["id"] for one in listed["communications"]] == ids[:0:-1]
        assert listed["counts"] == {"email": {"queued": 2}, "sms": {"queued": 1}}
        assert http.get("/communications?limit=101").status_code == 400


class TestSending:
    def test_delivers_marks_as_sent_and_answers_the_same_key_the_same(self, http, store, mails, gateway):
        for primary_id, sink in ((composed(http), mails), (composed(http, "sms"), gateway)):
            first, again = send(http, primary_id, primary_id), send(http, primary_id, primary_id)
            assert (first.status_code, first.json) == (200, {"primaryId": primary_id, "status": "sent"})
            assert (again.status_code, again.json) == (first.status_code, first.json)
            assert sink.references() == [primary_id]
            assert (row(store, primary_id)["sent"], row(store, primary_id)["delivered"]) == (1, 1)

    def test_another_entry_for_what_was_sent_learns_so(self, http, mails):
        primary_id = composed(http)
        assert [send(http, primary_id, key).status_code for key in ("k1", "k2", "k2")] == [200, 409, 409]
        assert mails.references() == [primary_id]

    @pytest.mark.parametrize("is_same_key", [True, False], ids=["duplicates", "entries of their own"])
    def test_twenty_at_once_deliver_once(self, store, providers, mails, is_same_key):
        mails.refusals.seconds = 0.3
        primary_id = composed(client(store, providers))
        keys = ["k" if is_same_key else f"k{number}" for number in range(20)]
        clients = [client(store, providers) for _ in keys]
        together = threading.Barrier(len(keys), timeout=60)  # or 19 would wait for ever for one that cannot come

        def ask(http, key):
            together.wait()
            return send(http, primary_id, key).status_code

        with ThreadPoolExecutor(len(keys)) as pool:
            statuses = Counter(pool.map(ask, clients, keys))
        assert statuses.keys() <= {200, 409, 425}
        assert statuses[200] == 1
        assert mails.references() == [primary_id]
        assert row(store, primary_id)["delivered"] == 1

    def test_trouble_of_a_provider_is_503_until_it_is_over_and_the_same_key_is_sent_then(
        self, http, store, mails, gateway
    ):
        for primary_id, refusals, recipient, said in (
            (composed(http), mails.refusals, EMAIL["recipient"], "SMTP 451"),
            (composed(http, "sms"), gateway.refusals, SMS["recipient"], "gateway 503"),
        ):
            refusals.for_now(recipient, times=2)
            answers = [send(http, primary_id, primary_id) for _ in range(3)]
            assert [answer.status_code for answer in answers] == [503, 503, 200]
            assert answers[0].json == {"error": f"the provider does not take it now: {said}"}
            assert refusals.met[recipient] == 2
            assert row(store, primary_id)["delivered"] == 1

    def test_a_refusal_is_422_and_once_its_cause_is_gone_the_same_key_is_sent(self, http, store, mails, gateway):
        for primary_id, refusals, recipient, said in (
            (composed(http), mails.refusals, EMAIL["recipient"], "SMTP 550"),
            (composed(http, "sms"), gateway.refusals, SMS["recipient"], "gateway 400"),
        ):
            refusals.for_good(recipient)
            answers = [send(http, primary_id, primary_id) for _ in range(2)]
            assert [answer.status_code for answer in answers] == [422, 422]
            assert answers[0].json == {"error": f"the provider refuses it: {said}"}
            assert said in row(store, primary_id)["provider_said"]
            refusals.end()
            assert send(http, primary_id, primary_id).status_code == 200
            assert row(store, primary_id)["provider_said"] is None

    def test_an_outage_is_503_for_everybody_but_the_operators(self, http, mails, gateway):
        mails.refusals.is_down = gateway.refusals.is_down = True
        assert {send(http, composed(http, kind), kind).status_code for kind in ("email", "sms")} == {503}
        assert mails.mails == gateway.texts == []

    def test_a_mail_server_that_takes_it_and_then_says_goodbye_badly_has_it_once(self, http, mails, monkeypatch):
        async def grumble(*_):
            return "451 Not yet"

        monkeypatch.setattr(MailSink, "handle_QUIT", grumble, raising=False)
        primary_id = composed(http)
        assert [send(http, primary_id).status_code for _ in range(2)] == [200, 200]
        assert mails.references() == [primary_id]

    def test_a_provider_that_cannot_be_reached_is_503(self, store):
        http = client(store, Providers(("127.0.0.1", 1), "http://127.0.0.1:1"))
        assert {send(http, composed(http, kind), kind).status_code for kind in ("email", "sms")} == {503}

    @pytest.mark.parametrize("trouble", ["refused:recipient has opted out", "undeliverable"])
    def test_what_nobody_can_deliver_is_refused(self, http, store, mails, trouble):
        store.compose([seed.compose("email", 7, trouble)])
        assert send(http, "em-7").status_code == 422
        assert mails.mails == []

    @pytest.mark.parametrize(
        ("primary_id", "key", "changes", "status"),
        [
            ("em-9", "k", {}, 404),
            ("em-1001", "k", {"operation": "send.sms"}, 404),
            ("em-1001", None, {}, 400),
            ("em-1001", "k", {"primaryId": "em-9"}, 400),
            ("em-1001", "k", {"subject": "x"}, 400),
        ],
    )
    def test_anything_but_an_entry_for_this_communication_delivers_nothing(
        self, http, mails, primary_id, key, changes, status
    ):
        composed(http)
        assert send(http, primary_id, key, **changes).status_code == status
        assert mails.mails == []


class Dying(Providers):
    """The application ends while it delivers."""

    is_taken = False

    def deliver(self, row):
        if self.is_taken:
            super().deliver(row)
        raise SystemExit


class DyingLater(Dying):
    """The application ends when the provider has taken it and before that is noted."""

    is_taken = True


class TestCrashes:
    def lapse(self, store):
        with store.transaction() as database:
            database.execute("UPDATE communication SET claimed_until = claimed_until - ?", [CLAIM_SECONDS])

    def test_before_the_provider_has_it_nothing_is_lost_and_nothing_sent_twice(self, store, providers, mails):
        http = client(store, providers)
        primary_id = composed(http)
        with pytest.raises(SystemExit):
            send(client(store, Dying(providers.smtp, providers.gateway)), primary_id)
        assert send(http, primary_id).status_code == 425
        self.lapse(store)
        assert send(http, primary_id).status_code == 200
        assert mails.references() == [primary_id]

    def test_after_it_nobody_can_know_so_it_is_sent_again_but_not_while_the_claim_holds(self, store, providers, mails):
        http = client(store, providers)
        primary_id = composed(http)
        with pytest.raises(SystemExit):
            send(client(store, DyingLater(providers.smtp, providers.gateway)), primary_id)
        assert [send(http, primary_id).status_code for _ in range(3)] == [425] * 3
        assert mails.references() == [primary_id]
        self.lapse(store)
        assert send(http, primary_id).status_code == 200
        assert mails.references() == [primary_id] * 2

    def test_a_claim_outlasts_the_slowest_provider(self):
        assert CLAIM_SECONDS > 7 * TIMEOUT_SECONDS


class TestGivenUp:
    def test_marks_as_failed_with_the_reason_so_that_the_redrive_finds_it(self, http, store):
        primary_id = composed(http)
        answer = give_up(http, primary_id)
        assert (answer.status_code, answer.json) == (200, {"primaryId": primary_id, "status": "failed"})
        [listed] = http.get("/emails?status=failed").json["emails"]
        assert (listed["id"], listed["reason"]) == (primary_id, "HTTP 503 Service Unavailable")

    def test_changes_nothing_once_it_was_sent(self, http, store):
        primary_id = composed(http)
        send(http, primary_id)
        assert give_up(http, primary_id).json == {"primaryId": primary_id, "status": "sent"}
        assert (row(store, primary_id)["status"], row(store, primary_id)["reason"]) == ("sent", None)

    def test_told_again_it_does_not_take_back_what_was_requeued_since(self, http, store):
        primary_id = composed(http)
        give_up(http, primary_id)
        answer = http.post("/communications/requeue", json=entry(primary_id), headers={"Idempotency-Key": "a1"})
        assert answer.status_code == 202
        assert give_up(http, primary_id).status_code == 200
        assert row(store, primary_id)["status"] == "queued"
        give_up(http, primary_id, "k2:given-up")
        assert row(store, primary_id)["status"] == "failed"

    @pytest.mark.parametrize("changes", [{"reason": ""}, {"reason": 5}, {"receives": 0}, {"receives": True}, {"x": 1}])
    def test_refuses_what_is_no_such_news(self, http, store, changes):
        primary_id = composed(http)
        assert give_up(http, primary_id, **changes).status_code == 400
        assert row(store, primary_id)["status"] == "queued"
