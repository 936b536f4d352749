"""The function ledger_admin: what a person sees and may change, and that each change says who and why."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from ledger_admin import handler as ledger_admin
from redrive import clock
from redrive.control import Controls
from redrive.errors import ConfigurationError, LedgerUnavailable
from redrive.ledger import Ledger
from redrive.ledger_rules import Claim, State
from redrive.models import Communication
from redrive.orders import Call, Named, order_of
from redrive.parsing import camel_case
from redrive.runs import Breaker, Lock, Runs
from redrive.showing import run_under_way
from redrive.table import Key, Table
from redrive.waiting import GROUPS, Group, Waiting
from tests.runbook import RUNBOOK
from tests.unit.desk import (
    ANN,
    BOTH,
    EMAIL,
    GONE,
    GONE_GROUP,
    NAMED,
    SMS,
    UNKNOWN_GROUP,
    WHO,
    Later,
    all_listed,
    email,
    groups,
    ids,
    invoke,
    wait,
)
from tests.unit.running import Running, all_get, emails
from tests.unit.support import A_LEASE, ONE_COOLDOWN, Context, TableFront, Time, concluded, entry_of, made_manual

LONG = "x" * 1001
"""More than a key of the table may have."""

NOTHING_IN_FORCE = dict.fromkeys(("pausedUntil", "pausedSince", "maxRequestsPerSecond", "stoppedRun")) | {
    "by": "",
    "why": "",
}


@pytest.fixture(autouse=True)
def _sandbox(later: Later, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("redrive.looking.PAGE", 4)


# Looking


def test_groups_say_how_many_since_when_and_name_a_few(pile: None, context: Context) -> None:
    found = {group.pop("group"): group for group in invoke(context, "groups")["groups"]}
    assert {name: group["count"] for name, group in found.items()} == {
        GONE_GROUP: 6,
        UNKNOWN_GROUP: 4,
        "sms/410/gone": 1,
    }
    group = found[GONE_GROUP]
    oldest, newest = (datetime.fromisoformat(group[name]).timestamp() for name in ("oldest", "newest"))
    assert newest - oldest == pytest.approx(3600, abs=5)
    assert (group["operation"], group["error"], group["ids"]) == ("send.email", GONE, ["003", "004", "005"])


def test_a_run_that_is_concluded_again_does_not_count_again(ledger: Ledger, table: Table, context: Context) -> None:
    wait(ledger, table, EMAIL)
    Waiting(table).add(Group.of(entry_of(ledger, EMAIL)), "earlier")
    assert groups(context) == {GONE_GROUP: 1}


def test_what_waits_can_be_narrowed_the_oldest_of_a_group_first(pile: None, context: Context) -> None:
    emails = [f"{number:03}" for number in range(10)]
    for narrowed, expected in (
        ({}, [*emails, "7"]),
        ({"source": "sms"}, ["7"]),
        ({"source": "fax"}, []),
        ({"error": "410"}, [*emails[:6], "7"]),
        ({"group": UNKNOWN_GROUP}, emails[6:]),
        ({"olderThanSeconds": 1800}, emails[:3]),
        ({"olderThanSeconds": 7200}, []),
        ({"source": "sms", "error": "422"}, []),
    ):
        assert all_listed(context, limit=100, **narrowed) == expected, narrowed


def test_pages_follow_each_other_through_the_groups_to_the_end(pile: None, context: Context) -> None:
    for limit in (1, 4, 7):
        found: list[str] = []
        event: dict[str, Any] = {}
        while "next" not in event or event["next"]:
            answer = invoke(context, "list", limit=limit, **event)
            assert len(answer["communications"]) <= limit
            found += ids(answer)
            event["next"] = answer["next"]
        assert found == [*(f"{number:03}" for number in range(10)), "7"]


def test_a_listed_one_says_why_it_waits(ledger: Ledger, table: Table, context: Context) -> None:
    wait(ledger, table, SMS)
    (listed,) = invoke(context, "list")["communications"]
    since = listed.pop("waitingSince")
    assert since.endswith("Z")
    assert datetime.fromisoformat(since).timestamp() == pytest.approx(clock.now(), abs=5)
    assert listed == {
        "primaryId": "7",
        "operation": "send.sms",
        "source": "sms",
        "idSpace": "phones",
        "group": "sms/410/gone",
        "attempts": 0,
        "httpStatus": 410,
        "error": GONE,
        "runId": "earlier",
    }


def test_one_is_shown_with_its_history(ledger: Ledger, table: Table, context: Context, time: Time) -> None:
    concluded(ledger, EMAIL, owner="run/1")
    time.passes(ONE_COOLDOWN)
    wait(ledger, table, EMAIL)
    ledger.release(entry_of(ledger, EMAIL), ANN, "address corrected")
    assert isinstance(ledger.claim(EMAIL, "run/3", "run", clock.now()), Claim)
    (shown,) = invoke(context, "show", communications=NAMED)["communications"]
    assert [(event["what"], event["by"], event["detail"]) for event in shown["history"]] == [
        ("requeued", "run/1", ""),
        ("refused", "earlier/1", GONE),
        ("refused", "earlier", GONE),
        ("released", ANN, "address corrected"),
    ]
    assert [event["at"] for event in shown["history"]] == sorted(event["at"] for event in shown["history"])
    assert (shown["state"], shown["attempts"], shown["error"]) == ("open", 0, GONE)
    assert shown["key"].endswith("-3")
    assert datetime.fromisoformat(shown["leasedUntil"]).timestamp() == pytest.approx(clock.now() + 120, abs=5)


def test_what_the_ledger_does_not_know_is_said_to_be_unknown(context: Context) -> None:
    assert invoke(context, "show", communications=NAMED) == {
        "communications": [],
        "unchanged": [{"primaryId": "123455", "operation": "send.email", "state": None}],
    }


# Changing those that are named


def test_a_released_one_may_be_sent_again(ledger: Ledger, table: Table, context: Context) -> None:
    wait(ledger, table, EMAIL, SMS)
    answer = invoke(context, "release", communications=BOTH, why="address corrected", by=ANN)
    assert [(each["primaryId"], each["state"], each["attempts"]) for each in answer["communications"]] == [
        ("123455", "released", 0),
        ("7", "released", 0),
    ]
    assert answer["communications"][0]["history"][-1] | {"at": None} == {
        "at": None,
        "what": "released",
        "by": ANN,
        "detail": "address corrected",
    }
    assert answer["unchanged"] == []
    assert ids(invoke(context, "list")) == []
    assert groups(context) == {}
    assert isinstance(ledger.claim(EMAIL, "run/2", "run", clock.now()), Claim)


def test_a_discarded_one_is_never_sent_again(ledger: Ledger, table: Table, context: Context) -> None:
    wait(ledger, table, EMAIL)
    answer = invoke(context, "discard", communications=NAMED, why="customer left", by=ANN)
    (changed,) = answer["communications"]
    event = changed["history"][-1]
    assert (changed["state"], event["what"], event["by"]) == ("discarded", "discarded", ANN)
    assert ids(invoke(context, "list")) == []
    assert not isinstance(ledger.claim(EMAIL, "run/2", "run", clock.now(), force=True), Claim)
    assert ids(invoke(context, "release", communications=NAMED, **WHO)) == ["123455"]


def test_what_a_list_gave_can_be_given_back_as_it_is(ledger: Ledger, table: Table, context: Context) -> None:
    wait(ledger, table, EMAIL, SMS)
    listed = invoke(context, "list")["communications"]
    assert {key for each in listed for key in each} == {camel_case(name) for name in Named._fields}
    assert sorted(ids(invoke(context, "show", communications=listed))) == ["123455", "7"]
    assert sorted(ids(invoke(context, "release", communications=listed, **WHO))) == ["123455", "7"]
    assert invoke(context, "release", communications=listed, **WHO)["communications"] == []
    assert sorted(ids(invoke(context, "discard", communications=listed, **WHO))) == ["123455", "7"]


LETTER, MAIL = Communication("7", "send.email", "letters", "letters"), Communication("7", "send.email", "email")


@pytest.mark.parametrize(
    ("said", "refusal"),
    [
        ({"source": "letters"}, r"source: 7 of no id space has source email; name it as list shows it"),
        ({"group": "letters/410/gone"}, r"group: 7 of no id space has group email/410/gone; name it as"),
        ({"idSpace": "letters", "source": "email"}, r"source: 7 of id space letters has source letters; name it as"),
        ({"idSpace": "letters", "operation": "send.sms"}, r"operation: 7 of id space letters has operation send.email"),
        ({"idspace": "letters"}, r"idspace: unknown; known are primaryId, operation, idSpace, source, group"),
        ({"id_space": "letters"}, r"id_space: unknown; known are primaryId"),
        ({"space": "letters"}, r"space: unknown; known are primaryId"),
    ],
)
@pytest.mark.parametrize("action", ["discard", "release", "releaseAndSend", "show"])
def test_one_that_is_said_to_be_another_is_refused_and_keeps_all_as_it_is(
    ledger: Ledger,
    table: Table,
    context: Context,
    front: TableFront,
    action: str,
    said: dict[str, str],
    refusal: str,
) -> None:
    """Two communications of one id: the wrong one would be discarded for ever."""
    wait(ledger, table, LETTER, MAIL, EMAIL)
    front.calls.clear()
    named = [*NAMED, {"primaryId": "7", "operation": "send.email", **said}]
    with pytest.raises(ConfigurationError, match=rf"^event\.communications\[1\]\.{refusal}"):
        invoke(context, action, communications=named, **({} if action == "show" else WHO))
    assert front.writes() == {}
    assert {entry_of(ledger, each).state for each in (LETTER, MAIL, EMAIL)} == {State.MANUAL}


def test_a_group_that_one_has_left_is_no_matter(ledger: Ledger, table: Table, context: Context, time: Time) -> None:
    """It is as it is, which the answer says; the others that were listed with it are released."""
    wait(ledger, table, EMAIL, SMS)
    listed = invoke(context, "list")["communications"]
    invoke(context, "release", communications=NAMED, **WHO)
    time.passes(ONE_COOLDOWN)
    concluded(ledger, EMAIL)
    answer = invoke(context, "release", communications=listed, **WHO)
    assert (ids(answer), [each["state"] for each in answer["unchanged"]]) == (["7"], ["requeued"])


@pytest.mark.parametrize("action", ["release", "discard"])
def test_what_is_being_sent_is_not_changed(ledger: Ledger, context: Context, time: Time, action: str) -> None:
    ledger.claim(EMAIL, "run/1", "run", clock.now())
    before = entry_of(ledger, EMAIL)
    unchanged = [{"primaryId": "123455", "operation": "send.email", "state": "open"}]
    assert invoke(context, action, communications=NAMED, **WHO) == {"communications": [], "unchanged": unchanged}
    assert entry_of(ledger, EMAIL) == before
    time.passes(A_LEASE)
    assert ids(invoke(context, "discard", communications=NAMED, **WHO)) == ["123455"]


def test_what_does_not_wait_for_a_person_is_not_released_and_keeps_back_no_other(
    ledger: Ledger, context: Context
) -> None:
    concluded(ledger, EMAIL)
    made_manual(ledger, SMS)
    answer = invoke(context, "release", communications=BOTH, **WHO)
    assert (ids(answer), [each["state"] for each in answer["unchanged"]]) == (["7"], ["requeued"])
    assert entry_of(ledger, EMAIL).state is State.REQUEUED


def test_releasing_some_by_name_leaves_their_group_with_the_right_count(
    pile: None, ledger: Ledger, table: Table, context: Context
) -> None:
    named = [{"primaryId": each, "operation": "send.email"} for each in ("000", "003", "006")]
    invoke(context, "release", communications=[*named, *NAMED], **WHO)
    assert groups(context) == {GONE_GROUP: 4, UNKNOWN_GROUP: 3, "sms/410/gone": 1}
    [action] = invoke(context, "actions")["actions"]
    assert (action["done"], action["detail"]) == (3, "000, 003, 006")
    ledger.discard(entry_of(ledger, email(1)), "ann", "directly")
    (group,) = [each for each in invoke(context, "groups")["groups"] if each["group"] == GONE_GROUP]
    assert group["ids"] == ["001", "002", "004"], "none that waits no longer"


# Runs


def test_runs_are_listed_the_newest_first(runs: Runs, context: Context) -> None:
    for day in (24, 25, 26):
        runs.begin(f"202611{day}T000000Z", "request", {"listed": day, "sends": 3, "trigger": "schedule"})
    runs.write("20261126T000000Z", {"lines": {"requeued": 2}, "open": ["sms"], "concludedAt": 1_800_000_000})
    answer = invoke(context, "runs", limit=2)
    assert [run["runId"][6:8] for run in answer["runs"]] == ["26", "25"]
    assert answer["runs"][0] == {
        "runId": "20261126T000000Z",
        "trigger": "schedule",
        "listedAt": None,
        "concludedAt": "2027-01-15T08:00:00Z",
        "endedAs": None,
        "listed": 26,
        "sends": 3,
        "counts": {"requeued": 2},
        "problems": [],
        "open": ["sms"],
        "execution": None,
        "headline": None,
    }
    assert [run["runId"][6:8] for run in invoke(context, "runs", next=answer["next"])["runs"]] == ["24"]


def test_a_run_is_shown_with_its_digest(runs: Runs, context: Context) -> None:
    assert invoke(context, "show", runId="none") == {"run": None}
    runs.begin("a run", "request", {"listed": 1})
    runs.write("a run", {"digest": {"subject": "s", "message": "m", "notify": True, "mark": "x"}})
    shown = invoke(context, "show", runId="a run")["run"]
    assert (shown["listed"], shown["digest"]) == (1, {"subject": "s", "message": "m", "notify": True})


def test_what_is_on_is_paused_slowed_down_resumed_and_stopped(table: Table, runs: Runs, context: Context) -> None:
    paused = invoke(context, "pause", seconds=600, by=ANN, why="the provider is down")
    assert (paused["by"], paused["why"]) == (ANN, "the provider is down")
    until = datetime.fromisoformat(paused["pausedUntil"]).timestamp()
    assert until == pytest.approx(clock.now() + 600, abs=5)
    assert Controls(table).read().is_paused(clock.now())
    assert invoke(context, "slowDown", maxRequestsPerSecond=0.5, **WHO)["maxRequestsPerSecond"] == 0.5
    assert invoke(context, "resume", **WHO)["pausedUntil"] is None
    assert Controls(table).read().rate == 0.5
    assert invoke(context, "slowDown", maxRequestsPerSecond=None, **WHO)["maxRequestsPerSecond"] is None
    runs.take_lock("20261124T021500Z", "request", 2e9)
    assert invoke(context, "stop", runId="20261124T021500Z", **WHO)["stoppedRun"] == "20261124T021500Z"
    assert runs.breaker("20261124T021500Z").ended == "an operator stopped it", "also when another one is stopped"


def test_of_the_run_that_is_on_only_its_own_record_counts_and_why_it_ends_is_said() -> None:
    lock = Lock("20261124T021500Z", "request", "", 1.0, 2.0)
    shown = run_under_way(lock, {"sends": 8, "request": "another delivery"}, Breaker(), None)
    assert (shown["sends"], shown["notGone"]) == (0, 0)
    breaker = Breaker(refused="HTTP 401 Unauthorized", gone=9)
    shown = run_under_way(lock, {"sends": 8, "request": "request"}, breaker, None)
    assert (shown["sends"], shown["gone"], shown["notGone"]) == (8, 9, 0)
    assert shown["ends"] == "HTTP 401 Unauthorized"


def test_a_pause_is_not_shortened_by_another_one(context: Context, controls: Controls) -> None:
    """Two operators at once: the one who types the command of the runbook ends no maintenance of a day."""
    invoke(context, "pause", seconds=86400, by="ann", why="maintenance")
    with pytest.raises(
        ConfigurationError, match=r"event\.seconds: ann has paused everything until .*; to end that sooner"
    ):
        invoke(context, "pause", seconds=3600, by="bob", why="it is slow")
    assert controls.read().by == "ann"
    invoke(context, "resume", **WHO)
    assert invoke(context, "pause", seconds=3600, by="bob", why="it is slow")["by"] == "bob"


def test_a_run_that_has_ended_is_not_stopped(table: Table, ledger: Ledger, runs: Runs, context: Context) -> None:
    """Whoever gives the id of the run before must not believe that the one that is on sends no more."""
    runs.begin("20261123T021500Z", "request", {"listed": 1})
    runs.write("20261123T021500Z", {"concludedAt": 1_800_000_000})
    running = Running(table, ledger)
    running.begins(emails(3))
    with pytest.raises(ConfigurationError, match=r"event\.runId: 20261123T021500Z has ended; now says which run is on"):
        invoke(context, "stop", runId="20261123T021500Z", **WHO)
    assert invoke(context, "stop", runId=running.run_id, **WHO)["stoppedRun"] == running.run_id
    assert [each["detail"] for each in invoke(context, "actions")["actions"]] == [f"run {running.run_id}"]


def test_every_event_in_the_runbook_is_one_that_its_action_takes() -> None:
    text = RUNBOOK.read_text(encoding="utf-8").replace("[…]", "[]")
    events = [json.loads(event) for event in re.findall(r"""\{"action": ".*?\}(?=[`'])""", text)]
    assert {order_of(event).action for event in events} == {*Call}


