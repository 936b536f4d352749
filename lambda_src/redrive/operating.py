"""What operators do from the console: a plan, its number, who and why, and then what they have confirmed.

Nothing is done by what a widget is configured with, which comes with every refresh. A plan is confirmed by its id,
once, within an hour; what is done at once needs the moment at which its button was shown, not long ago.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redrive import clock
from redrive.actions import What
from redrive.administration import Desk
from redrive.console import Console
from redrive.elements import field_of, hours, warning
from redrive.errors import ConfigurationError, RedriveError
from redrive.html import Html, capped, joined, tag
from redrive.orders import Call, Named, Order
from redrive.run import MAX_IDS
from redrive.showing import in_force
from redrive.widget import Visit, button

SHOWN_SECONDS = 900.0
"""A page that was shown longer ago is looked at again before anything is done from it."""

BY_SOURCES = f"So many (above {MAX_IDS}) are sent by a run of their sources, which sends whatever else failed there."
CHANGED = {Call.RELEASE: "released", Call.RELEASE_AND_SEND: "released", Call.DISCARD: "discarded"}
FILTERS = ("group", "source", "operation", "error")
LABELS = {What.RELEASE: "Release …", What.RELEASE_AND_SEND: "Release and send now …", What.DISCARD: "Discard …"}
MEANS = {
    What.RELEASE: "The next run sends them, if the application still lists them.",
    What.RELEASE_AND_SEND: "They are sent at once. What was sent cannot be taken back.",
    What.DISCARD: "They are never sent, until they are released.",
}


@dataclass(frozen=True)
class Operating:
    """The console of operators: the pages, with buttons.

    Attributes
    ----------
    here
        ARN of the function.
    request
        Id of the invocation.
    """

    desk: Desk
    here: str
    request: str

    def page(self, visit: Visit) -> Html:
        """Do what is asked for, and give the page that follows."""
        console = Console(self.desk.look, self.here, self._buttons)
        try:
            if not visit.get("do"):
                return console.page(visit)
            order = self._order(visit)
            if order.action is Call.CARRY_OUT:
                self.desk.later(order.action_id or "")  # nobody waits for minutes before a page
                return console.framed(warning("It goes on.", good=True), console.action(visit))
            answer = self.desk.carry_out(order, self.request)
        except RedriveError as error:
            return console.framed(warning(capped(error, 300)), console.link("Back", **_where(visit)))
        action = answer.get("action", answer)
        if "actionId" in action:
            return console.framed(console.shown_action(action))
        if order.action not in CHANGED:
            return console.framed(warning("Done.", good=True), console.control(answer))
        done, left = len(answer["communications"]), [_not_changed(each) for each in answer["unchanged"]]
        said = [f"{done} {CHANGED[order.action]}."] if done else []
        sent = f" {capped(answer['sent'])}." if "sent" in answer else ""
        return console.framed(warning(*said, *left, sent, good=not left))

    def _order(self, visit: Visit) -> Order:
        """Read an order from a button and what was typed."""
        call = visit.get("do")
        if call not in list(Call):
            raise ConfigurationError("do: no such thing can be done")
        who: dict[str, Any] = {"by": visit.get("by"), "why": visit.get("why")}
        match Call(call):
            case Call.PLAN:
                filters: dict[str, Any] = {name: visit.get(name) or None for name in FILTERS}
                age, undoes = hours(visit.get("hours")), visit.get("undoes") or None
                what = visit.get("what")
                if what not in list(What):
                    raise ConfigurationError("what: must be one of " + ", ".join(What))
                is_all = visit.get("all") == "yes"
                return Order(Call.PLAN, **filters, older_than_seconds=age, undoes=undoes, what=What(what), all=is_all)
            case Call.CONFIRM:
                count = visit.get("count")
                return Order(
                    Call.CONFIRM, action_id=visit.get("action"), count=int(count) if count.isdecimal() else None, **who
                )
            case Call.CARRY_OUT:
                return Order(Call.CARRY_OUT, action_id=visit.get("action"))
            case Call.RELEASE | Call.RELEASE_AND_SEND | Call.DISCARD:
                named = Named(visit.get("id"), visit.get("operation"), visit.get("space"))
                return self._now(visit, Order(Call(call), communications=(named,), **who))
            case Call.PAUSE:
                self._is_still(visit)
                return self._now(visit, Order(Call.PAUSE, seconds=hours(visit.get("for") or "1"), **who))
            case Call.RESUME:
                self._is_still(visit)
                return self._now(visit, Order(Call.RESUME, **who))
            case Call.SLOW_DOWN:
                rate = None if visit.get("configured") == "yes" else _rate(visit.get("rate"))
                return self._now(visit, Order(Call.SLOW_DOWN, max_requests_per_second=rate, **who))
            case Call.STOP:
                run, action = visit.get("run") or None, visit.get("action") or None
                return self._now(visit, Order(Call.STOP, run_id=run, action_id=action, **who))
            case _:
                raise ConfigurationError("do: no such thing can be done")

    def _is_still(self, visit: Visit) -> None:
        """Let pass what begins or ends a pause, unless somebody else has done so since the page was shown."""
        since = in_force(self.desk.look.controls.read())["pausedSince"] or ""
        if visit.get("since") != since:
            what = "paused everything" if since else "ended the pause"
            raise ConfigurationError(f"somebody has {what} since this page was shown: look at it as it is now")

    @staticmethod
    def _now(visit: Visit, order: Order) -> Order:
        """Let an order pass that was given on a page that is fresh."""
        shown = visit.get("shown")
        if not (shown.isdecimal() and abs(int(clock.now()) - int(shown)) <= SHOWN_SECONDS):
            raise ConfigurationError("the page is too old: look at it as it is now, then do it again")
        return order

    # Buttons

    def _buttons(self, kind: str, thing: Mapping[str, Any]) -> Html:
        """Give the buttons that belong to a thing: only what works as it stands."""
        match kind:
            case "group":
                return joined(*(self._plan(what, group=thing["group"]) for what in What))
            case "all":
                of_all = f"all {thing['count']:,} …" if thing["count"] else "all …"
                return joined(*(self._plan(what, LABELS[what].replace("…", of_all), all="yes") for what in What))
            case "filter":
                return joined("What the filter means: ", *(self._plan(what) for what in What))
            case "communication":
                return self._for_one(thing)
            case "who":
                return _who()
            case "now":
                return self._for_run(thing)
            case "action":
                return self._for_action(thing)
        return Html("")

    def _plan(self, what: What, label: str = "", **values: str) -> Html:
        return self._do(label or LABELS[what], Call.PLAN, what=what, **values)

    def _do(self, label: str, call: Call, confirmation: str | None = None, **values: object) -> Html:
        kind = "btn btn-primary" if confirmation else "btn"
        said = {"do": call, **values}
        return button(label, self.here, said, confirmation=confirmation, kind=kind)

    def _at_once(self, label: str, call: Call, confirmation: str, **values: object) -> Html:
        return self._do(label, call, confirmation, shown=str(int(clock.now())), **values)

    def _for_one(self, thing: Mapping[str, Any]) -> Html:
        named = {"id": thing["primaryId"], "operation": thing["operation"], "space": thing.get("idSpace", "")}
        id_, buttons = capped(thing["primaryId"], 60), list[Html]()
        if thing["state"] in ("manual", "discarded"):
            sure = f"Send {id_} now? It cannot be undone."
            buttons.append(self._at_once("Release", Call.RELEASE, f"Release {id_}?", **named))
            buttons.append(self._at_once("Release and send now", Call.RELEASE_AND_SEND, sure, **named))
        if thing["state"] != "discarded" and "is sending it" not in thing["nextRun"]["why"]:
            buttons.append(self._at_once("Discard", Call.DISCARD, f"Never send {id_}?", **named))
        return joined(*buttons)

    def _for_run(self, thing: Mapping[str, Any]) -> Html:
        control, run = thing["control"], thing["run"]
        buttons = [field_of("for", "Hours", "1"), self._at_once("Pause", Call.PAUSE, "Let nothing be sent until then?")]
        if control["pausedUntil"]:
            since = control["pausedSince"]
            buttons = [self._at_once("Resume", Call.RESUME, "End the pause?", since=since)]
        buttons += [
            field_of("rate", "Requests a second"),
            self._at_once("Slow down or speed up", Call.SLOW_DOWN, "Change the rate?"),
        ]
        if control["maxRequestsPerSecond"]:
            sure = "Send at the configured rate again?"
            buttons.append(self._at_once("Back to the configured rate", Call.SLOW_DOWN, sure, configured="yes"))
        if run and not run["ends"]:
            question = f"Stop run {run['runId']}? {run['gone']:,} are gone, {run['notGone']:,} not."
            buttons.append(self._at_once("Stop", Call.STOP, question, run=run["runId"]))
        return tag("p", _who(), *buttons)

    def _for_action(self, action: Mapping[str, Any]) -> Html:
        id_, state = action["actionId"], action["state"]
        if state == "planned":
            count = action["count"]
            if not count:
                return warning("There is nothing to do.")
            what = What(action["what"])
            label = f"{LABELS[what].removesuffix(' …')} {count:,}"
            confirm = self._do(label, Call.CONFIRM, f"{label}?", action=id_, count=count)
            is_a_run = what is What.RELEASE_AND_SEND and count > MAX_IDS
            means = f"{MEANS[what]} {BY_SOURCES}" if is_a_run else MEANS[what]
            return joined(tag("p", means), _who(), confirm)
        if state in ("checking", "running"):
            question = f"Stop it? {action['done']:,} are done."
            stop = self._at_once("Stop", Call.STOP, question, action=id_)
            return joined(_who(), stop, self._do("Go on, if it stands still", Call.CARRY_OUT, action=id_))
        if state == "counting":
            return self._do("Go on, if it stands still", Call.CARRY_OUT, action=id_)
        if action["canBeUndone"]:
            return self._do("Undo: release them …", Call.PLAN, what=What.RELEASE, undoes=id_)
        return Html("")


def _where(visit: Visit) -> dict[str, str]:
    """Name the page on which a button was pressed: who forgot to type a name must not have to plan again."""
    for page, name in (("action", "action"), ("communication", "id")):
        if visit.get(name):
            return {"page": page, name: visit.get(name)}
    return {"page": visit.get("page")}


def _who() -> Html:
    return joined(field_of("by", "Your name"), field_of("why", "Why"))


def _not_changed(each: Mapping[str, Any]) -> str:
    """Say why a communication was left as it is."""
    state = f"it is {each['state']}" if each["state"] else "the ledger does not know it"
    return f" {capped(each['primaryId'])} was not changed: {state}."


def _rate(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigurationError("requests a second: must be a number, such as 2 or 0.5") from None
