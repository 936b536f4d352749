"""What waits for a person: groups of alike communications, with a directory of the groups.

| partition | sort key | what |
| --- | --- | --- |
| `manual` | `<source>/<status>/<reason>` | a group: how many, since when, three of their ids |
| `manual/<source>/<status>/<reason>` | `<since>#<space>:<primaryId>` | one of them |

One of them is written in one transaction with the state of the communication, and so is how many there are when one
goes (:meth:`redrive.ledger.Ledger.write_over`).

Only ``conclude`` adds to a group and only ``ledger_admin`` takes from it, each at a bounded rate, so that no group gets
more than a partition's share (1,000 write units a second) when thousands become manual at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from redrive.ledger import GROUPS, group_of, moment
from redrive.ledger_rules import Entry
from redrive.models import Communication
from redrive.table import Delete, Item, Key, Page, Table, Update

IDS_SHOWN = 3
COUNTED = 1000
"""Communications that one read counts: it answers soon, however long a group is."""


@dataclass
class Group:
    """What became manual in one run, of one group.

    Attributes
    ----------
    ids
        The first few.
    """

    name: str
    operation: str
    error: str | None
    count: int = 0
    oldest: float = 0
    newest: float = 0
    ids: tuple[str, ...] = ()

    @classmethod
    def of(cls, entry: Entry) -> Group:
        """Begin the group of an entry."""
        return cls(group_of(entry), entry.communication.operation, entry.error, oldest=entry.waiting_since)

    @classmethod
    def read(cls, name: str, found: Mapping[str, Any]) -> Group:
        """Read what :meth:`to_json` has written."""
        ids = tuple(found["ids"])
        return cls(name, found["operation"], found.get("error"), int(found["count"]), ids=ids)

    def to_json(self) -> dict[str, Any]:
        """Give what a digest says of it."""
        return {"operation": self.operation, "error": self.error, "count": self.count, "ids": list(self.ids)}

    def joined(self, other: Group, most_ids: int) -> Group:
        """Give it and what came later."""
        return replace(self, count=self.count + other.count, ids=(self.ids + other.ids)[:most_ids])

    def add(self, entry: Entry, most_ids: int) -> None:
        """Count an entry."""
        self.count += 1
        self.oldest = min(self.oldest, entry.waiting_since)
        self.newest = max(self.newest, entry.waiting_since)
        if len(self.ids) < most_ids:
            self.ids = (*self.ids, entry.communication.primary_id)


class Wanted(NamedTuple):
    """What is meant of what waits.

    Attributes
    ----------
    group, source, operation, error
        Of a group as ``groups`` names it, of a source, of an operation, with a text in its error; None for any.
    before
        What waits since then or before, in seconds since 1970; 0 for any. Of an undo, what was discarded by then.
    """

    group: str | None = None
    source: str | None = None
    operation: str | None = None
    error: str | None = None
    before: float = 0

    def means(self, group: Item) -> bool:
        """Tell whether a group of the directory is meant."""
        return (
            self.group in (None, group["sk"])
            and self.source in (None, source_of(group["sk"]))
            and self.operation in (None, group.get("operation"))
            and (self.error is None or self.error.lower() in (group.get("error") or "").lower())
        )

    @property
    def until(self) -> str | None:
        """Give the first sort key of a group that is not meant, None where all are."""
        return f"{moment(self.before)}$" if self.before else None


class Waiting:
    """What waits for a person, as the functions use it."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, group: Group, run_id: str) -> None:
        """Add what became manual in a run to its group's entry in the directory, once a run."""
        key = Key(GROUPS, group.name)
        found = self._table.write(
            Update(
                key,
                {
                    "operation": group.operation,
                    "error": group.error,
                    "newest": group.newest,
                    "ids": list(group.ids[:IDS_SHOWN]),
                    "lastRun": run_id,
                },
                "attribute_not_exists(lastRun) OR lastRun <> :run",
                {"run": run_id},
                defaults={"oldest": group.oldest},
                added={"count": group.count},
            )
        ).item
        if found and found["count"] == group.count and found["oldest"] < group.oldest:
            # The group had been emptied by somebody who never came to tidy it, so its oldest is long gone.
            self._table.write(Update(key, {"oldest": group.oldest}, "#count = :count", {"count": group.count}))

    def tidy(self, name: str) -> None:
        """Let a group's entry in the directory name what is still there; a group in which nothing is left goes."""
        key = Key(GROUPS, name)
        group = self._table.get(key) or {}
        rest = self.page(name, after=None, until=None, limit=IDS_SHOWN).items
        if rest:
            shown = {"oldest": rest[0]["waitingSince"], "ids": [item["primaryId"] for item in rest]}
            self._table.write(Update(key, shown))
        elif group:
            # A run that has added to it since then has more to tell than what was read.
            self._table.write(Delete(key, "lastRun = :run", {"run": group.get("lastRun", "")}))

    def groups(self) -> Iterator[Item]:
        """Give the whole directory."""
        return (group for group in self._table.all_of(GROUPS) if group.get("count", 0) > 0)

    def directory(self, *, after: str | None = None, start: str | None = None) -> Page:
        """Give the directory, as much as one read gives: thousands of groups."""
        page = self._table.query(GROUPS, after=after, start=start)
        return Page(tuple(group for group in page.items if group.get("count", 0) > 0), page.last)

    def named(self, wanted: Wanted, start: str) -> tuple[list[str], str | None]:
        """Name groups that are meant, in order from ``start`` on, by one read; and where to start for the others."""
        if wanted.group and not (wanted.source or wanted.operation or wanted.error):
            return [wanted.group] if wanted.group >= start else [], None
        page = self.directory(start=start or None)
        return [str(group["sk"]) for group in page.items if wanted.means(group)], page.last and f"{page.last}\x00"

    def all_named(self, wanted: Wanted, start: str) -> Iterator[str]:
        """Name all groups that are meant, in order from ``start`` on."""
        following: str | None = start
        while following is not None:
            names, following = self.named(wanted, following)
            yield from names

    def page(self, name: str, *, after: str | None, until: str | None, limit: int, newest_first: bool = False) -> Page:
        """Give some of a group, the oldest first."""
        pk = f"{GROUPS}/{name}"
        return self._table.query(pk, after=after, until=until, limit=limit, newest_first=newest_first)

    def count(self, name: str, *, after: str | None, until: str | None) -> tuple[int, str | None]:
        """Count a group, as far as one read comes; gives what asks for the rest."""
        return self._table.count(f"{GROUPS}/{name}", COUNTED, after=after, until=until)


def source_of(name: str) -> str:
    """Give the source of a group, with which its name begins."""
    return name.split("/", 1)[0]


def communication_of(item: Item) -> Communication:
    """Give the communication that an item of a group stands for."""
    return Communication(item["primaryId"], item["operation"], item["source"], item.get("idSpace", ""))
