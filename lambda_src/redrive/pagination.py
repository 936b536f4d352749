"""A source's list, read to its end by requests in a row.

Nothing is believed of an answer alone. A page counts as the API gave it, before ``items`` leaves out anything. A list
has ended where a page is empty, where nothing comes next, or where as many came as the list has; one that ends in any
other way is an error, for what is not listed counts as delivered.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from http import HTTPStatus

from redrive.api import Api
from redrive.doubts import raise_doubts
from redrive.endings import (
    EMPTY_PAGE,
    LEAST_DEFAULT,
    LEAST_DEPTH,
    NO_NEXT_PAGE,
    ONE_ANSWER,
    PAGE_AGAIN,
    after_empty_page,
    believed,
    beyond_depth,
    must_lead_nowhere,
    never_a_next,
    same_pages,
    tells_nothing,
)
from redrive.errors import RedriveError
from redrive.expressions import search
from redrive.hints import total_hint
from redrive.page import Content, Page, Unlisted, page_of, without_items
from redrive.page_requests import (
    NUMBERED,
    Following,
    PageRequest,
    first_request,
    following,
    is_counted,
)
from redrive.progress import Progress, same_request
from redrive.settings import PaginationStyle, Source
from redrive.trial import ONE_ITEM, Trap, Trial, ask

MAX_PASSES = 4
"""How often a list that is paged by number is read at most; what still shifts then is the next run's."""

REFUSED_DEPTH = frozenset({400, 416, 422})
"""Statuses with which an API refuses what lies too deep in a list, and others what lies beyond its end."""

Steps = Iterator[Page | None]
"""A page for each request, or None where it brought none that is given on."""


