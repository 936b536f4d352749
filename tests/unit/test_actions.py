"""Large changes: planned, confirmed with the number, carried out over several invocations, and kept to be read."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ledger_admin import handler as ledger_admin
from redrive import clock
from redrive.actions import KEPT_SECONDS, SECONDS_TO_CONFIRM, Actions, Phase
from redrive.control import CONTROL, Controls
from redrive.errors import ConfigurationError, LedgerUnavailable, NotCarriedOn
from redrive.ledger import GROUPS, Ledger
from redrive.ledger_rules import State
from redrive.orders import MAX_BY, MAX_WHY
from redrive.table import Key, Table, size
from redrive.waiting import Waiting, Wanted
from tests.unit.desk import (
    ANN,
    EMAIL,
    GONE,
    GONE_GROUP,
    NAMED,
    SMS,
    UNKNOWN_GROUP,
    WHO,
    Later,
    all_listed,
    confirmed,
    email,
    groups,
    ids,
    invoke,
    ordered,
    planned,
    shown,
    wait,
)
from tests.unit.support import LEDGER, Context, TableFront, Time, entry_of

pytestmark = pytest.mark.usefixtures("front")

EVERYTHING = {GONE_GROUP: 6, UNKNOWN_GROUP: 4, "sms/410/gone": 1}
ALL_OF_THEM = [*map(email, range(10)), SMS]


def states(ledger: Ledger) -> Counter[str]:
    return Counter(entry.state for _, entry in ledger.read(ALL_OF_THEM) if entry)


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Have something happen right after the ledger was read for the first time."""

    def script(happens: Callable[[], object]) -> None:
        read, first = Ledger.read_whole, iter([happens])

        def reading(self: Ledger, communications: Any) -> Any:
            found = list(read(self, communications))
            next(first, lambda: None)()
            return iter(found)

        monkeypatch.setattr(Ledger, "read_whole", reading)

    return script


@pytest.mark.usefixtures("pile")
@pytest.mark.parametrize(
    ("what", "narrowed", "changed"),
    [
        ("release", {"all": True}, EVERYTHING),
        ("discard", {"all": True}, EVERYTHING),
        ("discard", {"source": "sms"}, {"sms/410/gone": 1}),
        ("release", {"operation": "send.email"}, {GONE_GROUP: 6, UNKNOWN_GROUP: 4}),
        ("release", {"error": "http 410"}, {GONE_GROUP: 6, "sms/410/gone": 1}),
        ("discard", {"group": UNKNOWN_GROUP}, {UNKNOWN_GROUP: 4}),
        ("release", {"olderThanSeconds": 1800}, {GONE_GROUP: 3}),
        ("release", {"group": UNKNOWN_GROUP, "source": "sms"}, {}),
    ],
)
def test_what_a_filter_means_is_counted_and_confirmed_with_the_number_and_just_that_is_changed(
    ledger: Ledger,
    table: Table,
    context: Context,
    later: Later,
    what: str,
    narrowed: dict[str, Any],
    changed: dict[str, int],
) -> None:
    plan = planned(context, later, what, **narrowed)
    assert (plan["state"], plan["count"]) == ("planned", sum(changed.values()))
    assert (groups(context), states(ledger)[State.MANUAL]) == (EVERYTHING, 11), "a plan changes nothing"
    assert invoke(context, "actions")["actions"] == []

    assert confirmed(context, plan)["state"] in ("running", "checking")
    assert later.come() == 1
    done = shown(context, plan)
    assert (done["state"], done["done"], done["skipped"]) == ("done", plan["count"], 0)
    left = {name: count - changed.get(name, 0) for name, count in EVERYTHING.items()}
    assert groups(context) == {name: count for name, count in left.items() if count}
    for name in changed:
        entry, rest = table.get(Key(GROUPS, name)), all_listed(context, group=name)
        assert (entry or {"ids": []})["ids"] == rest[:3], "what is still there; a group in which nothing is left goes"
    assert len(all_listed(context)) == sum(left.values())
    assert states(ledger)[{"release": State.RELEASED, "discard": State.DISCARDED}[what]] == plan["count"]
    assert states(ledger)[State.MANUAL] == sum(left.values())


