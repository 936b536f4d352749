"""How far one pass over a source's list has come, and the bounds within which it must come to an end."""

from __future__ import annotations

from dataclasses import dataclass, field

from redrive.errors import ListingError
from redrive.hints import Total
from redrive.page import Content, without_items
from redrive.page_requests import PageRequest
from redrive.settings import Source

MAX_PAGES = 20_000
"""Requests of one pass."""

MAX_WITHOUT_MATCH = 100
"""Pages in a row of which ``items`` leaves out everything, or which are empty though a next one is named."""

MAX_WITHOUT_NEWS = 10
"""Pages in a row that list only what came before, or nothing that has an id."""

LEAST_CAP = 1000
"""The least number at which APIs stop to count what they list."""

MAX_EMPTY = 5
"""Empty pages in a row that end a numbered list in which an empty page was passed, or whose total was not reached."""


@dataclass
class Progress:
    """One pass over the list of a source.

    Attributes
    ----------
    asked
        Hashes of the requests made.
    lengths
        How long each page was that was not empty.
    listed
        How long they are together.
    first, last
        The first answer, and the last page that was not empty with its request; without what they list.
    ids
        All that came in this pass.
    repeated
        How many items came again.
    keys
        Of the pages, to know one that comes again.
    total
        The least total that an answer gave, and where it stands: what joins a list while it is read may not come in
        this pass. None where no answer gave one.
    first_total
        The first one; 0 where no answer gave one.
    may_count_page
        Whether each total was as long as its page, and may count no more than that.
    empty, without_match, without_news
        How many pages in a row, up to the last one, were empty, matched nothing, or brought nothing new.
    has_gap
        Whether something came after an empty page.
    is_counted
        Whether every next page was named by a number of pages or items, so that the list shifts like a numbered one.
    evidence
        Why the end is believed to be one; empty while it is not reached.
    """

    name: str
    source: Source
    asked: set[int] = field(default_factory=set)
    lengths: list[int] = field(default_factory=list)
    listed: int = 0
    first: Content | None = None
    last: tuple[PageRequest, Content] | None = None
    ids: set[str] = field(default_factory=set)
    repeated: int = 0
    keys: set[int] = field(default_factory=set)
    total: Total | None = None
    first_total: int = 0
    may_count_page: bool = True
    empty: int = 0
    without_match: int = 0
    without_news: int = 0
    has_gap: bool = False
    is_counted: bool = True
    evidence: str = ""

    @property
    def came(self) -> int:
        """How many items came, each counted once."""
        return self.listed - self.repeated

    @property
    def is_guessed(self) -> bool:
        """Whether the total is what looks like one, and not what the source names."""
        return self.source.pagination.total is None

    @property
    def is_at_cap(self) -> bool:
        """Whether as many came as a total says at which APIs stop counting: 1,000, 10,000 (Elasticsearch), 100,000."""
        number = self.total.number if self.total else 0
        return LEAST_CAP <= number == self.came and str(number).strip("0") == "1"

    @property
    def has_shrunk(self) -> bool:
        """Whether the total fell meanwhile, and not all came that were there at first: some may have been skipped."""
        if self.total is None or self.may_count_page:
            return False
        return self.total.number < self.first_total and self.came < self.first_total

    @property
    def is_total_known(self) -> bool:
        """Whether an answer said how many items the list has; that it has none, where some came, says nothing.

        Neither does a number that merely looks like a total and is less than what came: it counts something else.
        """
        if self.total is None or self.total.is_least or self.is_at_cap:
            return False
        if self.is_guessed and self.came > self.total.number:
            return False
        return not self.lengths or (self.total.number > 0 and not self.may_count_page)

    @property
    def is_reached(self) -> bool:
        """Whether as many came as the list has."""
        return self.total is not None and self.is_total_known and 0 < self.total.number <= self.came

    @property
    def is_steady(self) -> bool:
        """Whether all pages but the last are of one length; else the API leaves items out of pages already cut."""
        return len(set(self.lengths[:-1])) <= 1 and self.lengths[-1:] <= self.lengths[:1]

    def says_total(self, total: Total, content: Content) -> None:
        """Take note of a total that an answer gave."""
        if not total.may_count_page or total.number != content.extent:
            self.may_count_page = False
        if self.is_guessed and total.number < content.extent:
            return  # it counts pages, shards …
        self.first_total = self.first_total or total.number
        if self.total is None or total.number < self.total.number:
            self.total = total

    def asks(self, request: PageRequest) -> None:
        """Count a request; raises ``ListingError`` for one too many."""
        if len(self.asked) == MAX_PAGES:
            raise ListingError(f"sources.{self.name}: read {MAX_PAGES} pages without coming to the end")
        self.asked.add(hash(request))

    def has_asked(self, request: PageRequest) -> bool:
        """Tell whether a request was made before."""
        return hash(request) in self.asked

    def has_empty_page(self) -> None:
        """Count a page on which the API lists nothing; raises ``ListingError`` for one too many in a row."""
        self.empty += 1
        if self.empty > MAX_WITHOUT_MATCH:
            raise ListingError(f"sources.{self.name}: {self.empty} empty pages in a row, and yet a next one")

    def has_page(self, request: PageRequest, content: Content) -> None:
        """Count a page on which the API lists something; raises ``ListingError`` where such pages lead nowhere."""
        ids = list(filter(None, content.ids))
        before = len(self.ids)
        self.ids.update(ids)
        fresh = len(self.ids) - before
        self.repeated += len(ids) - fresh
        self.keys.add(content.key)
        self.lengths.append(content.extent)
        self.listed += content.extent
        self.last = request, without_items(content)
        self.has_gap = self.has_gap or self.empty > 0
        self.empty = 0
        self.without_match = 0 if content.items else self.without_match + 1
        self.without_news = 0 if fresh or not content.items else self.without_news + 1
        if self.without_match > MAX_WITHOUT_MATCH:
            raise ListingError(
                f"sources.{self.name}.items: {self.source.items!r} leaves out all of {self.without_match} pages in a "
                f"row; let sources.{self.name}.filters narrow the list"
            )
        if self.without_news > MAX_WITHOUT_NEWS:
            raise ListingError(f"sources.{self.name}: {self.without_news} pages in a row brought nothing new")
