"""What people did, in one list: small things that are done at once, and large ones that are planned and confirmed.

| partition | sort key | what | kept |
| --- | --- | --- | --- |
| `planned` | the action's id | what is asked for, and how many it would change | an hour |
| `actions` | the action's id | who did what and why, and how far it has come | as long as runs, a week at least |
| `action/<id>` | a number | ids that it changed, a page each | a week and a day |

A plan freezes what is meant and how many that are. To confirm it, a person gives that number back; where it has moved,
nothing is changed. Each page is changed in one transaction with the action's own item, which says where it stands and
who is at it: however often it is begun again, each communication is changed once, and never more than were confirmed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from redrive import clock
from redrive.errors import ConfigurationError
from redrive.models import Communication
from redrive.table import Delete, Item, Key, Put, Table, Update
from redrive.waiting import Wanted

ACTIONS, PLANNED = "actions", "planned"

SECONDS_TO_CONFIRM = 3600.0
"""A plan that nobody has confirmed by then is made anew: the person who looks at it may no longer know what it is."""

KEPT_SECONDS = 7 * 86400.0
"""How long what was done stays readable, and a discard can be undone as a whole."""

SECONDS_TO_UNDO = 86400.0
"""So much longer what a discard has changed is kept: an undo that was planned in the last hour needs it to its end."""

SHOWN_SKIPPED = 20
"""Of what was skipped, ids that an action's item names."""


class What(StrEnum):
    """What is to be done with communications."""

    RELEASE = "release"
    RELEASE_AND_SEND = "releaseAndSend"
    DISCARD = "discard"


class Phase(StrEnum):
    """How far an action is; the last three are ends.

    What is done at once is ``begun`` before it is done: where the function is killed in between, the list says so.
    """

    BEGUN = "begun"
    COUNTING = "counting"
    PLANNED = "planned"
    CHECKING = "checking"
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    MOVED = "moved"

    @property
    def is_on(self) -> bool:
        """Whether it goes on by itself."""
        return self in (Phase.COUNTING, Phase.CHECKING, Phase.RUNNING)


@dataclass(frozen=True)
class Action:
    """Something that a person asked for.

    Attributes
    ----------
    what
        ``release``, ``releaseAndSend`` or ``discard``; of what was done at once, the order's own name.
    wanted
        What is meant of what waits.
    undoes
        The action whose communications are meant instead.
    count
        How many are meant: as planned, then as confirmed.
    counted
        How many were counted, again before anything is changed.
    position
        The group, or the page of what is undone, in which it stands, and what in it is done; empty at the beginning.
    pages, done, skipped
        Pages that were changed; communications that were changed, and that were not.
    examples
        The first that were skipped: the id and why.
    owner
        The request that is at it.
    detail
        Of what was done at once, what; else what there is to say at the end.
    """

    id: str
    what: str
    phase: Phase
    by: str = ""
    why: str = ""
    wanted: Wanted = field(default_factory=Wanted)
    undoes: str = ""
    count: int = 0
    counted: int = 0
    position: tuple[str, str] = ("", "")
    pages: int = 0
    done: int = 0
    skipped: int = 0
    examples: tuple[tuple[str, str], ...] = ()
    owner: str = ""
    began: float = 0
    moved: float = 0
    ended: float = 0
    detail: str = ""

    def can_be_undone(self, now: float) -> bool:
        """Tell whether it is a discard of which is still known what it has changed."""
        has_ended = self.pages > 0 and not self.phase.is_on
        return self.what == What.DISCARD and has_ended and now < self.began + KEPT_SECONDS

    def to_item(self) -> Item:
        """Give its attributes."""
        item = asdict(self) | {"wanted": {k: v for k, v in self.wanted._asdict().items() if v}}
        return {name: value for name, value in item.items() if value and name != "id"}


_NUMBERS = {"count", "counted", "pages", "done", "skipped"}


def action_of(item: Item) -> Action:
    """Read an action from its item."""
    known = {each.name for each in fields(Action)} & item.keys()
    found = {name: int(item[name]) if name in _NUMBERS else item[name] for name in known}
    found |= {"phase": Phase(item["phase"]), "wanted": Wanted(**item.get("wanted", {}))}
    group, rest = item.get("position", ("", ""))
    examples = tuple((str(id_), str(why)) for id_, why in item.get("examples", ()))
    return Action(**{**found, "id": item["sk"], "position": (group, rest), "examples": examples})