class Reader:
    """Reads one source.

    Parameters
    ----------
    name
        The source's key in ``sources``, for errors.
    trial
        Where a check tries the reading: it ends after one pass, and after three pages at the latest.

    Attributes
    ----------
    evidence
        Once the pages are read: why this is the end, "empty page", "no next page", "total reached" …; empty where the
        list kept changing, so that no end can be believed.
    notes
        What is wrong with the settings though nothing was lost by it.
    """

    def __init__(self, name: str, source: Source, api: Api, trial: Trial | None = None) -> None:
        self._name = name
        self._source = source
        self._api = api
        self._trial = trial
        self._style = source.pagination.style
        self._size = self._shown = source.pagination.size
        self.evidence = ""
        self.notes: list[Trap] = []

    def pages(self) -> Steps:
        """Read the source page by page, to its end; each step makes one request.

        A list that is paged by number shifts when something leaves it meanwhile, and what slides onto a page already
        read would be skipped. Such a list is read again until a pass brings nothing new; what is on one page that is
        not full is not.

        Yields
        ------
        Page | None
            Ids; the same one may come more than once within a pass. None for a request that brought nothing.

        Raises
        ------
        ListingError
            The list did not end in a way that can be believed; what was given counts.
        ConfigurationError
            An expression is not JMESPath.
        ApiUnavailable, CredentialsRefused
            See :meth:`redrive.api.Api.get`.
        """
        known: set[str] = set()
        for number in range(MAX_PASSES):
            progress, is_new = Progress(self._name, self._source), False
            if self._trial:
                self._trial.progress = progress
            for page in self._read_once(progress):
                given = _fresh(page, known) if page and number else page
                if given:
                    all_ids = (*given.ids, *given.young, *given.old)
                    is_new = is_new or bool(all_ids)
                    known.update(all_ids)
                yield given
            if number == 0:
                first = first_request(self._source, self._api)
                yield from raise_doubts(self._name, self._source, first, progress, self._get)
            if self._trial:
                self._judge_trial(progress)
                return
            self._note_cap(progress)
            shifts = self._style in NUMBERED or (self._style is not PaginationStyle.NONE and progress.is_counted)
            if self._is_on_one_page(progress) or not shifts or (number and not is_new):
                self.evidence = believed(self._name, self._source, progress, len(known))
                return
            self._adapt_size(progress)

    def _read_once(self, progress: Progress) -> Steps:
        request: PageRequest | None = first_request(self._source, self._api, size=self._size)
        while request and not (self._trial and self._trial.is_over()):
            progress.asks(request)
            number = len(progress.asked)
            found = self._get(request, f"page {number}", is_first=number == 1)
            content = (
                found if isinstance(found, Content) else (yield from self._read_unlisted(request, found, progress))
            )
            if content is None:
                return
            self._count_total(content, progress)
            progress.first = progress.first or without_items(content)
            is_empty, page = content.is_empty, None
            is_again = not is_empty and content.key in progress.keys
            if is_empty:
                progress.has_empty_page()
                page = None if self._style in NUMBERED else page_of(self._name, self._source, content)
            elif not is_again:
                progress.has_page(request, content)
                page = page_of(self._name, self._source, content)
            next_ = self._following(request, content)
            content = found = without_items(content)  # while the other sources have their turns
            yield page
            if is_empty and self._style in NUMBERED:
                progress.evidence = after_empty_page(progress, self._size)
                if progress.evidence:
                    return
            if isinstance(next_, RedriveError):
                raise next_
            if is_again:
                yield from self._read_again(request, next_, content, progress)
                return
            if next_.request is None:
                yield from self._read_last(content, progress, is_explicit=next_.is_explicit)
            elif progress.is_counted and self._style not in NUMBERED:
                pages, items = len(progress.asked), sum(progress.lengths)
                progress.is_counted = is_counted(self._source, next_.token, pages, items)
            request = next_.request

    def _get(self, request: PageRequest, purpose: str, *, is_first: bool = False) -> Content | Unlisted:
        return ask(self._name, self._source, self._api, request, purpose, self._trial, is_first=is_first)

    def _following(self, request: PageRequest, content: Content) -> Following | RedriveError:
        """Give what comes next, or what is wrong with it: the page itself is given on before that is raised."""
        try:
            return following(self._name, self._source, self._api, request, content)
        except RedriveError as error:
            return error

    def _count_total(self, content: Content, progress: Progress) -> None:
        expression = self._source.pagination.total
        where = f"sources.{self._name}.pagination.total"
        if expression is None:
            found = total_hint(content.body, content.answer.headers)
        else:
            value = search(expression, content.body, where)
            value = int(value) if isinstance(value, str) and value.isdecimal() and len(value) < 16 else value
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 10**15:
                self._note(f"{where}: {expression!r} gives no number", f"{where} = …")
                return
            found = int(value), where
        if found and (progress.total is None or found[0] < progress.total[0]):
            progress.total = found

    def _read_last(self, content: Content, progress: Progress, *, is_explicit: bool) -> Generator[None, None, None]:
        """Judge that an answer names no next page.

        Raises
        ------
        ListingError
            It says elsewhere that there is one; or nothing tells, for the API is not seen to name one at all.
        """
        must_lead_nowhere(self._name, self._source, progress, content)
        if self._style is PaginationStyle.NONE:
            progress.evidence = ONE_ANSWER
            return
        progress.evidence = NO_NEXT_PAGE
        if tells_nothing(self._source, progress, is_explicit=is_explicit):
            # Of as many items as a page holds, asked for one by one, the first cannot be the last.
            smallest = first_request(self._source, self._api, size=1)
            yield None
            found = self._get(smallest, ONE_ITEM) if self._source.pagination.size_param else content
            if isinstance(found, Unlisted) or (
                following(self._name, self._source, self._api, smallest, found).request is None
            ):
                raise never_a_next(self._name, self._source, progress)

    def _read_unlisted(
        self, request: PageRequest, unlisted: Unlisted, progress: Progress
    ) -> Generator[None, None, Content | None]:
        """Judge an answer that is no list: give the list where one comes after all, None where it is the end.

        Raises
        ------
        ListingError
            It is neither.
        """
        status = unlisted.answer.status
        is_first = len(progress.asked) == 1
        if is_first and status not in self._source.empty_statuses:
            raise unlisted.error()
        if progress.empty and self._style in NUMBERED:
            progress.evidence = EMPTY_PAGE  # this was only asked for to be sure
            return None
        is_end = self._is_end(unlisted, progress)
        if status == HTTPStatus.NO_CONTENT and (is_first or self._style not in NUMBERED):
            is_end = True
        if not is_end:  # it may pass
            yield None
            again = self._get(request, f"page {len(progress.asked)} again")
            if isinstance(again, Content):
                return again
            if not (is_first and again.answer.status == status):
                if is_first or self._style not in NUMBERED or not again.is_definite:
                    raise again.error()
                yield from self._look_around(request, again, progress)
        if progress.last:
            must_lead_nowhere(self._name, self._source, progress, progress.last[1])
        progress.evidence = f"HTTP {status}"
        return None

    def _is_end(self, unlisted: Unlisted, progress: Progress) -> bool:
        """Tell whether an answer that is no list ends a numbered one, for no full page could follow."""
        if not (progress.lengths and unlisted.is_definite and self._style in NUMBERED):
            return False
        full = min(self._size, max(progress.lengths))
        return progress.lengths[-1] < full or progress.is_reached

    def _look_around(self, request: PageRequest, unlisted: Unlisted, progress: Progress) -> Generator[None, None, None]:
        """Make sure that a page is not there because the list has ended: the one before is, the one after is not.

        Raises
        ------
        ListingError
            It is not so, or the API may have refused to go deeper into the list.
        """
        if not progress.last:
            raise unlisted.error()
        before, content = progress.last
        if content.extent < min(self._size, LEAST_DEFAULT):
            return
        if unlisted.answer.status in REFUSED_DEPTH and progress.came >= LEAST_DEPTH:
            raise beyond_depth(self._name, progress, f"HTTP {unlisted.answer.status} came")
        yield None
        earlier = self._get(before, "the page before it, again")
        yield None
        after = following(self._name, self._source, self._api, request, content).request or request
        later = self._get(after, "the page after it")
        if isinstance(earlier, Unlisted) or earlier.is_empty or isinstance(later, Content):
            raise unlisted.error("; and the list goes on behind, or was away for a moment")

    def _read_again(
        self, request: PageRequest, next_: Following, content: Content, progress: Progress
    ) -> Generator[None, None, None]:
        """Judge a page that came before: some APIs give the last page again beyond the end.

        Raises
        ------
        ListingError
            It is not that, as far as can be told.
        """
        if self._style not in NUMBERED:
            if next_.request == request:
                raise same_request(self._name)
            raise same_pages(self._name, self._source)
        progress.evidence = PAGE_AGAIN
        if progress.is_reached:
            return
        must_lead_nowhere(self._name, self._source, progress, content)
        if len(progress.lengths) == 1:
            if content.extent >= self._size:
                raise same_pages(self._name, self._source)
            if content.extent >= LEAST_DEFAULT:  # it may be what the API gives to whoever asks for nothing it knows
                smallest = first_request(self._source, self._api, size=1)
                yield None
                found = self._get(smallest, ONE_ITEM) if self._source.pagination.size_param else content
                if not isinstance(found, Content) or found.extent != 1:
                    raise same_pages(self._name, self._source)
        elif content.extent >= min(self._size, max(progress.lengths)) and progress.came >= LEAST_DEPTH:
            raise beyond_depth(self._name, progress, "a full page came again")

    def _is_on_one_page(self, progress: Progress) -> bool:
        """Tell whether the whole list was on one page, so that nothing can have slid there from another one.

        Behind a page that may be full others may have been, which slid onto it, or which a cap cuts off.
        """
        if self._style not in NUMBERED:
            return len(progress.asked) < 2
        least = self._size + 1 if progress.is_reached else min(self._size, LEAST_DEFAULT)
        return not progress.lengths or (len(progress.lengths) == 1 and progress.lengths[0] < least)

    def _adapt_size(self, progress: Progress) -> None:
        """Ask for as many on a page as come, where they are fewer than asked for.

        Where an API caps the size of a page, yet counts the pages by the size asked for, it skips items.
        """
        first = progress.lengths[0]
        is_short = first < self._size and self._style is PaginationStyle.PAGE
        if not is_short or not self._source.pagination.size_param or progress.is_reached:
            return
        if len(progress.lengths) == 1:
            # By one fewer, what is behind a cap comes on further pages; and a page that is all does not come again.
            self._shown, self._size = first, max(1, first - 1)
        elif progress.is_steady:
            self._shown = self._size = first

    def _is_capped(self, progress: Progress) -> bool:
        """Tell whether pages come shorter than asked for, and further ones exist."""
        lengths = progress.lengths
        is_short = len(lengths) > 1 and lengths[0] < self._size and progress.is_steady
        return is_short and self._source.pagination.size_param is not None

    def _note_cap(self, progress: Progress) -> None:
        is_seen = progress.came > self._shown and progress.lengths[:1] == [self._size]
        if self._shown < self._source.pagination.size and is_seen:
            self._note_shorter(self._shown, "; they were read again in pages that small")

    def _note_shorter(self, shown: int, more: str) -> None:
        where = f"sources.{self._name}.pagination.size"
        self._note(
            f"{where}: pages come shorter than asked for, {shown} items instead of {self._source.pagination.size}, and "
            f"further ones exist{more}",
            f"{where} = {shown}",
        )

    def _judge_trial(self, progress: Progress) -> None:
        """Judge the one pass of a trial as the last of several; where there would be another one, it has no end yet."""
        is_capped = self._is_capped(progress)
        if is_capped:
            self._note_shorter(progress.lengths[0], "")
        if progress.evidence and not (is_capped and self._style is PaginationStyle.PAGE and not progress.is_reached):
            self.evidence = believed(self._name, self._source, progress, 0)

    def _note(self, text: str, line: str) -> None:
        if (note := Trap(text, line)) not in self.notes:
            self.notes.append(note)


def _fresh(page: Page, known: set[str]) -> Page:
    """Leave out what an earlier pass gave, and what it counted."""
    ids, young, old = (tuple(id_ for id_ in ids if id_ not in known) for ids in (page.ids, page.young, page.old))
    return Page(ids, young, old, milliseconds=page.milliseconds)
