"""What a check wants of the reading of a source: a few pages of it, and an account of every request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from redrive.api import Api
from redrive.errors import RedriveError
from redrive.hints import field_hint
from redrive.page import Content, Unlisted, empty_content, is_null_alone, read_page
from redrive.page_requests import PageRequest
from redrive.progress import Progress
from redrive.settings import Source

PAGES = 3
"""Pages that a check reads of a source."""

NOT_TO_THE_END = "not read to the end: three pages"

ONE_ITEM = "a page of one item"
"""Why a page of one item is asked for: the first of several must be seen to be followed by others."""

HALF = "a page of half as many items"
"""Why one of half as many is asked for: an API refuses so small a page."""


class Trap(NamedTuple):
    """What is wrong with the settings, or may become wrong.

    Attributes
    ----------
    text
        For a person.
    line
        The line of the configuration to change; empty where none is known.
    """

    text: str
    line: str = ""

    @property
    def in_one(self) -> str:
        """Give both as one text, for where there is no place for a line."""
        return self.text if not self.line or self.line.endswith("…") else f"{self.text}; set {self.line}"


class Failure(NamedTuple):
    """What an error said: kept instead of it, for its traceback would keep sessions open.

    Attributes
    ----------
    kind
        Its class's name.
    http_status
        Of an answer that came; None where none did.
    """

    text: str
    line: str
    kind: str
    http_status: int | None

    @classmethod
    def of(cls, error: RedriveError) -> Failure:
        """Take what is kept of an error."""
        return cls(str(error), error.line, type(error).__name__, getattr(error, "http_status", None))


class Answered(NamedTuple):
    """What is kept of an answer, which itself may be large.

    Attributes
    ----------
    size
        Of the body, decoded, in bytes.
    items
        How many the API gave; None where it gave no list.
    ids
        Those of its items.
    fields
        By setting (``id``, ``failed_at``), another field of its items that may be what is meant.
    """

    status: int
    content_type: str
    size: int
    milliseconds: float
    items: int | None
    ids: tuple[str | None, ...]
    fields: dict[str, str | None]

    @classmethod
    def by(cls, found: Content | Unlisted, size: int, source: Source) -> Answered:
        """Take what is kept of what was read."""
        answer = found.answer
        kind = answer.headers.get("Content-Type", "")
        if isinstance(found, Unlisted):
            return cls(answer.status, kind, size, answer.milliseconds, None, (), {})
        configured = {"id": source.id, "failed_at": source.failed_at}
        fields = {setting: field_hint(found.items, setting, field) for setting, field in configured.items()}
        return cls(answer.status, kind, size, answer.milliseconds, found.extent, found.ids, fields)


class Exchange(NamedTuple):
    """A request that was made, why, and what came of it."""

    purpose: str
    request: PageRequest
    found: Answered | Failure


@dataclass
class Trial:
    """A reading that is tried.

    Attributes
    ----------
    watch
        Is told each exchange at once.
    exchanges
        All of them.
    progress
        How far it came.
    """

    watch: Callable[[Exchange], None] = lambda _: None
    exchanges: list[Exchange] = field(default_factory=list)
    progress: Progress | None = None

    def add(self, exchange: Exchange) -> None:
        """Note a request."""
        self.exchanges.append(exchange)
        self.watch(exchange)

    def is_over(self) -> bool:
        """Tell whether no further page is to be read."""
        return self.progress is not None and len(self.progress.asked) >= PAGES


def ask(
    name: str,
    source: Source,
    api: Api,
    request: PageRequest,
    purpose: str,
    trial: Trial | None = None,
    *,
    is_first: bool = False,
) -> Content | Unlisted:
    """Ask for a page of a source, and read what comes; see :meth:`redrive.api.Api.get` for errors.

    Parameters
    ----------
    purpose
        Why, in words, for the trial's account.
    is_first
        Whether it is the first page: ``null`` is an empty list there.
    """
    try:
        answer = api.get(request.url, request.params)
        size, found = len(answer.body), read_page(name, source, answer)
        if is_first and isinstance(found, Unlisted) and is_null_alone(found):
            found = empty_content(answer)
    except RedriveError as error:
        if trial:
            trial.add(Exchange(purpose, request, Failure.of(error)))
        raise
    if trial:
        trial.add(Exchange(purpose, request, Answered.by(found, size, source)))
    return found
