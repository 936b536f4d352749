"""What waits for a person: groups of alike communications, with a directory of the groups.

| partition | sort key | what |
| --- | --- | --- |
| `manual` | `<source>/<status>/<reason>` | a group: how many, since when, three of their ids |
| `manual/<source>/<status>/<reason>` | `<since>#<space>:<primaryId>` | one of them |

One of them is written in one transaction with the state of the communication.

Only ``conclude`` adds to a group and only ``ledger_admin`` takes from it, each at a bounded rate, so that no group gets
more than a partition's share (1,000 write units a second) when thousands become manual at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from redrive.ledger import group_of
from redrive.ledger_rules import Entry
from redrive.models import Communication
from redrive.table import Delete, Item, Key, Page, Table, Update

GROUPS = "manual"
IDS_SHOWN = 3


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


class Waiting:
    """What waits for a person, as the functions use it."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, group: Group, run_id: str) -> None:
        """Add what became manual in a run to its group's entry in the directory, once a run."""
        self._table.write(
            Update(
                Key(GROUPS, group.name),
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
        )

    def take(self, name: str, count: int) -> None:
        """Take some that are gone from a group's entry in the directory; a group in which nothing is left goes."""
        if not count:
            return
        key = Key(GROUPS, name)
        group = self._table.get(key) or {}
        rest = self.page(name, after=None, until=None, limit=IDS_SHOWN).items
        # A run that has added to it since then has more to tell than what was read.
        same, run = "lastRun = :run", {"run": group.get("lastRun", "")}
        if not rest and (not group or self._table.write(Delete(key, same, run)).done):
            return
        shown = {"oldest": rest[0]["waitingSince"], "ids": [item["primaryId"] for item in rest]} if rest else {}
        self._table.write(Update(key, shown, added={"count": -count}))

    def groups(self) -> Iterator[dict[str, Any]]:
        """Give the directory."""
        return self._table.all_of(GROUPS)

    def page(self, name: str, *, after: str | None, until: str | None, limit: int) -> Page:
        """Give some of a group, the oldest first."""
        return self._table.query(f"{GROUPS}/{name}", after=after, until=until, limit=limit)


def source_of(name: str) -> str:
    """Give the source of a group, with which its name begins."""
    return name.split("/", 1)[0]


def communication_of(item: Item) -> Communication:
    """Give the communication that an item of a group stands for."""
    return Communication(item["primaryId"], item["operation"], item["source"], item.get("idSpace", ""))
