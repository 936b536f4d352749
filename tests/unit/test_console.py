"""The console: what a viewer sees, what an operator's buttons do, and that no text becomes markup."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console_operate import handler as console_operate
from console_view import handler as console_view
from ledger_admin import handler as ledger_admin
from redrive import clock
from redrive.actions import KEPT_SECONDS
from redrive.control import Controls
from redrive.errors import ConfigurationError
from redrive.html import VOID, capped, joined, table, tag
from redrive.ledger import Ledger
from redrive.ledger_rules import State
from redrive.models import Communication
from redrive.runs import Runs
from redrive.table import Table
from redrive.widget import button, visit_of
from tests.unit.desk import ANN, GONE_GROUP, Later, email, groups, invoke, ordered, planned, shown, wait
from tests.unit.running import Running, all_get, emails
from tests.unit.support import Context, TableFront, Time, entry_of

OPERATE = "arn:aws:lambda:eu-west-1:123456789012:function:redrive-console-operate"
VIEW = "arn:aws:lambda:eu-west-1:123456789012:function:redrive-console-view"
HOSTILE = """<script>alert(1)</script><img src=x onerror="alert('x')">"quotes' </cwdb-action><iframe>&amp;"""


@pytest.fixture(autouse=True)
def _sandbox(later: Later, monkeypatch: pytest.MonkeyPatch) -> None:
    as_function(console_view, VIEW)
    as_function(console_operate, OPERATE)


class Page(HTMLParser):
    """A page as a browser reads it: its elements, its text, and what its buttons would call."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html, self.tags, self.text = html, list[str](), ""
        self.buttons: dict[str, dict[str, Any]] = {}
        self.calls = list[tuple[str, dict[str, Any]]]()
        self.confirmations: dict[str, str | None] = {}
        self.endpoints: set[str | None] = set()
        self._label, self._action, self._open = "", dict[str, str | None](), ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._open = tag
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag == "a":
            self._label = ""
        if tag == "cwdb-action":
            self._action = dict(attrs)

    def handle_data(self, data: str) -> None:
        if self._open == "cwdb-action":
            assert self._action["action"] == "call"
            self.buttons[self._label] = json.loads(data)
            self.calls.append((self._label, self.buttons[self._label]))
            self.confirmations[self._label] = self._action.get("confirmation")
            self.endpoints.add(self._action["endpoint"])
            self._open = ""
        elif self._open != "style":
            self.text += data
            if self._open == "a":
                self._label += data

    def handle_endtag(self, tag: str) -> None:
        self._open = ""


def event(forms: dict[str, str] | None = None, params: dict[str, Any] | None = None, **said: Any) -> dict[str, Any]:
    """What CloudWatch sends: the configured parameters, or a button's, and what stands in the forms."""
    context = {"dashboardName": "redrive", "params": params or {}, "forms": {"all": forms or {}}, "theme": "light"}
    return {**(params or {}), **said, "widgetContext": context}


def as_function(function: Any, arn: str) -> None:
    """Let a function be deployed as the one of this ARN."""
    function._settings.cache_clear()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("REDRIVE_OWN_ARN", arn)
        function._settings()


def view(forms: dict[str, str] | None = None, **said: Any) -> Page:
    html = console_view.handler(event(forms, **said), Context("view"))  # type: ignore[arg-type]
    assert isinstance(html, str)
    return Page(html)


def operate(forms: dict[str, str] | None = None, **said: Any) -> Page:
    html = console_operate.handler(event(forms, **said), Context("operate"))  # type: ignore[arg-type]
    assert isinstance(html, str)
    return Page(html)


def press(page: Page, label: str, **forms: str) -> Page:
    return operate(forms, **page.buttons[label])


WHO = {"by": ANN, "why": "corrected"}
PAGES: list[dict[str, Any]] = [
    {},
    {"page": "list"},
    {"page": "runs"},
    {"page": "run", "run": "20261124T021500Z"},
    {"page": "communication", "id": "000"},
    {"page": "actions"},
]


def test_the_landing_page_shows_groups_with_how_many_since_when_and_some_ids(
    pile: None, ledger: Ledger, table: Table
) -> None:
    page = view()
    assert "11 wait for a person" in page.text
    wait(ledger, table, *map(email, range(20, 27)), error="POST /requeue: HTTP 500 Zzz")
    assert [label for label in view().buttons if label.count("/") == 2] == [
        "email/500/zzz",
        GONE_GROUP,
        "email/422/unknown-address",
        "sms/410/gone",
    ], "the largest first"
    assert GONE_GROUP in page.buttons
    assert "003, 004, 005" in page.text
    assert "No run is on." in page.text
    listed = view(**page.buttons[GONE_GROUP])
    assert {label for label in listed.buttons if label.isdecimal()} == {f"{number:03}" for number in range(6)}
    shown = view(**listed.buttons["000"])
    assert "it waits for a person: release it" in shown.text