def test_who_and_why_stand_in_each_history_and_in_the_list_of_actions(
    pile: None, ledger: Ledger, context: Context, later: Later
) -> None:
    confirmed(context, planned(context, later, "release", group=GONE_GROUP))
    later.come()
    for number in range(6):
        event = entry_of(ledger, email(number)).history[-1]
        assert (event.what, event.by, event.detail) == ("released", ANN, "the provider is back")
    [action] = invoke(context, "actions")["actions"]
    assert (action["what"], action["by"], action["why"]) == ("release", ANN, "the provider is back")
    assert action["meant"] == {"group": GONE_GROUP}
    assert action["ended"] >= action["began"]


@pytest.mark.parametrize("moves", ["more", "fewer"])
def test_where_the_number_has_moved_nothing_is_changed(
    pile: None, ledger: Ledger, table: Table, context: Context, later: Later, moves: str
) -> None:
    plan = planned(context, later, "release", group=GONE_GROUP)
    if moves == "more":
        wait(ledger, table, email(50), run="the run of this hour")
    else:
        invoke(context, "release", communications=[{"primaryId": "000", "operation": "send.email"}], **WHO)
    refused = confirmed(context, plan)
    assert (refused["state"], refused["counted"]) == ("moved", 7 if moves == "more" else 5)
    assert refused["detail"] == f"nothing was changed: 6 were confirmed, and by now it is {refused['counted']}"
    assert later.come() == 0
    assert states(ledger)[State.RELEASED] == (moves == "fewer")


def test_a_number_that_is_not_the_plans_is_refused(pile: None, context: Context, later: Later) -> None:
    plan = planned(context, later, "discard", all=True)
    with pytest.raises(ConfigurationError, match=r"event.count: the plan is for 11, not 10; look again"):
        confirmed(context, plan, count=10)
    assert groups(context) == EVERYTHING


def test_a_plan_is_confirmed_once_and_within_the_hour(pile: None, context: Context, later: Later, time: Time) -> None:
    plan, old = (
        planned(context, later, "release", group=GONE_GROUP),
        planned(context, later, "release", group=UNKNOWN_GROUP),
    )
    confirmed(context, plan)
    with pytest.raises(ConfigurationError, match="only a plan can be confirmed; this one is running"):
        confirmed(context, plan)
    assert later.come() == 1
    time.passes(SECONDS_TO_CONFIRM + 1)
    with pytest.raises(ConfigurationError, match="only a plan can be confirmed; there is none"):
        confirmed(context, old)
    assert groups(context) == {UNKNOWN_GROUP: 4, "sms/410/gone": 1}


def test_where_time_is_short_each_invocation_does_a_page_and_has_the_next_one_begun(
    pile: None, ledger: Ledger, context: Context, later: Later
) -> None:
    plan = ordered(context, later, "release", all=True)
    assert later.come(seconds=0) > 4, "4, 2, 4 and 1 communications"
    assert (shown(context, plan)["done"], states(ledger)) == (11, {State.RELEASED: 11})
    assert groups(context) == {}


def test_what_takes_more_reads_than_an_answer_may_is_counted_and_checked_in_the_background(
    ledger: Ledger, table: Table, context: Context, later: Later, front: TableFront
) -> None:
    for number in range(5):
        wait(ledger, table, email(number), error=f"POST /requeue: HTTP 422 kind {'abcde'[number]}")
    front.calls.clear()
    plan = invoke(context, "plan", what="discard", all=True)
    assert (plan["state"], front.calls.count("Query")) == ("counting", 3)
    later.come(seconds=0)
    plan = shown(context, plan)
    assert (plan["state"], plan["count"]) == ("planned", 5)
    assert confirmed(context, plan)["state"] == "checking"
    later.come(seconds=0)
    assert (shown(context, plan)["state"], shown(context, plan)["done"], groups(context)) == ("done", 5, {})


class Killed(BaseException):
    """Lambda ends the sandbox."""


