"""The console's pages: what waits for a person, runs, one communication, and what people did. They only show.

Each page takes what :class:`redrive.looking.Look` answers and gives HTML; what may be done from it stands where the
console may operate, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from redrive.html import Html, capped, joined, table, tag
from redrive.looking import Look
from redrive.orders import Call, Order
from redrive.widget import Visit, button
from redrive.wording import console_url

STYLE = """
.rd{font:14px/1.45 "Amazon Ember",Helvetica,Arial,sans-serif;overflow-wrap:anywhere}
.rd h3{margin:12px 0 4px}.rd nav>*{margin-right:12px}.rd-link{cursor:pointer;color:#0972d3;text-decoration:underline}
.rd-wide{overflow-x:auto}.rd table{border-collapse:collapse;width:100%}
.rd td,.rd th{overflow-wrap:break-word;padding:4px 8px;border-bottom:1px solid #8886;text-align:left;vertical-align:top}
.rd input{max-width:100%;margin:2px 8px 2px 0}.rd label{display:inline-block}.rd .btn{margin:2px 6px 2px 0}
.rd-warn{border-left:4px solid #d13212;padding:2px 8px;margin:6px 0}.rd-good{border-left-color:#1d8102}
.rd small{opacity:.8}.rd pre{white-space:pre-wrap}
@media(max-width:600px){.rd thead{display:none}.rd tr{display:block;border-bottom:1px solid #888}
.rd td{display:block;border:0;padding:1px 0;overflow-wrap:anywhere}}
"""

GROUPS_SHOWN = 50
SECONDS_PER_HOUR = 3600.0

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
        cut = found["next"] or len(groups) > GROUPS_SHOWN
        heads = ["How many", "Group", "Operation", "Oldest, newest", "Some ids", ""]
        return joined(
            self.in_force(),
            tag("h3", f"{count:,} wait for a person" if rows else "Nothing waits for a person"),
            table(heads, rows) if rows else None,
            warning(f"Cut: the {len(rows)} largest groups of those read are shown.") if cut else None,
            self.buttons("all", {"count": count}) if rows else None,
        )

    def in_force(self) -> Html:
        """Give what is in force, and the run that is on."""
        now = self.ask(Call.NOW)
        control, run = now["control"], now["run"]
        said: list[Html] = []
        if control["pausedUntil"]:
            who = f"by {capped(control['by'])}: {capped(control['why'])}"
            said.append(warning(f"Paused since {control['pausedSince']} until {control['pausedUntil']}, {who}"))
        if control["maxRequestsPerSecond"]:
            said.append(warning(f"At most {control['maxRequestsPerSecond']:g} requests a second, set by a person."))
        if run:
            ends = f" It opens no batch any more: {capped(run['ends'])}." if run["ends"] else ""
            progress = f"{run['gone']:,} gone, {run['notGone']:,} not" if run["sends"] else "it lists"
            text = f"Run {run['runId']} is on since {run['since']} ({run['status']}): {progress}.{ends}"
            said.append(tag("p", text, " ", execution(run["execution"])))
        else:
            said.append(tag("p", "No run is on."))
        return joined(*said, self.buttons("now", now))

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
        return joined(*map(self._one, found))

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
        return joined(self.in_force(), table(heads, rows) if rows else tag("p", "There was no run yet."))

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
                action["what"],
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
        return joined(
            tag("h3", f"{action['what']}: {capped(meant, 300)}"),
            tag("p", who) if who else None,
            tag("p", tag("b", progress_of(action)), " ", capped(action["detail"], 300)),
            tag("p", self.link("Look again", page="action", action=action["actionId"])),
            table(["Skipped", "Why"], rows) if rows else None,
            self.buttons("action", action),
        )


def field_of(name: str, label: str, value: str = "") -> Html:
    """Give a field to type into."""
    return tag("label", f"{label} ", tag("input", type="text", name=name, value=value, size=14))


def warning(*text: str, good: bool = False) -> Html:
    """Give a line that is to be seen."""
    return tag("div", *text, class_="rd-warn rd-good" if good else "rd-warn")


def error(text: object) -> Html:
    """Give an error, or a reason, cut."""
    return tag("small", capped(text))


def when(text: object) -> Html:
    """Give a time."""
    return tag("small", str(text or "").replace("T", " "))


def execution(arn: str | None) -> Html:
    """Give the way to a run's execution."""
    if not arn:
        return Html("")
    return tag("a", "execution", href=console_url(arn), target="_blank", rel="noopener")


def hours(text: str) -> float:
    """Read hours as seconds; 0 for what is no number."""
    try:
        return max(float(text), 0.0) * SECONDS_PER_HOUR
    except ValueError:
        return 0.0


def turned_away(counts: Mapping[str, int]) -> int:
    """Count what the API did not take."""
    return sum(counts.get(name, 0) for name in ("turned_away", "charged"))


def progress_of(action: Mapping[str, Any]) -> str:
    """Say how far an action is."""
    state = action["state"]
    if state == "counting":
        return f"counting: {action['counted']:,} so far"
    if state == "planned":
        return f"planned: {action['count']:,}"
    done = f"{action['done']:,} of {action['count']:,} done" if action["count"] else f"{action['done']:,} done"
    skipped = f", {action['skipped']:,} skipped" if action["skipped"] else ""
    return f"{state}: {done}{skipped}"
