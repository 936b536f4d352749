"""The console's pages: what waits for a person, runs, one communication, and what people did. They only show.

Each page takes what :class:`redrive.looking.Look` answers and gives HTML; what may be done from it stands where the
console may operate, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from redrive.elements import STYLE, error, execution, field_of, hours, progress_of, spoken, turned_away, warning, when
from redrive.html import Html, capped, joined, table, tag
from redrive.looking import Look
from redrive.orders import Call, Order
from redrive.widget import Visit, button

GROUPS_SHOWN = 50
DESCRIPTION = """
### Communications redrive: the console

It takes no parameters, and does nothing by them. Who may invoke this function sees what waits for a person, the last
runs, and what people did. The module's docs/operations.md describes the pages.

``` yaml
# no parameters
```
"""


@dataclass(frozen=True)
class Console:
    """The pages, as one function shows them.

    Attributes
    ----------
    here
        ARN of the function that shows them.
    buttons
        Gives the buttons that belong to a thing, by its kind, where the console may operate.
    """

    look: Look
    here: str
    buttons: Callable[[str, Mapping[str, Any]], Html] = lambda _kind, _thing: Html("")

    def page(self, visit: Visit) -> Html:
        """Give the page that is asked for; the groups of what waits where none is."""
        match visit.get("page"):
            case "list":
                return self.framed(self.listed(visit))
            case "runs":
                return self.framed(self.runs())
            case "run":
                return self.framed(self.run(visit))
            case "communication":
                return self.framed(self.communication(visit))
            case "actions":
                return self.framed(self.actions())
            case "action":
                return self.framed(self.action(visit))
        return self.framed(self.groups())

    def framed(self, *content: Html) -> Html:
        """Give a page with the way to the others."""
        ways = [("Waiting", ""), ("List", "list"), ("Runs", "runs"), ("Actions", "actions")]
        search = joined(field_of("id", "Id"), self.link("Find", page="communication"))
        nav = tag("nav", *(self.link(label, page=page) for label, page in ways), search)
        return tag("div", tag("style", Html(STYLE)), nav, *content, class_="rd")

    def link(self, label: str, **values: object) -> Html:
        """Give a link to a page."""
        return button(label, self.here, values, kind="")

    def ask(self, call: Call, **named: Any) -> dict[str, Any]:
        """Have something looked up."""
        order = Order(call, **named)
        order.check()
        return self.look.answer(order)

    # What waits

    def groups(self) -> Html:
        """Give the groups of what waits for a person, and what is in force."""
        found = self.ask(Call.GROUPS)
        groups = sorted(found["groups"], key=lambda group: -group["count"])
        count = sum(group["count"] for group in groups)
        rows: list[list[str | None]] = [
            [
                tag("b", f"{group['count']:,}"),
                joined(self.link(group["group"], page="list", group=group["group"]), tag("br"), error(group["error"])),
                group["operation"],
                joined(when(group["oldest"]), tag("br"), when(group["newest"])),
                ", ".join(capped(id_, 40) for id_ in group["ids"]),
                self.buttons("group", group),
            ]
            for group in groups[:GROUPS_SHOWN]
        ]
        more = "more than " if found["next"] else ""
        cut = found["next"] or len(groups) > GROUPS_SHOWN
        waits = "waits" if count == 1 else "wait"
        title = f"{more}{count:,} {waits} for a person".capitalize() if rows else "Nothing waits for a person"
        has_several = len(groups) > 1 or found["next"]
        heads = ["How many", "Group", "Operation", "Oldest, newest", "Some ids", ""]
        return joined(
            self.in_force(),
            tag("h3", title),
            table(heads, rows) if rows else None,
            warning(f"Cut: the {len(rows)} largest groups of {more}{len(groups):,}.") if cut else None,
            self.buttons("all", {"count": None if found["next"] else count}) if has_several else None,
        )

    def in_force(self) -> Html:
        """Give what is in force, and the run that is on."""
        now = self.ask(Call.NOW)
        run, said = now["run"], [self.control(now["control"])]
        if run:
            ends = f" It opens no batch any more: {capped(run['ends'])}." if run["ends"] else ""
            progress = f"{run['gone']:,} gone, {run['notGone']:,} not" if run["sends"] else "it lists"
            text = f"Run {run['runId']} is on since {run['since']} ({run['status']}): {progress}.{ends}"
            said.append(tag("p", text, " ", execution(run["execution"])))
        else:
            said.append(tag("p", "No run is on."))
        return joined(*said, self.buttons("now", now))

    @staticmethod
    def control(control: Mapping[str, Any]) -> Html:
        """Give what people have put into force."""
        said: list[Html] = []
        if control["pausedUntil"]:
            who = f"by {capped(control['by'])}: {capped(control['why'])}"
            said.append(warning(f"Paused since {control['pausedSince']} until {control['pausedUntil']}, {who}"))
        if control["maxRequestsPerSecond"]:
            said.append(warning(f"At most {control['maxRequestsPerSecond']:g} requests a second, set by a person."))
        return joined(*said)

    def listed(self, visit: Visit) -> Html:
        """Give what waits, by filters."""
        chosen: dict[str, Any] = {
            name: visit.get(name) or None for name in ("group", "source", "operation", "error", "next")
        }
        age, newest = hours(visit.get("hours")), visit.get("newest") == "yes"
        found = self.ask(Call.LIST, **chosen, older_than_seconds=age, newest_first=newest)
        kept = {name: visit.get(name) for name in ("group", "source", "operation", "error", "hours") if visit.get(name)}
        filters = [
            field_of(name, label, visit.get(name))
            for name, label in (
                ("group", "Group"),
                ("source", "Source"),
                ("operation", "Operation"),
                ("error", "Text in the error"),
                ("hours", "Older than (hours)"),
            )
        ]
        rows: list[list[str | None]] = [
            [
                self.link(capped(each["primaryId"]), page="communication", id=each["primaryId"]),
                each["operation"],
                each["source"],
                when(each["waitingSince"]),
                str(each["attempts"]),
                error(each["error"]),
            ]
            for each in found["communications"]
        ]
        following = self.link("Next page", page="list", **kept, newest=visit.get("newest"), next=found["next"])
        return joined(
            tag("p", *filters, self.link("Oldest first", page="list", newest=""), " "),
            tag("p", self.link("Newest first", page="list", newest="yes")),
            self.buttons("filter", {"visit": kept}),
            table(["Id", "Operation", "Source", "Waits since", "Attempts", "Error"], rows)
            if rows
            else tag("p", "Nothing here."),
            joined(warning("Cut: there may be more."), following) if found["next"] else None,
        )

    def communication(self, visit: Visit) -> Html:
        """Give what is known of an id, of whatever operation."""
        if not visit.get("id"):
            return warning("Type an id, then Find.")
        found = self.ask(Call.SHOW, ids=(visit.get("id"),))["communications"]
        if not found:
            return warning(f"The ledger does not know {capped(visit.get('id'))}: no run has sent it.")
        return joined(*map(self._one, found), self.buttons("who", {}))

    def _one(self, each: Mapping[str, Any]) -> Html:
        names = {
            "State": each["state"],
            "Source": each["source"],
            "Attempts": each["attempts"],
            "Last outcome": " ".join(str(part) for part in (each["outcome"], each["httpStatus"]) if part),
            "Error": capped(each["error"]),
            "Waits since": each["waitingSince"],
            "Idempotency key": f"{each['operation']}:{each['primaryId']}:{each['key']}",
            "Last run": each["runId"],
            "The next run would": f"{each['nextRun']['would']}: {each['nextRun']['why']}, if it is still listed",
        }
        facts: list[list[str | None]] = [
            [tag("b", name), capped(value, 300)] for name, value in names.items() if value not in (None, "")
        ]
        history: list[list[str | None]] = [
            [when(event["at"]), event["what"], capped(event["by"], 80), error(event["detail"])]
            for event in reversed(each["history"])
        ]
        return joined(
            tag("h3", f"{each['operation']} {capped(each['primaryId'])}"),
            table(["", ""], facts),
            table(["When", "What", "By", "Why"], history),
            self.buttons("communication", each),
        )

    # Runs, and what people did

    def runs(self) -> Html:
        """Give the last runs, and what is in force."""
        found = self.ask(Call.RUNS)
        rows: list[list[str | None]] = [
            [
                self.link(run["runId"], page="run", run=run["runId"]),
                run["trigger"],
                f"{run['listed']:,}",
                f"{run['counts'].get('requeued', 0):,}",
                f"{run['counts'].get('became_manual', 0):,}",
                f"{turned_away(run['counts']):,}",
                when(run["concludedAt"]),
                run["endedAs"] or "on",
                execution(run["execution"]),
            ]
            for run in found["runs"]
        ]
        heads = ["Run", "By", "Listed", "Requeued", "For a person", "Turned away", "Concluded", "Ended", ""]
        shown = table(heads, rows) if rows else tag("p", "There was no run yet.")
        return joined(self.in_force(), shown, warning("Cut: these are the last ones.") if found["next"] else None)

    def run(self, visit: Visit) -> Html:
        """Give a run with its digest."""
        found = self.ask(Call.SHOW, run_id=visit.get("run") or "-")["run"]
        if not found:
            return warning("There is no such run; they are kept for redrive_limit.retention_days.")
        counts: list[list[str | None]] = [[name, f"{count:,}"] for name, count in found["counts"].items()]
        return joined(
            tag("h3", f"Run {found['runId']}"),
            tag("p", capped(found["headline"], 300), " ", execution(found["execution"])),
            table(["What became of them", "How many"], counts),
            *(warning(capped(problem, 300)) for problem in found["problems"]),
            tag("pre", capped(found["digest"]["message"], 4000)),
        )

    def actions(self) -> Html:
        """Give what people did, the newest first."""
        found = self.ask(Call.ACTIONS)
        rows: list[list[str | None]] = [
            [
                self.link(action["began"] or action["actionId"], page="action", action=action["actionId"]),
                spoken(action["what"]),
                capped(action["by"], 80),
                capped(action["why"]),
                progress_of(action),
                capped(action["detail"]),
            ]
            for action in found["actions"]
        ]
        heads = ["When", "What", "By", "Why", "How far", ""]
        cut = warning("Cut: these are the last ones.") if found["next"] else None
        return joined(table(heads, rows) if rows else tag("p", "Nobody has done anything yet."), cut)

    def action(self, visit: Visit) -> Html:
        """Give one action, planned or begun."""
        found = self.ask(Call.SHOW, action_id=visit.get("action") or "-")["action"]
        if not found:
            return warning("There is no such action: a plan is kept for an hour, what was done for a week at least.")
        return self.shown_action(found)

    def shown_action(self, action: Mapping[str, Any]) -> Html:
        """Give an action with what may be done about it."""
        meant = ", ".join(f"{name} {value}" for name, value in action["meant"].items()) or "everything that waits"
        who = f"{capped(action['by'])}: {capped(action['why'], 300)}" if action["by"] else None
        skipped = [[capped(each["primaryId"]), capped(each["why"])] for each in action["examples"]]
        rows: list[list[str | None]] = [list[str | None](each) for each in skipped]
        is_cut = len(rows) < action["skipped"]
        is_half_released = action["state"] == "stopped" and action["done"] and action["what"] != "discard"
        return joined(
            tag("h3", f"{spoken(action['what']).capitalize()}: {capped(meant, 300)}"),
            tag("p", who) if who else None,
            tag("p", tag("b", progress_of(action)), " ", capped(action["detail"], 300)),
            tag("p", self.link("Look again", page="action", action=action["actionId"])),
            warning("What was released before it was stopped, the next run sends.") if is_half_released else None,
            table(["Skipped", "Why"], rows) if rows else None,
            warning(f"Cut: {len(rows)} of {action['skipped']:,} that were skipped.") if is_cut else None,
            self.buttons("action", action),
        )
