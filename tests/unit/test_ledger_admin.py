"""The function ledger_admin: what a person sees and may change, and that each change says who and why."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from ledger_admin import handler as ledger_admin
from redrive import clock
from redrive import ledger_rules as rules
from redrive.control import Controls
from redrive.errors import ConfigurationError, LedgerUnavailable
from redrive.ledger import Ledger, key_of, to_item
from redrive.ledger_rules import Claim, State
from redrive.models import Communication
from redrive.runs import Runs
from redrive.table import Key, Table
from redrive.waiting import GROUPS, Group, Waiting
from tests.unit.support import (
    A_LEASE,
    LEDGER,
    ONE_COOLDOWN,
    Context,
    TableFront,
    Time,
    concluded,
    entry_of,
    made_manual,
)

EMAIL = Communication("123455", "send.email", "email")
SMS = Communication("7", "send.sms", "sms", "phones")
NAMED = [{"primaryId": "123455", "operation": "send.email"}]
BOTH = [*NAMED, {"primaryId": "7", "operation": "send.sms", "idSpace": "phones"}]
ANN = "arn:aws:sts::123456789012:assumed-role/support/ann"
GONE, UNKNOWN = "POST /requeue: HTTP 410 Gone", "POST /requeue: HTTP 422 Unknown Address"
GONE_GROUP, UNKNOWN_GROUP = "email/410/gone", "email/422/unknown-address"


@pytest.fixture(autouse=True)
def _sandbox(front: TableFront, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger_admin._desk.cache_clear()
    monkeypatch.setattr("redrive.administration.PAGE", 4)


def invoke(context: Context, action: str, **event: Any) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(json.dumps(ledger_admin.handler({"action": action, **event}, context)))  # type: ignore[arg-type]
    return answer


def ids(answer: dict[str, Any]) -> list[str]:
    return [communication["primaryId"] for communication in answer["communications"]]


def email(number: int) -> Communication:
    return Communication(f"{number:03}", "send.email", "email")


def wait(ledger: Ledger, table: Table, *communications: Communication, error: str = GONE, run: str = "earlier") -> None:
    """Let communications become manual in a run, as ``conclude`` does: one by one, and each group once."""
    groups: dict[str, Group] = {}
    status, now = int(error.split("HTTP ")[1][:3]), round(clock.now(), 6)
    claimed = [rules.claimed(ledger.show(each), each, f"{run}/1", run, "", now, LEDGER) for each in communications]
    refused = [rules.turned_away(entry, status, error, now, LEDGER) for entry in claimed]
    table.put_many((key_of(entry.communication), to_item(entry)) for entry in refused)
    for entry in refused:
        manual = ledger.make_manual(entry, "refused", run, clock.now())
        group = Group.of(manual)
        groups.setdefault(group.name, group).add(manual, 20)
    for group in groups.values():
        Waiting(table).add(group, run)


def groups(context: Context) -> dict[str, int]:
    return {group["group"]: group["count"] for group in invoke(context, "groups")["groups"]}


@pytest.fixture
def pile(ledger: Ledger, table: Table, time: Time) -> None:
    """Ten emails in two groups, and an SMS in a third; the first three are an hour older."""
    wait(ledger, table, *map(email, range(3)))
    time.passes(3600)
    wait(ledger, table, *map(email, range(3, 6)), run="later")
    wait(ledger, table, *map(email, range(6, 10)), error=UNKNOWN, run="later")
    wait(ledger, table, SMS, run="later")


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
        answer = invoke(context, "list", limit=100, **narrowed)
        assert (ids(answer), answer["next"]) == (expected, None), narrowed


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
    assert ids(invoke(context, "release", communications=NAMED, why="he is back")) == ["123455"]


def test_what_a_list_gave_can_be_given_back_as_it_is(ledger: Ledger, table: Table, context: Context) -> None:
    wait(ledger, table, EMAIL, SMS)
    listed = [
        {key: each[key] for key in ("primaryId", "operation", "idSpace") if key in each}
        for each in invoke(context, "list")["communications"]
    ]
    assert sorted(ids(invoke(context, "release", communications=listed, why="why"))) == ["123455", "7"]


@pytest.mark.parametrize("action", ["release", "discard"])
def test_what_is_being_sent_is_not_changed(ledger: Ledger, context: Context, time: Time, action: str) -> None:
    ledger.claim(EMAIL, "run/1", "run", clock.now())
    before = entry_of(ledger, EMAIL)
    unchanged = [{"primaryId": "123455", "operation": "send.email", "state": "open"}]
    for dry in ({}, {"dryRun": True}):
        answer = invoke(context, action, communications=NAMED, why="why", **dry)
        assert answer == {"unchanged": unchanged} | ({"count": 0} if dry else {"communications": []})
    assert entry_of(ledger, EMAIL) == before
    time.passes(A_LEASE)
    assert ids(invoke(context, "discard", communications=NAMED, why="why")) == ["123455"]


def test_what_does_not_wait_for_a_person_is_not_released_and_keeps_back_no_other(
    ledger: Ledger, context: Context
) -> None:
    concluded(ledger, EMAIL)
    made_manual(ledger, SMS)
    assert invoke(context, "release", communications=BOTH, dryRun=True)["count"] == 1
    answer = invoke(context, "release", communications=BOTH, why="why")
    assert (ids(answer), [each["state"] for each in answer["unchanged"]]) == (["7"], ["requeued"])
    assert entry_of(ledger, EMAIL).state is State.REQUEUED


def test_releasing_some_by_name_leaves_their_group_with_the_right_count(
    pile: None, ledger: Ledger, table: Table, context: Context
) -> None:
    named = [{"primaryId": each, "operation": "send.email"} for each in ("000", "003", "006")]
    invoke(context, "release", communications=named, why="why")
    assert groups(context) == {GONE_GROUP: 4, UNKNOWN_GROUP: 3, "sms/410/gone": 1}
    ledger.discard(entry_of(ledger, email(1)), "ann", "directly")
    (group,) = [each for each in invoke(context, "groups")["groups"] if each["group"] == GONE_GROUP]
    assert group["ids"] == ["001", "002", "004"], "none that waits no longer"


# Changing all that a filter names


@pytest.mark.usefixtures("pile")
@pytest.mark.parametrize(
    ("action", "narrowed", "changed"),
    [
        ("release", {"all": True}, {GONE_GROUP: 6, UNKNOWN_GROUP: 4, "sms/410/gone": 1}),
        ("discard", {"all": True}, {GONE_GROUP: 6, UNKNOWN_GROUP: 4, "sms/410/gone": 1}),
        ("discard", {"source": "sms"}, {"sms/410/gone": 1}),
        ("release", {"error": "HTTP 410"}, {GONE_GROUP: 6, "sms/410/gone": 1}),
        ("discard", {"group": UNKNOWN_GROUP}, {UNKNOWN_GROUP: 4}),
        ("release", {"olderThanSeconds": 1800}, {GONE_GROUP: 3}),
        ("release", {"group": UNKNOWN_GROUP, "source": "sms"}, {}),
    ],
)
def test_all_that_a_filter_names_are_changed_and_counted_by_group(
    ledger: Ledger, context: Context, action: str, narrowed: dict[str, Any], changed: dict[str, int]
) -> None:
    before = groups(context)
    expected = {"count": sum(changed.values()), "unchanged": 0, "groups": changed, "next": None}
    assert invoke(context, action, **narrowed, dryRun=True) == expected
    assert groups(context) == before
    assert invoke(context, action, **narrowed, why="why") == expected
    left = {name: count - changed.get(name, 0) for name, count in before.items()}
    assert groups(context) == {name: count for name, count in left.items() if count}
    assert len(ids(invoke(context, "list", limit=100))) == sum(left.values())
    states = Counter(entry.state for _, entry in ledger.read([*map(email, range(10)), SMS]) if entry)
    assert states[{"release": State.RELEASED, "discard": State.DISCARDED}[action]] == expected["count"]
    assert states[State.MANUAL] == sum(left.values())


def test_where_time_is_short_the_next_call_goes_on(pile: None, context: Context) -> None:
    """The same for thousands: each call does what it has time for."""
    event: dict[str, Any] = {"all": True, "why": "the provider is back"}
    hurried, counts = Context(seconds=ledger_admin.SECONDS_TO_END), []
    while "next" not in event or event["next"]:
        answer = invoke(hurried, "release", **event)
        counts.append(answer["count"])
        event["next"] = answer["next"]
    assert [count for count in counts if count] == [4, 2, 4, 1], "a page of a group each"
    assert groups(context) == {}
    assert ids(invoke(context, "list")) == []


def test_a_limit_releases_no_more(pile: None, context: Context) -> None:
    first = invoke(context, "release", all=True, limit=5, why="a trial")
    assert (first["count"], groups(context)) == (5, {GONE_GROUP: 1, UNKNOWN_GROUP: 4, "sms/410/gone": 1})
    assert invoke(context, "release", all=True, limit=1000, why="the rest", next=first["next"])["count"] == 6


def test_a_group_that_a_run_adds_to_in_the_same_moment_does_not_get_lost(
    ledger: Ledger, table: Table, context: Context, front: TableFront, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait(ledger, table, EMAIL)
    page = Waiting.page

    def then_add(self: Waiting, name: str, **how: Any) -> Any:
        found = page(self, name, **how)
        if not found.items and entry_of(ledger, EMAIL).state is State.RELEASED and not ledger.show(email(1)):
            wait(ledger, table, email(1), run="later")
        return found

    monkeypatch.setattr(Waiting, "page", then_add)
    invoke(context, "release", communications=NAMED, why="why")
    assert groups(context) == {GONE_GROUP: 1}
    assert ids(invoke(context, "list")) == ["001"]


def test_one_that_was_claimed_in_the_same_moment_is_left_alone(
    ledger: Ledger, table: Table, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait(ledger, table, EMAIL)
    read = Ledger.read_whole

    def then_change(self: Ledger, communications: Any) -> Any:
        found = list(read(self, communications))
        ledger.release(entry_of(ledger, EMAIL), "bob", "quicker")
        return iter(found)

    monkeypatch.setattr(Ledger, "read_whole", then_change)
    answer = invoke(context, "discard", all=True, why="why")
    assert (answer["count"], answer["unchanged"]) == (0, 1)
    assert entry_of(ledger, EMAIL).state is State.RELEASED


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
    assert invoke(context, "slowDown", maxRequestsPerSecond=0.5)["maxRequestsPerSecond"] == 0.5
    assert invoke(context, "resume")["pausedUntil"] is None
    assert Controls(table).read().rate == 0.5
    assert invoke(context, "slowDown", maxRequestsPerSecond=None)["maxRequestsPerSecond"] is None
    runs.take_lock("20261124T021500Z", "request", 2e9)
    assert invoke(context, "stop", runId="20261124T021500Z")["stoppedRun"] == "20261124T021500Z"
    assert runs.breaker("20261124T021500Z").ended == "an operator stopped it", "also when another one is stopped"


# Saying who and why


def test_each_change_is_logged_with_who_and_why_and_a_look_is_not(
    ledger: Ledger, table: Table, context: Context, logged: Callable[[], list[dict[str, Any]]]
) -> None:
    wait(ledger, table, EMAIL, SMS)
    invoke(context, "list")
    invoke(context, "show", communications=NAMED)
    invoke(context, "release", all=True, dryRun=True)
    invoke(context, "release", communications=[*BOTH, {"primaryId": "8", "operation": "send.sms"}], why="w1", by=ANN)
    invoke(context, "discard", communications=NAMED, why="w2")
    invoke(context, "pause", why="w3", by=ANN)
    lines = [line for line in logged() if line["message"] == "changed"]
    assert [(line["action"], line["by"], line["why"]) for line in lines] == [
        ("release", ANN, "w1"),
        ("discard", "an operator", "w2"),
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
        ({"action": "delete"}, "event.action: must be one of list, groups, show, release, discard, runs, pause"),
        ({"action": "list", "older": 5}, "event.older: unknown; known are action, source, error, group, olderThan"),
        ({"action": "list", "limit": 0}, "event.limit: must be from 1 to 1000"),
        ({"action": "release", "all": True, "why": "x", "limit": 1001}, "event.limit: must be from 1 to 1000"),
        ({"action": "list", "next": "page 2"}, "event.next: must be what the answer before gave as next"),
        ({"action": "list", "next": "[1, 2]"}, "event.next: must be what the answer before gave as next"),
        ({"action": "list", "next": '["a"]'}, "event.next: must be what the answer before gave as next"),
        ({"action": "list", "olderThanSeconds": -1}, "event.olderThanSeconds: must be from 0 to 315360000"),
        ({"action": "discard", "olderThanSeconds": 1e300}, "event.olderThanSeconds: must be from 0 to 315360000"),
        ({"action": "show"}, "event.communications: missing; show needs at least one, or event.runId"),
        ({"action": "release", "communications": [], "why": "x"}, "event.group: missing; release needs"),
        ({"action": "release", "all": False, "why": "x"}, "event.group: missing; release needs"),
        ({"action": "discard", "communications": ["1"], "why": "x"}, r"event.communications\[0\]: must be an object"),
        (
            {"action": "discard", "communications": [{"primaryId": "1"}], "why": "x"},
            r"event.communications\[0\].operation: missing",
        ),
        ({"action": "release", "communications": NAMED}, "event.why: missing; release needs a reason"),
        ({"action": "discard", "all": True, "why": "  "}, "event.why: missing; discard needs a reason"),
        ({"action": "discard", "communications": NAMED, "why": 5}, "event.why: must be a text"),
        ({"action": "stop"}, "event.runId: missing; stop needs the run's id"),
        ({"action": "stop", "runId": "no such run"}, "event.runId: there is no run no such run"),
        ({"action": "pause", "seconds": 0}, "event.seconds: must be above 0 and at most 86400"),
        ({"action": "pause", "seconds": 86401}, "event.seconds: must be above 0 and at most 86400"),
        ({"action": "slowDown", "maxRequestsPerSecond": 0}, "event.maxRequestsPerSecond: must be above 0"),
        ({"action": "slowDown", "maxRequestsPerSecond": 501}, "event.maxRequestsPerSecond: must be above 0"),
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
        invoke(context, "release", communications=NAMED, why="why")
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
    Waiting(table).take(group.name, 1)
    Waiting(table).add(group, "earlier")
    assert (table.get(Key(GROUPS, group.name)) or {})["count"] == 1