def test_of_a_single_one_it_is_said_rightly_and_its_group_is_all_there_is(ledger: Ledger, table: Table) -> None:
    wait(ledger, table, email(1))
    page = operate()
    assert "1 waits for a person" in page.text
    assert "Release …" in page.buttons
    assert not [label for label in page.buttons if " all " in label]
    wait(ledger, table, email(2), error="POST /requeue: HTTP 404 Not Found")
    assert "Release all 2 …" in operate().buttons


def test_a_list_is_narrowed_by_its_form_and_says_when_it_is_cut(pile: None) -> None:
    assert "Cut: there may be more." in view(page="list").text
    narrowed = view({"error": "unknown", "hours": ""}, page="list")
    assert {label for label in narrowed.buttons if label.isdecimal()} == {"006", "007", "008", "009"}
    assert "Cut" not in narrowed.text
    assert {each for each in view({"hours": "0.5", "group": GONE_GROUP}, page="list").buttons if each.isdecimal()} == {
        "000",
        "001",
        "002",
    }


def test_the_next_page_of_a_list_has_the_same_filters_and_the_same_order(
    pile: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("redrive.looking.PAGE", 2)
    first = view({"hours": "0.5", "error": "410"}, page="list", newest="yes")
    second = view(**first.buttons["Next page"])
    found = [[label for label in page.buttons if label.isdecimal()] for page in (first, second)]
    assert found == [["002", "001"], ["000"]]


def test_a_long_digest_is_cut(runs: Runs) -> None:
    runs.begin("a run", "request", {"listed": 1})
    runs.write("a run", {"digest": {"message": "x" * 10_000}})
    assert view(page="run", run="a run").text.count("x") < 4010


def test_a_viewer_sees_no_button_that_changes_anything_and_writes_nothing(
    pile: None, front: TableFront, context: Context
) -> None:
    invoke(context, "plan", what="release", group=GONE_GROUP)
    front.requests.clear()
    for said in PAGES:
        page = view(**said)
        assert page.endpoints == {VIEW}
        assert all("do" not in values for values in page.buttons.values())
        assert "Release" not in page.text
    for said in ({"do": "pause", "shown": "9"}, {"do": "plan", "what": "release", "all": "yes"}):
        assert "wait for a person" in view(WHO, **said).text, "as if nothing had been asked for"
    assert {name for name, _ in front.requests} <= {"Query", "GetItem", "BatchGetItem"}


def test_an_operator_plans_sees_the_number_says_who_and_why_and_reads_the_result(
    pile: None, ledger: Ledger, later: Later, context: Context
) -> None:
    listed = operate(page="list", group=GONE_GROUP)
    plan = press(listed, "Release …", group=GONE_GROUP)
    assert "planned: 6" in plan.text
    assert plan.confirmations["Release 6"] == "Release 6?"
    unsigned = press(plan, "Release 6")
    assert "event.by: missing" in unsigned.text
    assert "planned: 6" in press(unsigned, "Back").text
    assert groups(context)[GONE_GROUP] == 6
    begun = press(plan, "Release 6", **WHO)
    assert "running: 0 of 6 done" in begun.text
    [(function, carried)] = later.accepted
    assert function == "redrive-console-operate"
    console_operate.handler(carried, Context("own"))  # type: ignore[arg-type]
    assert "done: 6 of 6 done" in press(begun, "Look again").text
    assert entry_of(ledger, email(0)).history[-1].by == ANN
    assert ANN in view(page="actions").text


def test_a_plan_for_nothing_cannot_be_confirmed(pile: None) -> None:
    plan = press(operate(page="list"), "Discard …", source="fax")
    assert "There is nothing to do." in plan.text
    assert not [values for values in plan.buttons.values() if values.get("do") == "confirm"]


def test_what_has_moved_is_told_and_nothing_changed(pile: None, ledger: Ledger, table: Table) -> None:
    plan = press(operate(page="list"), "Discard …", group=GONE_GROUP)
    wait(ledger, table, email(50), run="the run of this hour")
    assert "nothing was changed: 6 were confirmed, and by now it is 7" in press(plan, "Discard 6", **WHO).text
    assert entry_of(ledger, email(0)).state is State.MANUAL


def test_one_is_released_discarded_and_released_again(pile: None, ledger: Ledger) -> None:
    for label, state, said, offered in (
        ("Discard", State.DISCARDED, "1 discarded.", {"Release", "Release and send now"}),
        ("Release", State.RELEASED, "1 released.", {"Discard"}),
    ):
        page = operate(page="communication", id="000")
        assert said in press(page, label, **WHO).text
        assert entry_of(ledger, email(0)).state is state
        after = operate(page="communication", id="000")
        assert {each for each in after.buttons if each in ("Release", "Release and send now", "Discard")} == offered


def test_everything_is_paused_slowed_down_resumed_and_a_run_is_stopped(
    table: Table, ledger: Ledger, runs: Runs, controls: Controls
) -> None:
    running = Running(table, ledger)
    running.begins(emails(4), emails(4, first=4))
    running.sends(1, all_get(202, emails(4)))
    page = operate()
    assert "4 gone, 4 not" in page.text
    assert page.confirmations["Stop"] == f"Stop run {running.run_id}? 4 are gone, 4 not."
    press(page, "Pause", **WHO, **{"for": "2"})
    assert controls.read().paused_until == pytest.approx(clock.now() + 7200, abs=30)
    paused = operate()
    assert "Pause" not in paused.buttons
    assert "Paused since" in paused.text
    press(paused, "Resume", **WHO)
    press(operate(), "Slow down or speed up", **WHO, rate="2.5")
    assert (controls.read().paused_until, controls.read().rate) == (0, 2.5)
    press(operate(), "Stop", **WHO)
    assert runs.breaker(running.run_id).ended
    assert "It opens no batch any more" in operate(page="runs").text
    assert "Stop" not in operate().buttons


def test_of_two_operators_the_one_with_the_older_page_neither_ends_nor_shortens_the_others_pause(
    table: Table, ledger: Ledger, controls: Controls, time: Time
) -> None:
    before = operate()
    press(before, "Pause", **WHO, **{"for": "24"})
    until = controls.read().paused_until
    assert "somebody has paused everything since this page was shown" in press(before, "Pause", **WHO).text
    assert controls.read().paused_until == until
    first = operate()
    press(first, "Resume", **WHO)
    time.passes(1)
    press(operate(), "Pause", **WHO)
    assert "somebody has paused everything since this page" in press(first, "Resume", **WHO).text
    assert controls.read().is_paused(clock.now())
    press(operate(), "Resume", **WHO)
    assert "somebody has ended the pause since this page was shown" in press(first, "Resume", **WHO).text


def test_a_pause_that_has_ended_by_itself_is_not_shown_any_more(controls: Controls, time: Time) -> None:
    press(operate(), "Pause", **WHO, **{"for": "1"})
    assert "Paused since" in view().text
    time.passes(3601)
    assert "Paused since" not in view().text
    assert {"Pause", "Resume"} & set(operate().buttons) == {"Pause"}


def test_the_brake_is_taken_off_by_its_own_button_and_never_by_a_field_left_empty(
    table: Table, ledger: Ledger, controls: Controls
) -> None:
    assert "Back to the configured rate" not in operate().buttons
    press(operate(), "Slow down or speed up", **WHO, rate="2")
    assert "requests a second: must be a number" in press(operate(), "Slow down or speed up", **WHO).text
    assert controls.read().rate == 2
    assert "At most 2 requests a second" in operate().text
    assert "Done." in press(operate(), "Back to the configured rate", **WHO, rate="5").text
    assert controls.read().rate is None


def test_a_page_may_be_shown_by_a_machine_whose_clock_is_ahead(controls: Controls, time: Time) -> None:
    page = operate()
    time.passes(-5)
    assert "Done." in press(page, "Pause", **WHO).text
    assert controls.read().is_paused(clock.now())


def test_a_pause_of_no_hours_or_of_days_is_none_and_one_of_no_length_is_of_an_hour(controls: Controls) -> None:
    for typed in ("0", "48"):
        assert "must be from 60 to 86400, a minute to a day" in press(operate(), "Pause", **WHO, **{"for": typed}).text
        assert controls.read().paused_until == 0
    press(operate(), "Pause", **WHO, **{"for": ""})
    assert controls.read().paused_until == pytest.approx(clock.now() + 3600, abs=30)


@pytest.mark.parametrize("typed", ["2h", "two", "-1", "nan", "inf"])
def test_a_pause_of_a_length_that_cannot_be_read_is_none(controls: Controls, typed: str) -> None:
    assert "hours: must be a number" in press(operate(), "Pause", **WHO, **{"for": typed}).text
    assert controls.read().paused_until == 0


def test_no_page_asks_for_the_same_thing_in_two_fields(pile: None, ledger: Ledger, table: Table) -> None:
    """Nobody says which of two fields of a name CloudWatch gives."""
    wait(ledger, table, Communication("000", "send.sms", "sms"))
    Running(table, ledger).begins(emails(3))
    for said in PAGES:
        names = re.findall(r'<input [^>]*name="(\w+)"', operate(**said).html)
        assert len(names) == len(set(names)), said
    two = operate(page="communication", id="000")
    assert [values["operation"] for _, values in two.calls if values.get("do") == "discard"] == [
        "send.email",
        "send.sms",
    ]


def test_an_id_is_taken_as_it_is_also_with_spaces_around_it(ledger: Ledger, table: Table) -> None:
    wait(ledger, table, Communication(" 104", "send.email", "email"), Communication("104", "send.email", "email"))
    page = operate(**operate(page="list").buttons[" 104"])
    assert "1 released." in press(page, "Release", **WHO).text
    assert entry_of(ledger, Communication(" 104", "send.email", "email")).state is State.RELEASED
    assert entry_of(ledger, Communication("104", "send.email", "email")).state is State.MANUAL
    assert "104" in operate({"id": "  104 "}, page="communication").text, "typed, it is"


def test_what_is_being_sent_or_is_not_known_is_left_alone_and_said(pile: None, ledger: Ledger) -> None:
    page = operate(page="communication", id="000")
    ledger.release(entry_of(ledger, email(0)), "bob", "quicker")
    ledger.claim(email(0), "run/1", "run", clock.now())
    refused = press(page, "Release", **WHO)
    assert "000 was not changed: it is open." in refused.text
    assert "rd-good" not in refused.html.split("</style>")[1]
    assert "Discard" not in operate(page="communication", id="000").buttons
    assert "000 was not changed: it is open." in press(page, "Discard", **WHO).text
    unknown = {**page.buttons["Discard"], "id": "nobody"}
    assert "nobody was not changed: the ledger does not know it." in operate(WHO, **unknown).text


def test_who_says_that_it_goes_on_does_not_wait_for_it(
    pile: None, ledger: Ledger, context: Context, later: Later
) -> None:
    plan = ordered(context, later, "release", all=True)
    later.accepted.clear()
    page = press(operate(page="action", action=plan["actionId"]), "Go on, if it stands still")
    assert "0 of 11 done" in page.text
    [(function, carried)] = later.accepted
    assert function == "redrive-console-operate"
    console_operate.handler(carried, Context("own"))  # type: ignore[arg-type]
    assert "done: 11 of 11 done" in press(page, "Look again").text


def test_a_plan_that_stands_still_while_it_is_counted_can_be_gone_on_with(
    pile: None, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("redrive.administration.READS", 1)
    page = press(operate(page="list"), "Release …", group=GONE_GROUP)
    assert "counting: 0 so far" in page.text
    later.accepted.clear()
    page = press(page, "Go on, if it stands still")
    for _, carried in later.accepted:
        console_operate.handler(carried, Context("own"))  # type: ignore[arg-type]
    assert "planned: 6" in press(page, "Look again").text


def test_what_is_sent_besides_is_said_before_it_is_confirmed(
    pile: None, context: Context, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned(context, later, "releaseAndSend", all=True)
    few = operate(page="action", action=plan["actionId"])
    assert "Release and send now 11" in few.buttons
    assert "whatever else failed there" not in few.text
    monkeypatch.setattr("redrive.operating.MAX_IDS", 10)
    assert "whatever else failed there" in operate(page="action", action=plan["actionId"]).text


@pytest.mark.parametrize("what", ["releaseAndSend", "discard"])
def test_a_release_that_was_stopped_midway_says_that_what_is_released_is_sent(
    pile: None, context: Context, later: Later, what: str
) -> None:
    plan = ordered(context, later, what, all=True)
    while not shown(context, plan)["done"]:
        _, event = later.accepted.pop()
        ledger_admin.handler(event, Context("own", 0))  # type: ignore[arg-type]
    page = operate(page="action", action=plan["actionId"])
    assert "What was released before" not in page.text
    stopped = press(page, "Stop", **WHO)
    assert "stopped: 4 of 11 done" in stopped.text, "a page"
    said = "What was released before it was stopped, the next run sends." in stopped.text
    assert said is (what == "releaseAndSend")
    assert "redrive-list-failed" not in dict(later.accepted), "nobody was asked to send at once"


def test_a_discard_offers_to_be_undone_for_a_week(pile: None, context: Context, later: Later, time: Time) -> None:
    plan = ordered(context, later, "discard", all=True)
    later.come()
    page = operate(page="action", action=plan["actionId"])
    assert "planned: 11" in press(page, "Undo: release them …").text
    time.passes(KEPT_SECONDS + 1)
    assert "Undo: release them …" not in operate(page="action", action=plan["actionId"]).buttons


def test_long_lists_are_cut_and_say_so(
    ledger: Ledger, table: Table, runs: Runs, context: Context, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(52):
        wait(
            ledger,
            table,
            email(number),
            error=f"POST /requeue: HTTP 422 kind {'abcdefghijklmnopqrstuvwxyz'[number % 26]}{'xy'[number // 26]}",
        )
        runs.write(f"202611{number:02}T021500Z", {"request": "r", "listedAt": clock.now(), "batches": 0, "listed": 0})
        invoke(context, "resume", **WHO)
    page = view()
    assert "52 wait for a person" in page.text
    assert "Cut: the 50 largest groups of 52." in page.text
    assert "Cut: these are the last ones." in view(page="runs").text
    assert "Cut: these are the last ones." in view(page="actions").text
    assert "Cut" in view(page="list").text
    query = Table.query
    monkeypatch.setattr(
        Table, "query", lambda self, pk, **how: query(self, pk, **(how | {"limit": how.get("limit") or 10}))
    )
    cut = operate()
    assert "More than 10 wait for a person" in cut.text
    assert "Cut: the 10 largest groups of more than 10." in cut.text
    assert "Release all …" in cut.buttons, "nobody knows their number yet"


def test_a_button_of_an_old_page_is_refused(table: Table, controls: Controls) -> None:
    page = operate()
    for moment in (str(int(clock.now()) - 1000), str(int(clock.now()) + 1000), "", "x", "9" * 400):
        old = page.buttons["Pause"] | {"shown": moment}
        assert "the page is too old" in operate(WHO, **old).text
    assert controls.read().paused_until == 0


def test_nothing_happens_by_what_a_widget_is_configured_with(
    pile: None, ledger: Ledger, controls: Controls, front: TableFront, later: Later
) -> None:
    """A refresh brings the parameters at the top, as a button's would be, and again in its context."""
    now = str(int(clock.now()))
    for params in (
        {"do": "pause", "shown": now, **WHO},
        {"do": "plan", "what": "release", "all": "yes"},
        {"do": "release", "id": "000", "operation": "send.email", "shown": now, **WHO},
        {"action": "carryOut", "actionId": "x"},
    ):
        front.requests.clear()
        assert (
            "wait for a person"
            in Page(
                str(console_operate.handler(event(params=params), Context("c")))  # type: ignore[arg-type]
            ).text
        )
        assert {name for name, _ in front.requests} <= {"Query", "GetItem", "BatchGetItem"}
    assert (controls.read().paused_until, later.accepted) == (0, [])


@pytest.mark.parametrize("handler", [console_view.handler, console_operate.handler])
def test_it_describes_itself_and_does_nothing_else(handler: Any, front: TableFront) -> None:
    answer = handler({"describe": True, "widgetContext": {}}, Context())
    assert "``` yaml" in answer["markdown"]
    assert front.calls == []


@pytest.mark.parametrize(
    "said",
    [
        {"do": "none"},
        {"do": "list"},
        {"do": "plan"},
        {"do": "plan", "what": "release"},
        {"do": "confirm", "count": "²"},
        {"do": "confirm", "action": "x", "count": "1"},
        {"do": "slowDown", "rate": "fast"},
        {"do": "plan", "what": "discard", "group": GONE_GROUP, "hours": "24h"},
        {"page": "list", "hours": "a day"},
        {"do": "plan", "what": "release", "hours": "nan"},
        {"page": "list", "next": "]"},
        {"page": "list", "hours": "inf"},
        {"page": "action", "action": "x"},
        {"page": "run"},
        {"page": "communication"},
        {"page": "communication", "id": "x" * 3000},
    ],
)
def test_what_is_wrong_is_said_on_the_page(said: dict[str, str], front: TableFront) -> None:
    assert "rd-warn" in operate(WHO, **said).html
    assert front.writes() == {}


# Hostile input


def test_hostile_ids_errors_names_and_reasons_are_text_on_every_page(
    ledger: Ledger, table: Table, runs: Runs, later: Later
) -> None:
    hostile = Communication(HOSTILE[:100], "send.email", "email")
    wait(ledger, table, hostile, error=f"POST /requeue: HTTP 422 {HOSTILE}")
    running = Running(table, ledger)
    running.begins(emails(1), problems=[HOSTILE])
    runs.write(running.run_id, {"headline": HOSTILE, "digest": {"message": HOSTILE}, "lines": {HOSTILE: 1}})
    who = {"by": HOSTILE, "why": HOSTILE}
    press(operate(), "Pause", **who)
    plan = press(operate(page="list"), "Discard …", source="email")
    press(plan, "Discard 1", **who)
    for _, carried in list(later.accepted):
        console_operate.handler(carried, Context("own"))  # type: ignore[arg-type]
    wait(ledger, table, email(1), error=f"POST /requeue: HTTP 422 {HOSTILE}")
    [action] = [label for label in operate(page="actions").buttons if label.startswith("20")][:1]
    for said in (
        *PAGES,
        {"page": "communication", "id": hostile.primary_id},
        {"page": "run", "run": running.run_id},
        operate(page="actions").buttons[action],
        {"page": "list", "group": HOSTILE, "error": HOSTILE},
        {"page": HOSTILE},
        {"do": HOSTILE},
    ):
        for page in (view(**said), operate(**said)):
            assert not {"script", "img", "iframe"} & set(page.tags), said
    assert HOSTILE[:60] in view().text


@given(st.text(), st.text(), st.text())
def test_no_text_becomes_markup_wherever_it_stands(one: str, two: str, three: str) -> None:
    page = joined(
        tag("p", one, title=two),
        table([one], [[two, tag("b", three)]]),
        button(one, two, {three: one}, confirmation=two),
        one,
    )
    expected = tag("p", "", title="")
    assert expected == '<p title=""></p>'
    tags = Page(f"<div>{page}</div>").tags
    assert tags == ["div", "p", "div", "table", "thead", "tr", "th", "tbody", "tr", "td", "td", "b", "a", "cwdb-action"]
    assert "br" in VOID


VALUES = st.recursive(st.none() | st.booleans() | st.text(max_size=30) | st.integers(), st.lists, max_leaves=10)


@pytest.mark.parametrize("event", [None, "list", [], 5, True])
def test_what_no_widget_sends_is_refused_in_words(context: Context, event: Any) -> None:
    for function in (console_view, console_operate):
        with pytest.raises(ConfigurationError, match="event: must be an object"):
            function.handler(event, context)  # type: ignore[arg-type]


@given(st.dictionaries(st.text(max_size=30), VALUES))
def test_any_event_is_read(content: dict[str, Any]) -> None:
    for each in (
        content,
        {"widgetContext": content},
        {"widgetContext": {"forms": {"all": content}, "params": content}},
    ):
        assert all(isinstance(value, str) and len(value) <= 2000 for value in visit_of(each).values.values())


@pytest.mark.parametrize("event", [{"page": "list", "group": "\ud83d"}, {"page": "communication", "id": "1\ud83d"}])
def test_half_a_character_is_looked_for_in_vain(pile: None, context: Context, event: dict[str, Any]) -> None:
    """JSON can say one alone, UTF-8 cannot."""
    assert b"?" in str(console_view.handler(event, context)).encode()  # type: ignore[arg-type]


def test_a_long_error_is_cut() -> None:
    assert (capped("x" * 161), capped("x" * 160), capped(None)) == ("x" * 159 + "…", "x" * 160, "")


def test_no_page_takes_more_than_three_reads(pile: None, table: Table, ledger: Ledger, front: TableFront) -> None:
    Running(table, ledger).begins(emails(3))
    for show in (view, operate):
        for said in PAGES:
            front.calls.clear()
            show(**said)
            assert len([call for call in front.calls if call in ("Query", "GetItem", "BatchGetItem")]) <= 3, said


def test_what_was_done_is_logged_without_an_id_that_is_an_address(logged: Callable[[], list[dict[str, Any]]]) -> None:
    for primary_id in ("7", "ann@example.com"):
        operate({"by": ANN, "why": "w"}, page="communication", do="release", id=primary_id, operation="send.email")
    lines = [line for line in logged() if line["message"] == "operated"]
    assert [(line["by"], line["id"]) for line in lines] == [(ANN, "7"), (ANN, "a…")]