def test_what_is_on_says_how_many_are_gone_and_what_is_in_force(table: Table, ledger: Ledger, context: Context) -> None:
    assert invoke(context, "now") == {"control": NOTHING_IN_FORCE, "run": None}
    running = Running(table, ledger)
    running.begins(emails(3), emails(3, first=3), trigger="schedule")
    running.sends(1, all_get(202, emails(2)) | {emails(3)[2]: 422})
    invoke(context, "slowDown", maxRequestsPerSecond=2, **WHO)
    found = invoke(context, "now")
    assert found["control"] == NOTHING_IN_FORCE | {"maxRequestsPerSecond": 2}
    run = found["run"]
    assert (run["runId"], run["sends"], run["gone"], run["notGone"], run["closed"]) == (running.run_id, 6, 2, 4, 3)
    assert run["status"] == "LISTING", "its execution is not there yet"


def test_one_that_is_shown_says_what_the_next_run_would_do_with_it_and_why(
    pile: None, ledger: Ledger, context: Context, time: Time
) -> None:
    def next_run(**named: Any) -> tuple[str, str]:
        [shown] = invoke(context, "show", **named)["communications"]
        return shown["nextRun"]["would"], shown["nextRun"]["why"]

    assert next_run(ids=["7"]) == ("skip", "it waits for a person: release it, and the next run sends it")
    invoke(context, "release", communications=[{"primaryId": "000", "operation": "send.email"}], **WHO)
    assert next_run(ids=["000"]) == ("send", "attempt 1 of 3")
    invoke(context, "discard", communications=[{"primaryId": "000", "operation": "send.email"}], **WHO)
    assert next_run(ids=["000"]) == ("skip", "a person discarded it: release it, and the next run sends it")
    ledger.claim(EMAIL, "run/1", "run", clock.now())
    assert next_run(communications=NAMED)[1].startswith("run/1 is sending it, until ")
    time.passes(A_LEASE)
    invoke(context, "pause", seconds=600, by="ann", why="maintenance")
    would, why = next_run(communications=NAMED)
    assert (would, why.startswith("ann has paused everything until ")) == ("wait", True)
    concluded(ledger, EMAIL)
    assert next_run(communications=NAMED)[1].startswith("it cools down until ")
    assert invoke(context, "show", ids=["none"])["unchanged"] == [{"primaryId": "none", "operation": "", "state": None}]


