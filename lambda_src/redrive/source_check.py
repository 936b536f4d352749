"""What a check finds out about one source after it was read: its traps, and how its end was judged."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from redrive.advice import line_of, settings_of_next
from redrive.api import Api
from redrive.endings import NO_NEXT_PAGE, PAGE_AGAIN, same_pages
from redrive.errors import ApiUnavailable, ConfigurationError, ListingError, RedriveError
from redrive.hints import Total, pages_its_lists, read_hints
from redrive.lines import pagination_line
from redrive.listing import Listing, unusable
from redrive.models import is_personal, shown_id
from redrive.page import Content, Unlisted, page_of, total_seen
from redrive.page_requests import (
    NUMBERED,
    PageRequest,
    first_number,
    first_request,
    first_setting,
    following,
    number_param,
)
from redrive.progress import Progress
from redrive.settings import CheckSettings, PaginationStyle, Source
from redrive.shown import shown_exchange, without_paths
from redrive.trial import NOT_TO_THE_END, ONE_ITEM, Answered, Failure, Trap, Trial, ask

MAX_IDS = 3
"""Ids of a source in the answer: enough to find one in the application."""


_URL = re.compile(r"https?://|/?[^?#\s]*\?[^=\s]+=")
"""What is a URL and no token: it has a scheme, or a query."""


class SourceCheck:
    """One source.

    Parameters
    ----------
    api
        Asks for what only finds mistakes.
    listing, trial
        How the source was read.
    """

    def __init__(
        self, name: str, source: Source, api: Api, listing: Listing, trial: Trial, settings: CheckSettings
    ) -> None:
        self._name, self._source, self._api = name, source, api
        self._listing, self._trial, self._settings = listing, trial, settings
        self._where = f"sources.{name}"
        self._progress = trial.progress or Progress(name, source)
        self._failure = listing.errors.get(name)
        self._evidence = listing.readers[name].evidence
        self._traps: list[Trap] = []
        self._said: list[str] = []

    def result(self, has_time: Callable[[], bool]) -> dict[str, Any]:
        """Probe further, and give what was found."""
        probes = (self._without_filters, self._without_size, self._before_the_first, self._one_item, self._second_item)
        self._read()
        for probe in probes:
            if has_time():
                with suppress(RedriveError):  # an API may refuse what only finds mistakes
                    probe()
        progress, first = self._progress, self._progress.first
        ids = [id_ for id_ in (first.ids if first else ()) if id_]
        return {
            "tried": self._is_tried(),
            "requests": [shown_exchange(self._source, self._api, exchange) for exchange in self._trial.exchanges],
            "pages": len(progress.asked),
            "items": sum(progress.lengths),
            "ids": list(map(shown_id, dict.fromkeys(ids)))[:MAX_IDS],
            "end": self._end(),
            "traps": [{"trap": self._safe(trap.text), "line": trap.line} for trap in self._traps],
            "notes": list(self._notes()),
        }

    def _add(self, text: str, line: str) -> None:
        """Add a trap, unless one with this very line to change is there."""
        is_said = line and "…" not in line and any(trap.line == line for trap in self._traps)
        if not is_said and all(trap.text != text for trap in self._traps):
            self._traps.append(Trap(text, line))

    def _safe(self, text: str) -> str:
        return without_paths(self._source, self._api, self._trial.exchanges, text)

    def _is_tried(self) -> bool:
        """Tell whether the API gave an answer, or would not speak at all."""
        is_answered = any(not isinstance(each.found, Failure) for each in self._trial.exchanges)
        failure = self._failure
        return is_answered or (failure is not None and not _is_unreached(failure))

    def _end(self) -> str:
        if not self._is_tried():
            return "could not be tried" if self._failure else "could not be tried: no time left"
        if self._failure:
            return "not believed: see the traps"
        if self._evidence:
            return self._evidence
        if self._progress.evidence:
            return "in doubt: see the traps"
        return NOT_TO_THE_END if self._trial.is_over() else "not read to the end: no time left"

    def _notes(self) -> Iterator[str]:
        progress = self._progress
        yield from dict.fromkeys(self._said)
        if progress.first and not progress.lengths:
            yield "nothing is listed now: ids, times and further pages could not be tried"
        for words, found in (("young", self._listing.too_young), ("old", self._listing.too_old)):
            if count := sum(each.source == self._name for each in found):
                yield f"too {words} to be sent now: {count}"

    # What the reading itself shows

    def _read(self) -> None:
        progress, pagination = self._progress, self._source.pagination
        where = f"{self._where}.pagination"
        self._judge_ids()  # by a wrong id a page looks like another, so what else is found may come of that
        self._judge_tokens()
        if failure := self._failure:
            self._add(failure.text, line_of(failure, self._name, self._settings.api))
        for note in self._listing.readers[self._name].notes:
            self._add(*note)
        if pagination.style is PaginationStyle.NONE:
            if progress.first and not failure and (place := _pages(progress.first)):
                self._add(
                    f"{where}.style: none, yet there is {place} in the answer: the API pages its lists, though this "
                    "one fits on a page now",
                    f"{where}.style = …",
                )
        elif pagination.size_param and progress.lengths and progress.lengths[0] > pagination.size:
            self._add(
                f"{progress.lengths[0]} items came where {pagination.size} were asked for; does the API know "
                f"{pagination.size_param!r}?",
                f"{where}.size_param = …",
            )
        for exchange in self._trial.exchanges:
            self._lacking(exchange.request)

    def _judge_ids(self) -> None:
        progress = self._progress
        self._usable(self._listing.unusable[self._name])
        if progress.repeated:
            self._add(
                f"{progress.repeated} of {sum(progress.lengths)} items have an id that came before: the id is none of "
                "its own, or the list has no fixed order and its pages overlap",
                self._line_of_field("id"),
            )
        if personal := sum(map(is_personal, progress.ids)):
            self._add(
                f"{personal} of {len(progress.ids)} ids look like an e-mail address or a phone number: the ledger and "
                "mails would hold them; a primary key of the communication itself says nothing of a person",
                self._line_of_field("id"),
            )

    def _judge_tokens(self) -> None:
        """See whether what is sent as a token is the next page's URL."""
        pagination = self._source.pagination
        if pagination.style is not PaginationStyle.CURSOR:
            return
        requests = [each.request for each in self._trial.exchanges]
        tokens = [value for each in requests for name, value in each.params if name == pagination.cursor_param]
        if any(map(_URL.match, tokens)):
            where, next_ = f"{self._where}.pagination", pagination.next
            self._add(
                f"{where}.next: {next_!r} gives the next page's URL, not a token: it is followed by style next_url",
                pagination_line(where, pagination, PaginationStyle.NEXT_URL, next=next_),
            )

    def _usable(self, counts: Mapping[str, int]) -> None:
        """Say what of the items is of no use."""
        for setting, text in unusable(self._name, self._source, counts):
            self._add(text, self._line_of_field(setting))

    def _line_of_field(self, setting: str) -> str:
        """Give the line with another field of the last items that may be what is meant."""
        fields = [each.found.fields for each in self._trial.exchanges if isinstance(each.found, Answered)]
        hint = next((found[setting] for found in reversed(fields) if found.get(setting)), None)
        return f'{self._where}.{setting} = "{hint}"' if hint else f"{self._where}.{setting} = …"

    def _lacking(self, request: PageRequest | None) -> None:
        """See what of the filters a next link lacks: what had to be put back."""
        style = self._source.pagination.style
        if request is None or style not in (PaginationStyle.NEXT_URL, PaginationStyle.LINK_HEADER):
            return
        own = first_request(self._source, self._api).url
        lacking = sorted({name for name, _ in request.params} & self._source.filters.keys())
        if lacking and request.url != own:
            where = f"{self._where}.pagination"
            line = settings_of_next(where, self._source.pagination, request.url)
            self._said.append(
                f"the API's next link lacks the filters {', '.join(lacking)}, without which it lists what never "
                "failed; they are put back on every page, so nothing is wrong"
                + (f". By {line} no link is needed" if line else "")
            )

    # What only further requests show

    def _ask(self, request: PageRequest, purpose: str, source: Source | None = None) -> Content | Unlisted:
        return ask(self._name, source or self._source, self._api, request, purpose, self._trial)

    def _without_filters(self) -> None:
        """See whether the filters change anything; and where nothing failed, whether what else is listed is usable."""
        first, filters = self._progress.first, self._source.filters
        is_refused = first is None and self._failure is not None and self._failure.kind == ListingError.__name__
        if not filters or not (first or is_refused):
            return
        found = self._unfiltered()
        names = ", ".join(filters)
        if found is None:
            return
        if first is None:
            self._add(f"the API answers without the filters {names}, and not with them", f"{self._where}.filters = …")
        elif first.is_empty:
            page = page_of(self._name, self._source, found)
            self._usable({name: value for name, value in page._asdict().items() if isinstance(value, int)})
        elif self._is_beginning(found) and self._total(first) == self._total(found):
            self._add(
                f"the filters {names} change nothing: without them the API lists the same, as far as was read. Either "
                "all there is has failed, or the API does not know them, and what never failed would be sent",
                f"{self._where}.filters = …",
            )

    def _total(self, content: Content) -> Total | None:
        return total_seen(self._name, self._source, content)

    def _unfiltered(self) -> Content | None:
        """Ask for the list without the filters: where all was read, for one item more than with them."""
        bare, size = self._source._replace(filters={}), self._source.pagination.size
        progress = self._progress
        wanted = sum(progress.lengths) + 1
        if wanted > size and (self._evidence or progress.empty or progress.lengths[-1] < progress.lengths[0]):
            found = self._ask(first_request(bare, self._api, size=wanted), "without the filters, one item more", bare)
            if isinstance(found, Content):
                return found
        found = self._ask(first_request(bare, self._api), "without the filters", bare)
        return found if isinstance(found, Content) else None

    def _without_size(self) -> None:
        """See whether it is the size of a page that the API refuses."""
        pagination, failure = self._source.pagination, self._failure
        if self._progress.first or not failure or failure.line != f"{self._where}.pagination.size_param = …":
            return
        bare = self._source._replace(pagination=pagination._replace(size_param=None))
        if isinstance(self._ask(first_request(bare, self._api), "without a size", bare), Content):
            line = f'{self._where}.pagination.size_param = ""'
            self._add(f"the API answers without {pagination.size_param}, and not with it", line)

    def _is_beginning(self, content: Content) -> bool:
        """Tell whether what came in pages began so."""
        pages = [each.found for each in self._trial.exchanges if each.purpose.startswith("page ")]
        read = [id_ for page in pages if isinstance(page, Answered) for id_ in page.ids]
        return content.ids == tuple(read[: len(content.ids)])

    def _before_the_first(self) -> None:
        """See whether a page lies before the first."""
        pagination, first = self._source.pagination, self._progress.first
        number = first_number(pagination) - 1
        if pagination.style not in NUMBERED or number < 0 or first is None:
            return
        found = self._ask(first_request(self._source, self._api, number), "the page before the first")
        if isinstance(found, Content) and set(filter(None, found.ids)).difference(first.ids):
            setting = first_setting(pagination)
            self._add(
                f"{self._where}.pagination.{setting}: there are items at {number_param(pagination)} = {number} too",
                f"{self._where}.pagination.{setting} = {number}",
            )

    def _one_item(self) -> None:
        """See whether a next page is named where there must be one: after the first item of several."""
        progress, pagination = self._progress, self._source.pagination
        is_asked = any(each.purpose == ONE_ITEM for each in self._trial.exchanges)
        is_short = len(progress.asked) == 1 and progress.lengths[:1] >= [2] and self._evidence == NO_NEXT_PAGE
        if is_asked or not is_short or not pagination.size_param:
            return
        request = first_request(self._source, self._api, size=1)
        found = self._ask(request, ONE_ITEM)
        if not isinstance(found, Content) or found.extent != 1:
            return
        where = f"{self._where}.pagination"
        try:
            next_ = following(self._name, self._source, self._api, request, found).request
        except ListingError as error:
            self._add(str(error), error.line)
            return
        self._lacking(next_)
        if next_ is None:
            hints = read_hints(found.body, found.answer.headers)
            setting = "style" if pagination.style is PaginationStyle.LINK_HEADER else "next"
            self._add(
                f"{where}.{setting}: asked for one item of {progress.lengths[0]}, the API gives one, and no next page "
                "is seen; a longer list would end after its first page",
                hints.line(where, pagination) if hints.next else f"{where}.{setting} = …",
            )

    def _second_item(self) -> None:
        """See whether the API knows the page's number, where it gives the same page whatever is asked for."""
        progress, pagination = self._progress, self._source.pagination
        if self._evidence != PAGE_AGAIN or not pagination.size_param or progress.lengths[:1] < [2]:
            return
        number = first_number(pagination) + 1
        found = self._ask(first_request(self._source, self._api, number, size=1), "the second item alone")
        first = progress.first.ids if progress.first else ()
        if isinstance(found, Content) and found.ids[:1] == first[:1]:
            error = same_pages(self._name, self._source)
            self._add(str(error), error.line)


def _is_unreached(failure: Failure) -> bool:
    """Tell whether there was no way to try: TLS that is refused is an answer of a kind."""
    if failure.kind == ConfigurationError.__name__:
        return failure.text.startswith(("api.", "secret "))
    return failure.kind == ApiUnavailable.__name__ and "no TLS connection" not in failure.text


def _pages(content: Content) -> str | None:
    return pages_its_lists(content.body, content.answer.headers)