def dies_at(monkeypatch: pytest.MonkeyPatch, due: int, *, is_before: bool) -> None:
    """Let the sandbox end at this call of the table, before it is made or after it, until the next one comes."""
    calls = itertools.count(1)

    def wrapped(real: Any) -> Any:
        def dies(self: Table, *given: Any, **named: Any) -> Any:
            is_due = next(calls) == due
            if is_due and is_before:
                raise Killed
            answer = real(self, *given, **named)
            if is_due:
                raise Killed
            return answer

        return dies

    for name in ("write", "write_together", "get", "get_many", "query"):
        monkeypatch.setattr(Table, name, wrapped(getattr(Table, name)))


def deaths_of(call: Any) -> int:
    """Make a call again and again, killed at each of its calls of the table, before and after, until one survives."""
    for number in itertools.count(1):
        for is_before in (True, False):
            with pytest.MonkeyPatch.context() as patched:
                dies_at(patched, number, is_before=is_before)
                try:
                    call()
                except Killed:
                    continue
            return number
    raise AssertionError


def test_one_that_is_killed_anywhere_goes_on_where_it_stood_and_changes_each_once(
    pile: None, ledger: Ledger, context: Context, later: Later
) -> None:
    """At each call of the table in turn, before it and after it; Lambda then makes the invocation again."""
    plan = ordered(context, later, "release", all=True)
    [(_, event)] = later.accepted
    later.accepted.clear()
    assert deaths_of(lambda: ledger_admin.handler(event, Context("the same request"))) > 3  # type: ignore[arg-type]
    done = shown(context, plan)
    assert (done["state"], done["done"], done["skipped"]) == ("done", 11, 0)
    for communication in ALL_OF_THEM:
        history = entry_of(ledger, communication).history
        assert [event.what for event in history].count("released") == 1
    assert groups(context) == {}


@pytest.mark.parametrize("action", ["release", "discard"])
def test_where_a_change_of_named_ones_is_killed_the_numbers_are_right_and_the_list_says_that_it_began(
    pile: None, ledger: Ledger, context: Context, action: str
) -> None:
    named = [{"primaryId": each, "operation": "send.email"} for each in ("000", "001", "006")]
    died = 0
    for number in itertools.count(1):
        with pytest.MonkeyPatch.context() as patched:
            dies_at(patched, number, is_before=number % 2 == 0)
            try:
                invoke(context, action, communications=named, **WHO)
            except Killed:
                died += 1
            else:
                break
        waits = Counter({name: len(all_listed(context, group=name)) for name in EVERYTHING})
        assert groups(context) == {name: count for name, count in waits.items() if count}
        begun = [each for each in invoke(context, "actions", limit=100)["actions"] if each["state"] == "begun"]
        assert died - 3 <= len(begun) < died, "but for those killed before that was written down, or after its end"
        changed = states(ledger)[{"release": State.RELEASED, "discard": State.DISCARDED}[action]]
        assert not (changed and not begun)
    assert died > 5
    assert groups(context) == {GONE_GROUP: 4, UNKNOWN_GROUP: 3, "sms/410/gone": 1}
    (group,) = [each for each in invoke(context, "groups")["groups"] if each["group"] == GONE_GROUP]
    assert group["ids"] == ["002", "003", "004"]


def test_a_group_that_was_emptied_and_never_tidied_begins_anew_with_what_joins(
    ledger: Ledger, table: Table, context: Context, time: Time
) -> None:
    """Else the age of the oldest, which an alarm watches, would be that of one that waits no more."""
    wait(ledger, table, email(1))
    ledger.release(entry_of(ledger, email(1)), "ann", "and the sandbox ends before it tidies")
    assert groups(context) == {}
    time.passes(86400)
    wait(ledger, table, email(2), run="a day later")
    (group,) = invoke(context, "groups")["groups"]
    assert (group["count"], group["oldest"], group["ids"]) == (1, group["newest"], ["002"])