def test_no_answer_takes_more_than_three_reads_however_many_groups_there_are(
    ledger: Ledger, table: Table, context: Context, later: Later, front: TableFront
) -> None:
    for number in range(8):
        wait(ledger, table, email(number), error=f"POST /requeue: HTTP 422 kind {'abcdefgh'[number]}")
    Running(table, ledger).begins(emails(3))
    plan = invoke(context, "plan", what="discard", all=True)
    later.come()
    looks: list[tuple[str, dict[str, Any]]] = [
        ("groups", {}),
        ("list", {}),
        ("list", {"source": "none"}),
        ("show", {"ids": ["000"] * 33, "communications": NAMED}),
        ("show", {"actionId": plan["actionId"]}),
        ("runs", {}),
        ("now", {}),
        ("actions", {}),
        ("plan", {"what": "release", "all": True}),
        ("confirm", {"actionId": plan["actionId"], "count": 8, **WHO}),
    ]
    for action, event in looks:
        front.calls.clear()
        invoke(context, action, **event)
        reads = [call for call in front.calls if call in ("Query", "GetItem", "BatchGetItem", "Scan")]
        assert 1 <= len(reads) <= 3, (action, reads)


# Saying who and why


def test_each_change_is_logged_with_who_and_why_and_a_look_is_not(
    ledger: Ledger, table: Table, context: Context, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    wait(ledger, table, EMAIL, SMS)
    invoke(context, "list")
    invoke(context, "show", communications=NAMED)
    invoke(context, "plan", what="release", all=True)
    invoke(context, "release", communications=[*BOTH, {"primaryId": "8", "operation": "send.sms"}], why="w1", by=ANN)
    invoke(context, "discard", communications=NAMED, why="w2", by="bob")
    invoke(context, "pause", why="w3", by=ANN)
    lines = [line for line in logged() if line["message"] == "changed"]
    assert [(line["action"], line["by"], line["why"]) for line in lines] == [
        ("release", ANN, "w1"),
        ("discard", "bob", "w2"),
        ("pause", ANN, "w3"),
    ]
    assert lines[0]["changed"] == [
        {"primaryId": "123455", "operation": "send.email", "source": "email"},
        {"primaryId": "7", "operation": "send.sms", "source": "sms"},
    ]
    assert lines[2]["changed"]["pausedUntil"]


# Refusing


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({}, "event.action: missing"),
        ([], "event: must be an object"),
        ({"action": "delete"}, "event.action: must be one of list, groups, show, runs, now, actions, plan, confirm"),
        ({"action": "list", "older": 5}, "event.older: unknown; known are action, group, source, operation, error"),
        ({"action": "list", "limit": 0}, "event.limit: must be from 1 to 1000"),
        ({"action": "list", "next": "page 2"}, "event.next: must be the next of the previous answer"),
        ({"action": "list", "next": "[1, 2]"}, "event.next: must be the next of the previous answer"),
        ({"action": "list", "next": '["a"]'}, "event.next: must be the next of the previous answer"),
        ({"action": "list", "olderThanSeconds": -1}, "event.olderThanSeconds: must be from 0 to 315360000"),
        ({"action": "plan", "olderThanSeconds": 1e300}, "event.olderThanSeconds: must be from 0 to 315360000"),
        ({"action": "show"}, "event.communications: missing; show needs at least one, or event.ids"),
        ({"action": "show", "ids": ["1"] * 101}, "event.communications: at most 100"),
        ({"action": "show", "ids": ["1"] * 34}, "event.ids: at most 33, of any operation"),
        ({"action": "list", "next": "[" * 100_000}, "event.next: must be the next of the previous answer"),
        (
            {"action": "release", "communications": [], **WHO},
            "event.communications: missing; release takes named ones; plan takes a filter",
        ),
        ({"action": "release", "all": True, **WHO}, "event.all: release does not take it; it takes communications, by"),
        (
            {"action": "discard", "communications": [NAMED[0]], "source": "email", **WHO},
            "event.source: discard does not take it",
        ),
        ({"action": "plan", "all": True, "communications": NAMED}, "event.communications: plan does not take it"),
        ({"action": "list", "ids": ["104"]}, "event.ids: list does not take it"),
        ({"action": "pause", "runId": "20261124T021500Z", **WHO}, "event.runId: pause does not take it"),
        (
            {"action": "slowDown", "maxRequestsPerSecond": 2, "seconds": 3600, **WHO},
            "event.seconds: slowDown does not take it; it takes maxRequestsPerSecond, by, why",
        ),
        ({"action": "stop", "runId": "x", "actionId": "y", **WHO}, "event.runId: cannot be combined with actionId"),
        *(
            ({"action": "show", "ids": ["1"], name: "x"}, f"event.{name}: cannot be combined with communications; show")
            for name in ("runId", "actionId")
        ),
        ({"action": "show", "runId": "x", "actionId": "y"}, "event.runId: cannot be combined with actionId; show"),
        *(
            ({"action": action, name: LONG, **more}, f"event.{name}: at most 1000 bytes")
            for action, name, more in (
                *(("list", name, {}) for name in ("group", "source", "operation", "error")),
                *(("show", "runId", {}), ("show", "actionId", {}), ("plan", "undoes", {}), ("stop", "runId", WHO)),
                *(("confirm", "actionId", {"count": 1, **WHO}), ("carryOut", "actionId", {})),
            )
        ),
        ({"action": "show", "ids": ["1", LONG]}, r"event.ids\[1\]: at most 1000 bytes"),
        (
            {"action": "discard", "communications": [{"primaryId": LONG, "operation": "send.email"}], **WHO},
            r"event.communications\[0\].primaryId: at most 1000 bytes",
        ),
        *(
            ({"action": action, "next": LONG}, "event.next: must be the next of the previous answer")
            for action in ("list", "groups", "runs", "actions")
        ),
        ({"action": "plan"}, "event.group: missing; plan needs group, source, operation"),
        ({"action": "plan", "all": False}, "event.group: missing; plan needs group, source, operation"),
        ({"action": "plan", "undoes": "x", "source": "email"}, "event.undoes: needs what: release"),
        ({"action": "plan", "undoes": "no such action"}, "event.undoes: must be the id of a discard"),
        ({"action": "confirm", "count": 1, **WHO}, "event.actionId: missing; confirm needs the id of a plan"),
        ({"action": "confirm", "actionId": "x", **WHO}, "event.count: missing; confirm repeats the number"),
        ({"action": "confirm", "actionId": "x", "count": 1, **WHO}, "only a plan can be confirmed; there"),
        ({"action": "carryOut"}, "event.actionId: missing; carryOut needs the id of a plan"),
        ({"action": "discard", "communications": ["1"], **WHO}, r"event.communications\[0\]: must be an object"),
        (
            {"action": "discard", "communications": [{"primaryId": "1"}], **WHO},
            r"event.communications\[0\].operation: missing",
        ),
        ({"action": "release", "communications": NAMED, "by": ANN}, "event.why: missing; release says who does it"),
        ({"action": "discard", "communications": NAMED, "by": ANN, "why": "  "}, "event.why: missing; discard says"),
        ({"action": "discard", "communications": NAMED, "why": "x"}, "event.by: missing; discard says who does it"),
        ({"action": "resume", "why": "x"}, "event.by: missing; resume says who does it and why"),
        ({"action": "discard", "communications": NAMED, "why": 5}, "event.why: must be a text"),
        ({"action": "stop", **WHO}, "event.runId: missing; stop needs the run's id"),
        ({"action": "stop", "runId": "no such run", **WHO}, "event.runId: there is no run no such run"),
        *(
            (
                {"action": "pause", "seconds": seconds, **WHO},
                "event.seconds: must be from 60 to 86400, a minute to a day",
            )
            for seconds in (0, -1, 0.001, 59, 86401)
        ),
        *(
            ({"action": action, **every, name: ""}, f"event.{name}: empty, which would mean all; leave it out for that")
            for action, every in (("list", {}), ("plan", {"all": True}))
            for name in ("group", "source", "operation", "error")
        ),
        ({"action": "plan", "error": " "}, "event.error: empty, which would mean all"),
        ({"action": "pause", "seconds": 10**400, **WHO}, "event.seconds: must be from 60 to 86400"),
        ({"action": "list", "olderThanSeconds": 10**400}, "event.olderThanSeconds: must be from 0 to 315360000"),
        ({"action": "slowDown", "maxRequestsPerSecond": 10**400, **WHO}, "event.maxRequestsPerSecond: must be from"),
        ({"action": "resume", "by": "\u200b\u2060", "why": "x"}, "event.by: missing; resume says who does it and why"),
        ({"action": "slowDown", "maxRequestsPerSecond": 0, **WHO}, "event.maxRequestsPerSecond: must be from 0.001"),
        ({"action": "slowDown", "maxRequestsPerSecond": 1e-7, **WHO}, "event.maxRequestsPerSecond: must be from 0.001"),
        ({"action": "slowDown", "maxRequestsPerSecond": 501, **WHO}, "event.maxRequestsPerSecond: must be from 0.001"),
        ({"action": "slowDown", **WHO}, "event.maxRequestsPerSecond: must be from 0.001 to 500, or null for the conf"),
    ],
)
def test_an_order_that_is_wrong_changes_nothing(front: TableFront, context: Context, event: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        ledger_admin.handler(event, context)  # type: ignore[arg-type]
    assert front.writes() == {}
    assert "TransactWriteItems" not in front.calls


def test_a_table_that_does_not_answer_is_said_as_such(ledger: Ledger, front: TableFront, context: Context) -> None:
    made_manual(ledger, EMAIL)
    front.goes("throttled")
    with pytest.raises(LedgerUnavailable):
        invoke(context, "release", communications=NAMED, **WHO)
    assert entry_of(ledger, EMAIL).state is State.MANUAL


def test_a_ledger_that_is_set_wrong_is_named_by_its_variable(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDRIVE_LEDGER", json.dumps({"table": "ledger", "max_attempts": "5"}))
    with pytest.raises(ConfigurationError, match=r"redrive_limit\.max_attempts: must be a whole number"):
        invoke(context, "list")
    monkeypatch.delenv("REDRIVE_LEDGER")
    with pytest.raises(ConfigurationError, match="REDRIVE_LEDGER"):
        invoke(context, "list")


def test_a_run_that_ended_between_two_groups_is_counted_where_it_belongs(table: Table, ledger: Ledger) -> None:
    """An entry of the directory that is taken from before its run has added to it comes right with that."""
    group = Group.of(made_manual(ledger, EMAIL))
    for entry in (entry_of(ledger, EMAIL), made_manual(ledger, email(1))):
        group.add(entry, 20)
    ledger.release(entry_of(ledger, EMAIL), "ann", "why")
    Waiting(table).add(group, "earlier")
    assert (table.get(Key(GROUPS, group.name)) or {})["count"] == 1