class Actions:
    """The records of what people did, as the functions use them.

    Parameters
    ----------
    retention_days
        How long runs are kept.
    """

    def __init__(self, table: Table, retention_days: float) -> None:
        self._table = table
        self._kept = max(retention_days * 86400.0, KEPT_SECONDS)

    def begin(self, request: str, what: str, by: str, why: str, detail: str) -> Action:
        """Write down what is done at once, before it is."""
        action = Action(_id(request), what, Phase.BEGUN, by, why, began=clock.now(), detail=detail)
        self._table.write(Put(Key(ACTIONS, action.id), self._kept_item(action)))
        return action

    def end(self, action: Action, detail: str, done: int = 0) -> None:
        """Write down that it is done."""
        ended = {"phase": Phase.DONE, "done": done, "detail": detail, "ended": clock.now()}
        self._table.write(Update(Key(ACTIONS, action.id), ended))

    def plan(self, request: str, what: str, wanted: Wanted, undoes: str = "", count: int | None = None) -> Action:
        """Write down what is asked for; ``count`` where it is known."""
        phase = Phase.COUNTING if count is None else Phase.PLANNED
        action = Action(_id(request), what, phase, wanted=wanted, undoes=undoes, count=count or 0, began=clock.now())
        expiry = int(clock.now() + SECONDS_TO_CONFIRM)
        self._table.write(Put(Key(PLANNED, action.id), {**action.to_item(), "expiry": expiry}))
        return action

    def find(self, action_id: str) -> Action | None:
        """Give an action, planned or confirmed."""
        found = self._table.get_many([Key(PLANNED, action_id), Key(ACTIONS, action_id)])
        alive = [item for item in found if item.get("expiry", 0) > clock.now()]
        return action_of(min(alive, key=lambda item: str(item["pk"]))) if alive else None  # confirmed before planned

    def newest(self, limit: int, before: str | None = None) -> tuple[list[Action], str | None]:
        """Give the newest, and what asks for those before them."""
        page = self._table.query(ACTIONS, after=before, limit=limit, newest_first=True)
        return [action_of(item) for item in page.items if item.get("expiry", 0) > clock.now()], page.last

    def confirm(self, planned: Action, by: str, why: str) -> Action:
        """Begin what was planned, once; raises ``ConfigurationError`` where that was done before."""
        now = clock.now()
        phase = Phase.RUNNING if planned.undoes else Phase.CHECKING
        action = Action(
            planned.id,
            planned.what,
            phase,
            by,
            why,
            planned.wanted,
            planned.undoes,
            planned.count,
            began=now,
            moved=now,
        )
        is_there = Delete(Key(PLANNED, planned.id), "attribute_exists(pk)")
        begun = Put(Key(ACTIONS, action.id), self._kept_item(action))
        if not self._table.write_together(is_there, begun):
            raise ConfigurationError(f"event.actionId: {planned.id} was confirmed before, or is too old; see actions")
        return action

    def move(self, action: Action, **values: Any) -> bool:
        """Write down how far an action is; False where somebody else is at it by now, or it has ended."""
        return self._table.write(self.moving(action, values)).done

    def moving(self, action: Action, values: Mapping[str, Any]) -> Update:
        """Give the write of :meth:`move`; it holds only where the action stands as it was read."""
        is_planned = action.phase in (Phase.COUNTING, Phase.PLANNED)
        where = Key(PLANNED if is_planned else ACTIONS, action.id)
        is_here = "pages = :pages" if action.pages else "attribute_not_exists(pages)"
        condition = f"#phase = :was AND (attribute_not_exists(#owner) OR #owner = :mine) AND {is_here}"
        operands: dict[str, Any] = {"was": action.phase, "mine": action.owner}
        operands |= {"pages": action.pages} if action.pages else {}
        return Update(where, {**values, "moved": clock.now()}, condition, operands)

    def take(self, action_id: str, owner: str) -> Action | None:
        """Take it upon oneself to carry an action on, from whoever is at it; None where nothing is left to do."""
        for partition, phases in ((ACTIONS, (Phase.CHECKING, Phase.RUNNING)), (PLANNED, (Phase.COUNTING,))):
            is_on = " OR ".join(f"#phase = :{phase}" for phase in phases)
            operands = {str(phase): phase for phase in phases}
            update = Update(Key(partition, action_id), {"owner": owner, "moved": clock.now()}, is_on, operands)
            found = self._table.write(update)
            if found.done and found.item:
                return action_of(found.item)
        return None

    def stop(self, action_id: str, by: str, why: str) -> Action | None:
        """End an action where it stands; None where it is not on. What is done stays done."""
        condition, operands = "#phase = :checking OR #phase = :running", {"checking": "checking", "running": "running"}
        ended = {"phase": Phase.STOPPED, "ended": clock.now(), "detail": f"stopped by {by}: {why}"}
        found = self._table.write(Update(Key(ACTIONS, action_id), ended, condition, operands))
        return action_of(found.item) if found.done and found.item else None

    @staticmethod
    def kept_page(action: Action, changed: Iterable[Communication]) -> Put:
        """Give the write that keeps what an action's next page changes."""
        rows = [[each.primary_id, each.operation, each.source, each.id_space] for each in changed]
        item = {
            "changed": json.dumps(rows, ensure_ascii=False),
            "expiry": int(clock.now() + KEPT_SECONDS + SECONDS_TO_UNDO),
        }
        return Put(Key(f"action/{action.id}", f"{action.pages:06}"), item)

    def changed(self, action_id: str, after: str = "") -> Iterator[tuple[str, list[Communication]]]:
        """Give what an action has changed, page by page, each with what asks for those after it."""
        last: str | None = after
        while last is not None:
            page = self._table.query(f"action/{action_id}", after=last or None)
            last = page.last
            for item in page.items:
                yield str(item["sk"]), [Communication(*row) for row in json.loads(item["changed"])]

    def _kept_item(self, action: Action) -> Item:
        return {**action.to_item(), "expiry": int(clock.now() + self._kept)}


def _id(request: str) -> str:
    """Name an action, so that the newest has the last name: by its time, and the request that asked for it."""
    return f"{datetime.fromtimestamp(clock.now(), UTC):%Y%m%dT%H%M%S.%fZ}-{request[:8]}"