def test_who_was_taken_over_while_counting_leaves_the_changing_to_the_other(
    pile: None, ledger: Ledger, context: Context, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned(context, later, "release", all=True)
    monkeypatch.setattr("redrive.administration.READS", 2)
    assert confirmed(context, plan)["state"] == "checking"
    [(_, event)] = later.accepted
    later.accepted.clear()
    count, actions, is_first = Waiting.count, ledger_admin._desk().look.actions, iter([True])

    def then_another(self: Waiting, *given: Any, **named: Any) -> Any:
        if next(is_first, False) and (taken := actions.take(plan["actionId"], "another")):
            assert actions.move(taken, phase=Phase.RUNNING, counted=11, position=("", ""))
        return count(self, *given, **named)

    monkeypatch.setattr(Waiting, "count", then_another)
    ledger_admin.handler(event, Context("first"))  # type: ignore[arg-type]
    assert (shown(context, plan)["state"], states(ledger)) == ("running", {State.MANUAL: 11})
    ledger_admin.handler(event, Context("another"))  # type: ignore[arg-type]
    assert (shown(context, plan)["done"], states(ledger)) == (11, {State.RELEASED: 11})


def test_two_that_are_at_it_at_once_change_each_once(
    pile: None, ledger: Ledger, context: Context, later: Later, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    """The one that was taken over finds out with its next page, and leaves it."""
    plan = ordered(context, later, "release", all=True)
    meanwhile(lambda: invoke(Context("another"), "carryOut", actionId=plan["actionId"]))
    assert later.come() == 1
    done = shown(context, plan)
    assert (done["state"], done["done"], done["skipped"], groups(context)) == ("done", 11, 0, {})
    assert states(ledger) == {State.RELEASED: 11}


def test_so_many_are_changed_in_a_second_as_their_groups_partition_takes(
    pile: None, context: Context, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("redrive.carrying_out.PER_SECOND", 0.01)
    monkeypatch.setattr("redrive.carrying_out.time", SimpleNamespace(sleep=slept.append, monotonic=lambda: 0.0))
    confirmed(context, planned(context, later, "release", all=True))
    later.come()
    assert sum(slept) == pytest.approx(11 / 0.01)


def test_what_waits_since_the_moment_that_is_meant_is_meant(ledger: Ledger, table: Table) -> None:
    wait(ledger, table, EMAIL)
    since = entry_of(ledger, EMAIL).waiting_since
    for before, count in ((since, 1), (since - 0.002, 0)):
        assert Waiting(table).count(GONE_GROUP, after=None, until=Wanted(before=before).until)[0] == count


def test_who_was_taken_over_begins_no_further_invocation(
    pile: None, context: Context, later: Later, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    """Else two chains of invocations would take it from each other to its end."""
    plan = ordered(context, later, "release", all=True)
    [(_, event)] = later.accepted
    later.accepted.clear()
    meanwhile(lambda: ledger_admin.handler(event, Context("another", 0)))
    ledger_admin.handler(event, Context("first"))  # type: ignore[arg-type]
    assert (shown(context, plan)["done"], len(later.accepted)) == (4, 1)


def test_what_joins_while_it_goes_on_is_left_alone(
    pile: None, ledger: Ledger, table: Table, context: Context, later: Later, time: Time
) -> None:
    """Nor does it take the place of one that somebody has released meanwhile."""
    plan = ordered(context, later, "discard", group=GONE_GROUP)
    time.passes(1)
    wait(ledger, table, email(50), run="the run of this hour")
    ledger.release(entry_of(ledger, email(0)), "bob", "quicker")
    later.come(seconds=0)
    done = shown(context, plan)
    assert (done["done"], done["skipped"], groups(context)[GONE_GROUP]) == (5, 0, 1)
    assert entry_of(ledger, email(50)).state is State.MANUAL


def test_never_more_are_changed_than_were_confirmed(
    pile: None, ledger: Ledger, table: Table, context: Context, later: Later, time: Time
) -> None:
    """As where a run that ended before concludes late: what it adds waits since then, and nobody has counted it."""
    plan = planned(context, later, "discard", group=GONE_GROUP)
    assert confirmed(context, plan)["state"] == "running"
    time.passes(-1800)
    wait(ledger, table, email(50), run="concluded late")
    time.passes(1800)
    later.come()
    done = shown(context, plan)
    assert (done["done"], done["skipped"], done["examples"][0]["why"]) == (6, 1, "more than were confirmed")
    assert groups(context)[GONE_GROUP] == 1


def test_who_confirms_with_a_clock_that_is_behind_means_nothing_that_joins_since(
    pile: None, ledger: Ledger, table: Table, context: Context, later: Later, time: Time
) -> None:
    """Nor does it take the place of one that somebody has released meanwhile."""
    plan = planned(context, later, "discard", group=GONE_GROUP, olderThanSeconds=1800)
    time.passes(-3600)
    confirmed(context, plan)
    time.passes(600)
    wait(ledger, table, email(50), run="the run of this hour")
    ledger.release(entry_of(ledger, email(0)), "bob", "quicker")
    time.passes(3000)
    later.come(seconds=0)
    assert entry_of(ledger, email(50)).state is State.MANUAL


def test_a_pause_in_the_middle_of_which_the_function_is_killed_stands_in_the_list(
    context: Context, later: Later, controls: Controls
) -> None:
    for number in itertools.count(1):
        with pytest.MonkeyPatch.context() as patched:
            dies_at(patched, number, is_before=False)
            try:
                invoke(context, "pause", **WHO)
            except Killed:
                assert bool(invoke(context, "actions")["actions"]) >= controls.read().is_paused(clock.now())
            else:
                break
    assert [each["state"] for each in invoke(context, "actions")["actions"]] == ["done", "done", "begun", "begun"]


def test_what_somebody_else_has_released_meanwhile_is_skipped_and_named(
    pile: None, ledger: Ledger, context: Context, later: Later, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    plan = ordered(context, later, "discard", group=GONE_GROUP)
    meanwhile(lambda: ledger.release(entry_of(ledger, email(1)), "bob", "quicker"))
    later.come()
    done = shown(context, plan)
    assert (done["done"], done["skipped"]) == (5, 1)
    assert done["examples"] == [{"primaryId": "001", "why": "is released by now"}]
    assert entry_of(ledger, email(1)).state is State.RELEASED


def test_of_two_operators_who_mean_the_same_each_is_told_what_the_other_has_left(
    pile: None, ledger: Ledger, context: Context, later: Later
) -> None:
    plans = [planned(context, later, "release", source="email"), planned(context, later, "discard", error="410")]
    for plan in plans:
        confirmed(context, plan)
    for number in itertools.count():  # in turn, a page each
        if not later.accepted:
            break
        ledger_admin.handler(later.accepted.pop(0)[1], Context(f"own-{number}", 0))  # type: ignore[arg-type]
    released, discarded = (shown(context, plan) for plan in plans)
    assert (released["count"], discarded["count"]) == (10, 7)
    assert released["done"] + discarded["done"] == 11
    assert 0 < released["done"] < 10
    for one in (released, discarded):
        gone = one["count"] - one["done"] - one["skipped"]
        assert one["detail"] == (f"{gone} waited no more when their turn came" if gone else "")
    assert states(ledger) == {State.RELEASED: released["done"], State.DISCARDED: discarded["done"]}


def test_a_group_that_a_run_adds_to_in_the_same_moment_does_not_get_lost(
    ledger: Ledger, table: Table, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait(ledger, table, EMAIL)
    page = Waiting.page

    def then_add(self: Waiting, name: str, **how: Any) -> Any:
        found = page(self, name, **how)
        if not found.items and entry_of(ledger, EMAIL).state is State.RELEASED and not ledger.show(email(1)):
            wait(ledger, table, email(1), run="later")
        return found

    monkeypatch.setattr(Waiting, "page", then_add)
    invoke(context, "release", communications=NAMED, **WHO)
    assert groups(context) == {GONE_GROUP: 1}
    assert ids(invoke(context, "list")) == ["001"]


def test_what_has_not_gone_yet_can_be_stopped(
    pile: None, ledger: Ledger, context: Context, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = ordered(context, later, "discard", all=True)
    read, numbers = Ledger.read_whole, iter([False, True])

    def then_stop(self: Ledger, communications: Any) -> Any:
        if next(numbers, False):
            invoke(Context("bob's"), "stop", actionId=plan["actionId"], by="bob", why="not these")
        return read(self, communications)

    monkeypatch.setattr(Ledger, "read_whole", then_stop)
    later.come()
    stopped = shown(context, plan)
    assert (stopped["state"], stopped["done"], stopped["detail"]) == ("stopped", 4, "stopped by bob: not these")
    assert (states(ledger)[State.DISCARDED], groups(context)[GONE_GROUP]) == (4, 2)
    assert later.come() == 0
    invoke(context, "carryOut", actionId=plan["actionId"])
    assert states(ledger)[State.DISCARDED] == 4


def test_a_discard_is_undone_as_a_whole_but_for_what_is_discarded_no_more(
    pile: None, ledger: Ledger, table: Table, context: Context, later: Later, time: Time
) -> None:
    discard = planned(context, later, "discard", all=True)
    confirmed(context, discard)
    later.come()
    named = [{"primaryId": each, "operation": "send.email"} for each in ("003", "004")]
    invoke(context, "release", communications=named, **WHO)
    wait(ledger, table, email(4), run="it was refused once more")
    undo = planned(context, later, "release", undoes=discard["actionId"])
    assert (undo["count"], undo["meant"]) == (11, {"undoes": discard["actionId"]})
    confirmed(context, undo, why="they were good")
    assert later.come(seconds=0) > 3, "a page each"
    undone = shown(context, undo)
    assert (undone["state"], undone["done"]) == ("done", 9)
    assert [each["primaryId"] for each in undone["examples"]] == ["003", "004"]
    assert (states(ledger), groups(context)) == ({State.RELEASED: 10, State.MANUAL: 1}, {GONE_GROUP: 1})
    assert shown(context, discard)["canBeUndone"]
    time.passes(KEPT_SECONDS + 1)
    with pytest.raises(ConfigurationError, match=r"event\.undoes: must be the id of a discard"):
        planned(context, later, "release", undoes=discard["actionId"])


def test_an_undo_leaves_what_somebody_else_has_discarded_since(
    pile: None, ledger: Ledger, context: Context, later: Later, time: Time
) -> None:
    discard = planned(context, later, "discard", group=GONE_GROUP)
    confirmed(context, discard)
    later.come()
    time.passes(60)
    named = [{"primaryId": "003", "operation": "send.email"}]
    invoke(context, "release", communications=named, **WHO)
    invoke(context, "discard", communications=named, by="bob", why="this customer has left")
    undo = planned(context, later, "release", undoes=discard["actionId"])
    confirmed(context, undo)
    later.come()
    undone = shown(context, undo)
    assert (undone["done"], undone["examples"]) == (5, [{"primaryId": "003", "why": "is discarded by now"}])
    assert entry_of(ledger, email(3)).history[-1].by == "bob"


def test_what_a_discard_has_changed_is_kept_for_longer_than_it_can_be_undone(
    pile: None, table: Table, context: Context, later: Later
) -> None:
    """An undo may be planned in the last minute, confirmed an hour later, and take its time."""
    discard = planned(context, later, "discard", all=True)
    confirmed(context, discard)
    later.come()
    action = ledger_admin._desk().look.actions.find(discard["actionId"])
    assert action is not None
    last_minute = action.began + KEPT_SECONDS - 1
    assert action.can_be_undone(last_minute)
    assert not replace(action, ended=action.began + 2 * KEPT_SECONDS).can_be_undone(last_minute + 2), "stood still"
    pages = table.query(f"action/{action.id}").items
    assert pages
    assert all(page["expiry"] > last_minute + SECONDS_TO_CONFIRM + 3600 for page in pages)


def test_a_discard_that_has_changed_nothing_cannot_be_undone(
    pile: None, ledger: Ledger, context: Context, later: Later, time: Time
) -> None:
    plan = ordered(context, later, "releaseAndSend", group=UNKNOWN_GROUP)
    invoke(context, "stop", actionId=plan["actionId"], **WHO)
    discard = planned(context, later, "discard", group=UNKNOWN_GROUP)
    confirmed(context, discard)
    for number in range(6, 10):
        ledger.release(entry_of(ledger, email(number)), "bob", "quicker")
    later.come()
    done = shown(context, discard)
    assert (done["state"], done["done"], done["canBeUndone"]) == ("done", 0, False)
    assert done["detail"] == "4 waited no more when their turn came"


def test_nobody_is_asked_to_send_where_nothing_was_released(
    pile: None, ledger: Ledger, context: Context, later: Later
) -> None:
    plan = ordered(context, later, "releaseAndSend", group=UNKNOWN_GROUP)
    for number in range(6, 10):
        ledger.discard(entry_of(ledger, email(number)), "bob", "quicker")
    later.come()
    assert (shown(context, plan)["done"], later.accepted) == (0, [])


def test_of_many_that_are_skipped_the_first_are_named(
    pile: None, context: Context, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("redrive.carrying_out.SHOWN_SKIPPED", 5)
    discard = planned(context, later, "discard", all=True)
    confirmed(context, discard)
    later.come()
    for _ in range(2):
        undo = planned(context, later, "release", undoes=discard["actionId"])
        confirmed(context, undo)
        later.come()
    undone = shown(context, undo)
    assert (undone["done"], undone["skipped"], len(undone["examples"])) == (0, 11, 5)


def test_what_has_come_to_its_end_is_not_stopped(pile: None, context: Context, later: Later) -> None:
    plan = ordered(context, later, "release", group=UNKNOWN_GROUP)
    later.come()
    with pytest.raises(ConfigurationError, match=r"event\.actionId: .* is not under way"):
        invoke(context, "stop", actionId=plan["actionId"], **WHO)
    assert shown(context, plan)["state"] == "done"


def test_what_is_released_is_sent_at_once_by_a_run_of_these_ids(pile: None, context: Context, later: Later) -> None:
    plan = ordered(context, later, "releaseAndSend", group=UNKNOWN_GROUP)
    later.come()
    assert later.accepted == [("redrive-list-failed", {"ids": ["006", "007", "008", "009"]})]
    assert shown(context, plan)["detail"] == "the lister was asked to send at once (request request-1)"
    answer = invoke(context, "releaseAndSend", communications=[{"primaryId": "000", "operation": "send.email"}], **WHO)
    assert later.accepted[1:] == [("redrive-list-failed", {"ids": ["000"]})]
    assert answer["sent"] == "the lister was asked to send at once (request request-2)"


def test_too_many_for_a_run_of_their_own_are_sent_by_a_run_of_their_sources_unless_one_is_on(
    pile: None, context: Context, later: Later, table: Table, monkeypatch: pytest.MonkeyPatch, runs: Any
) -> None:
    monkeypatch.setattr("redrive.desk.MAX_IDS", 3)
    confirmed(context, planned(context, later, "releaseAndSend", source="email"))
    later.come()
    assert later.accepted == [("redrive-list-failed", {"sources": ["email"]})]
    later.accepted.clear()
    wait(
        Ledger(table, ledger_admin._desk().look.ledger._settings),
        table,
        *map(email, range(20, 25)),
    )
    runs.take_lock("20261124T021500Z", "request", 2e9)
    plan = ordered(context, later, "releaseAndSend", group=GONE_GROUP)
    later.come()
    assert (later.accepted, shown(context, plan)["detail"]) == ([], "a run is on: the next run sends them")


def test_everything_that_somebody_did_is_in_one_list_the_newest_first(
    pile: None, runs: Any, context: Context, later: Later, time: Time
) -> None:
    def passes() -> None:
        time.passes(1)

    invoke(context, "pause", seconds=600, by="ann", why="the provider is down")
    passes()
    invoke(context, "release", communications=NAMED, by="bob", why="it is not there")
    passes()
    confirmed(context, planned(context, later, "discard", group=UNKNOWN_GROUP), by="cid", why="unknown for a year")
    passes()
    invoke(context, "slowDown", maxRequestsPerSecond=2, by="dan", why="it is slow")
    passes()
    runs.take_lock("20261124T021500Z", "request", 2e9)
    invoke(context, "stop", runId="20261124T021500Z", by="eve", why="wrong template")
    passes()
    invoke(context, "resume", by="ann", why="it is back")
    listed = invoke(context, "actions")["actions"]
    assert [(each["what"], each["by"], each["why"]) for each in listed] == [
        ("resume", "ann", "it is back"),
        ("stop", "eve", "wrong template"),
        ("slowDown", "dan", "it is slow"),
        ("discard", "cid", "unknown for a year"),
        ("release", "bob", "it is not there"),
        ("pause", "ann", "the provider is down"),
    ]
    assert [each["detail"] for each in listed[1:3]] == ["run 20261124T021500Z", "2 requests a second"]
    first = invoke(context, "actions", limit=4)
    assert invoke(context, "actions", next=first["next"])["actions"] == listed[4:]


def test_of_an_action_only_what_it_has_is_stored(pile: None, table: Table, context: Context, later: Later) -> None:
    plan = planned(context, later, "release", group=GONE_GROUP)
    item = table.get(Key("planned", plan["actionId"]))
    assert item is not None
    assert item["wanted"] == {"group": GONE_GROUP}
    assert all(item.values())


def test_the_result_can_be_read_for_a_week(pile: None, context: Context, later: Later, time: Time) -> None:
    plan = ordered(context, later, "release", all=True)
    later.come()
    time.passes(KEPT_SECONDS - 60)
    assert shown(context, plan)["done"] == 11
    time.passes(LEDGER.retention_days * 86400 - KEPT_SECONDS)
    [kept] = invoke(context, "actions")["actions"]
    assert kept["actionId"] == plan["actionId"], "as long as runs"
    time.passes(61)
    assert invoke(context, "actions")["actions"] == [], "though the table still has it: it deletes some days later"
    assert shown(context, plan) is None


def test_the_result_can_be_read_for_a_week_also_where_runs_are_kept_for_a_day(table: Table, time: Time) -> None:
    actions = Actions(table, 1)
    actions.begin("request", "pause", "ann", "why", "")
    time.passes(KEPT_SECONDS - 60)
    assert actions.newest(1)[0]


def test_an_invocation_that_lambda_does_not_take_leaves_an_action_that_can_be_carried_on(
    pile: None, context: Context, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned(context, later, "release", all=True)

    def throttled(function: str, event: Any) -> str:
        raise ClientError({"Error": {"Code": "TooManyRequestsException"}}, "Invoke")

    monkeypatch.setattr("redrive.desk._invoke", throttled)
    with pytest.raises(NotCarriedOn, match="stands still, carryOut goes on"):
        confirmed(context, plan)
    assert shown(context, plan)["state"] == "checking"
    invoke(context, "carryOut", actionId=plan["actionId"])
    assert (shown(context, plan)["state"], groups(context)) == ("done", {})


def test_a_table_that_is_throttled_for_long_fails_the_invocation_which_lambda_makes_again(
    pile: None, context: Context, later: Later, front: TableFront
) -> None:
    plan = ordered(context, later, "release", all=True)
    [(_, event)] = later.accepted
    front.goes("fine", "throttled")
    with pytest.raises(LedgerUnavailable):
        ledger_admin.handler(event, Context("own"))  # type: ignore[arg-type]
    later.come()
    assert (shown(context, plan)["done"], groups(context)) == (11, {})


@pytest.mark.parametrize("text", ["<b>", "✓ ünïcode", "x" * 5000, "👩‍🚀" * 2000])
def test_any_name_and_reason_is_kept_as_far_as_anybody_reads_it(
    pile: None, ledger: Ledger, table: Table, context: Context, later: Later, text: str
) -> None:
    """Neither fills a communication's item, nor the one that every request writes: each kilobyte costs a write unit."""
    plan = planned(context, later, "release", group=GONE_GROUP)
    confirmed(context, plan, by=text, why=text)
    later.come()
    action = shown(context, plan)
    assert (action["state"], action["by"], action["why"]) == ("done", text[:MAX_BY], text[:MAX_WHY])
    assert entry_of(ledger, email(0)).history[-1].by == text[:MAX_BY]
    invoke(context, "pause", by=text, why=text)
    assert size(table.get(CONTROL) or {}) < 4 * (MAX_BY + MAX_WHY) + 200


def test_an_error_narrows_whatever_its_letters(pile: None, context: Context, later: Later) -> None:
    assert planned(context, later, "release", error=GONE.upper())["count"] == 7
