"""One pass over a source's list: a request after the other, until the list ends in a way that can be believed."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from http import HTTPStatus
from urllib.parse import urlsplit

from redrive.answers import in_full
from redrive.api import Api
from redrive.endings import (
    EMPTY_PAGE,
    HTTP,
    LEAST_DEFAULT,
    LEAST_DEPTH,
    NO_NEXT_PAGE,
    ONE_ANSWER,
    PAGE_AGAIN,
    REFUSED_PARAMS,
    TOTAL_REACHED,
    after_empty_page,
    beyond_depth,
    must_lead_nowhere,
    never_a_next,
    same_pages,
    same_request,
    tells_nothing,
)
from redrive.errors import ApiTrouble, ListingError, RedriveError
from redrive.expressions import search
from redrive.hints import Total, whole_number
from redrive.page import Content, Page, Unlisted, has_no_next, more_said, page_of, total_seen, without_items
from redrive.page_requests import NUMBERED, Following, PageRequest, first_request, following, is_counted, put_back
from redrive.progress import Progress
from redrive.settings import PaginationStyle, Source
from redrive.trial import HALF, ONE_ITEM, Trial, ask

REFUSED_DEPTH = frozenset({400, 416, 422})
"""Statuses with which an API refuses what lies too deep in a list, and others what lies beyond its end."""

Steps = Iterator[Page | None]
"""A page for each request, or None where it brought none that is given on."""


class Pass:
    """One pass.

    Parameters
    ----------
    size
        How many items to ask for on a page.
    note
        Is told what is wrong with the settings though nothing is lost by it, and the line to change.
    trial
        Where a check tries the reading.

    Attributes
    ----------
    progress
        How far it has come; with its evidence once it has ended.
    """

    def __init__(
        self, name: str, source: Source, api: Api, size: int, note: Callable[[str, str], None], trial: Trial | None
    ) -> None:
        self._name, self._source, self._api = name, source, api
        self._style = source.pagination.style
        self._size, self._note, self._trial = size, note, trial
        self._path = urlsplit(api.url(source.path)).path
        self.progress = Progress(name, source)

    def pages(self) -> Steps:
        """Read page by page; raises as :meth:`redrive.pagination.Reader.pages` does."""
        progress = self.progress
        request: PageRequest | None = first_request(self._source, self._api, size=self._size)
        while request and not (self._trial and self._trial.is_over()):
            progress.asks(request)
            number = len(progress.asked)
            try:
                found = self.get(request, f"page {number}", is_first=number == 1)
            except ApiTrouble as error:
                if number > 1 and error.http_status == HTTPStatus.FORBIDDEN and (more := self._put_back(request)):
                    self._note(f"sources.{self._name}: {in_full(error.http_status)}{more}", self._filters_line)
                if not (progress.is_reached and self._style in NUMBERED):
                    self._note_perhaps_beyond(error)
                    raise
                if progress.total and progress.is_guessed:
                    self._note_refusal(progress.total, str(error))
                    raise
                progress.evidence = TOTAL_REACHED  # whatever comes beyond
                return
            content = found if isinstance(found, Content) else (yield from self._read_unlisted(request, found))
            if content is None:
                return
            self._count_total(content)
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
            if content.flaw:
                raise ListingError(f"sources.{self._name}: {content.flaw}, so the list may lack something")
            if is_empty and self._style in NUMBERED:
                progress.evidence = after_empty_page(progress, self._size)
                if progress.evidence:
                    return
            if isinstance(next_, RedriveError):
                raise next_
            if is_again:
                yield from self._read_again(request, next_, content)
                return
            if next_.request and progress.has_asked(next_.request):
                yield from self._read_circle(content, is_empty=is_empty)
                return
            if next_.request is None:
                yield from self._read_last(content, is_explicit=next_.is_explicit)
            elif progress.is_counted and self._style not in NUMBERED:
                progress.is_counted = is_counted(
                    self._source, self._path, next_.token, len(progress.asked), progress.listed
                )
            request = next_.request

    def get(self, request: PageRequest, purpose: str, *, is_first: bool = False) -> Content | Unlisted:
        """Ask for a page; see :func:`redrive.trial.ask`."""
        return ask(self._name, self._source, self._api, request, purpose, self._trial, is_first=is_first)

    def _following(self, request: PageRequest, content: Content) -> Following | RedriveError:
        """Give what comes next, or what is wrong with it: the page itself is given on before that is raised."""
        try:
            return following(self._name, self._source, self._api, request, content)
        except RedriveError as error:
            return error

    def _count_total(self, content: Content) -> None:
        expression = self._source.pagination.total
        if expression is None:
            found = total_seen(self._name, self._source, content)
        else:
            where = f"sources.{self._name}.pagination.total"
            number = whole_number(search(expression, content.body, where))
            if number is None:
                self._note(f"{where}: {expression!r} gives no number", f"{where} = …")
                return
            found = Total(number, where)
        if found:
            self.progress.says_total(found, content)

    def _note_refusal(self, total: Total, words: str) -> None:
        """Note that a request failed after as many items as what looks like a total says: it may be an outage."""
        where = f"sources.{self._name}.pagination.total"
        self._note(
            f"{where}: all {total.number} items came that {total.place} says there are, and then: {words}; if the API "
            f"answers so beyond its end, let {where} name that number",
            f"{where} = …",
        )

    def _note_perhaps_beyond(self, error: ApiTrouble) -> None:
        """Note that a numbered list may have ended, where the API fails behind a short page (as Rails' pagy)."""
        if self._style in NUMBERED and self._is_last_short and (error.http_status or 0) >= 500:
            where = f"sources.{self._name}.pagination.total"
            self._note(f"{where}: it failed after a page that is not full; {where} would tell its end", f"{where} = …")

    @property
    def _is_last_short(self) -> bool:
        lengths = self.progress.lengths
        return bool(lengths) and lengths[-1] < min(self._size, max(lengths))

    def _of_one_item(self) -> Content | Unlisted | None:
        """Ask for a page of one item, where a size can be asked for: what it says of more is about the list."""
        if not self._source.pagination.size_param:
            return None
        found = self.get(first_request(self._source, self._api, size=1), ONE_ITEM)
        if isinstance(found, Unlisted) and found.answer.status in REFUSED_PARAMS:  # some give no fewer than five or ten
            found = self.get(first_request(self._source, self._api, size=self.progress.lengths[0] // 2), HALF)
        if isinstance(found, Content) and (total := total_seen(self._name, self._source, found)):
            is_of_the_list = total.number > found.extent
            self.progress.may_count_page = self.progress.may_count_page and not is_of_the_list
        return found

    def _read_last(self, content: Content, *, is_explicit: bool) -> Generator[None, None, None]:
        """Judge that an answer names no next page.

        Raises
        ------
        ListingError
            It says elsewhere that there is one; or nothing tells, for the API is not seen to name one at all.
        """
        progress, name, source = self.progress, self._name, self._source
        must_lead_nowhere(name, source, progress, content)
        if self._style is PaginationStyle.NONE:
            progress.evidence = ONE_ANSWER
            return
        progress.evidence = NO_NEXT_PAGE
        if progress.is_at_cap and not is_explicit:
            raise beyond_depth(name, progress, "no next page is named")
        if not tells_nothing(source, progress, is_explicit=is_explicit):
            return
        # Of as many items as a page holds, asked for one by one, the first cannot be the last.
        yield None
        found = self._of_one_item() or content
        if progress.is_reached:
            return
        is_full = progress.lengths[0] >= source.pagination.size
        if isinstance(found, Unlisted):
            is_silent = is_full
        else:
            # An API that gives no fewer items, and had room for more on its page, may well have no more.
            is_named = following(name, source, self._api, first_request(source, self._api, size=1), found).request
            is_silent = is_named is None and (is_full or found.extent <= max(1, progress.lengths[0] // 2))
        if is_silent:
            raise never_a_next(name, source, progress)

    def _read_circle(self, content: Content, *, is_empty: bool) -> Generator[None, None, None]:
        """Judge that an answer names as the next page one that was read: so some APIs end their lists (Solr).

        Raises
        ------
        ListingError
            Neither the answer nor the total says that the list ends there.
        """
        progress, more = self.progress, more_said(self._name, self._source, content)
        is_said = is_empty or progress.is_reached or more is False
        is_full = content.extent >= min(self._size, LEAST_DEFAULT)
        if len(progress.lengths) == 1 and not is_empty and (is_full or (progress.total and not is_said)):
            yield None
            one = self._of_one_item()  # its total may be the list's, or only the page's
            is_said = self._is_alone(one, more) if is_full else progress.is_reached
        if more or not is_said:
            raise same_request(self._name, self._source)
        progress.evidence = EMPTY_PAGE if is_empty else TOTAL_REACHED if progress.is_reached else NO_NEXT_PAGE

    def _is_alone(self, one: Content | Unlisted | None, more: bool | None) -> bool:
        """Tell by a page of one item whether a full one is the list, and not what whoever asks wrongly gets."""
        if not isinstance(one, Content):
            return False
        total = total_seen(self._name, self._source, one)
        is_whole = self.progress.is_reached and total is not None and total.number > one.extent
        return is_whole or (more is False and more_said(self._name, self._source, one) is True)

    def _read_unlisted(self, request: PageRequest, unlisted: Unlisted) -> Generator[None, None, Content | None]:
        """Judge an answer that is no list: give the list where one comes after all, None where it is the end.

        Raises
        ------
        ListingError
            It is neither.
        """
        progress, status = self.progress, unlisted.answer.status
        is_first = len(progress.asked) == 1
        if is_first and status not in self._source.empty_statuses:
            raise unlisted.error()
        if progress.empty and self._style in NUMBERED:
            progress.evidence = EMPTY_PAGE  # this was only asked for to be sure
            return None
        is_nothing = status == HTTPStatus.NO_CONTENT  # of a page that the API named itself, it is the end
        if not (self._is_end(unlisted) or (is_first and is_nothing)):  # it may pass
            yield None
            again = self.get(request, f"page {len(progress.asked)} again")
            if isinstance(again, Content):
                return again
            is_same = again.answer.status == status
            if not (is_same and (is_first or (is_nothing and self._style not in NUMBERED))):
                if is_first or self._style not in NUMBERED or not again.is_definite:
                    raise self._refused_next(request, again)
                yield from self._look_around(request, again)
        if progress.last and self._style in NUMBERED:  # else what it leads to is this
            must_lead_nowhere(self._name, self._source, progress, progress.last[1])
        progress.evidence = f"{HTTP}{status}"
        return None

    @property
    def _filters_line(self) -> str:
        return f"sources.{self._name}.filters = …"

    def _refused_next(self, request: PageRequest, unlisted: Unlisted) -> ListingError:
        """Give the error for a next page that the API named and does not give."""
        more, status = self._put_back(request), unlisted.answer.status
        # Not the words for a first page: that one was there, and took the page's size.
        words = f"sources.{self._name}: GET {urlsplit(unlisted.answer.url).path}: {in_full(status)}"
        if len(self.progress.asked) > 1 and status in REFUSED_PARAMS and more:
            return ListingError(f"{words}{more}", self._filters_line)
        if len(self.progress.asked) > 1 and status == HTTPStatus.NOT_FOUND:
            return ListingError(f"{words} for the next page that the API named{self._other_path(request)}")
        return unlisted.error(self._other_path(request))

    def _put_back(self, request: PageRequest) -> str:
        """Say which parameters went along with the next page that the API named; empty for none."""
        names = put_back(self._source, request)
        if not names:
            return ""
        words = f" for the next page that the API named, where it may not take what was put back ({', '.join(names)})"
        if self._style is PaginationStyle.CURSOR:
            return words
        where, size_param = f"sources.{self._name}", self._source.pagination.size_param
        no_size = f', and set {where}.pagination.size_param to ""' if size_param in names else ""
        return f"{words}: write the filters into {where}.path (/emails?status=failed){no_size}"

    def _other_path(self, request: PageRequest) -> str:
        """Say that a next page was asked for at another path than the first one: a gateway may have changed it."""
        if urlsplit(request.url).path == self._path:
            return ""
        return (
            "; the API's next link leads to another path than the source's: if a gateway adds a part to it, read the "
            "list by pages or offsets, which need no link"
        )

    def _is_end(self, unlisted: Unlisted) -> bool:
        """Tell whether an answer that is no list ends a numbered one, for no full page could follow."""
        if not (self.progress.lengths and self._style in NUMBERED):
            return False
        return self.progress.is_reached or (unlisted.is_definite and self._is_last_short)

    def _look_around(self, request: PageRequest, unlisted: Unlisted) -> Generator[None, None, None]:
        """Make sure that a page is not there because the list has ended: the one before is, the one after is not.

        Raises
        ------
        ListingError
            It is not so, or the API may have refused to go deeper into the list.
        """
        progress = self.progress
        if not progress.last:
            raise unlisted.error()
        before, content = progress.last
        if progress.is_at_cap and not has_no_next(self._name, self._source, content):
            raise beyond_depth(self._name, progress, f"HTTP {unlisted.answer.status} came")
        if content.extent < min(self._size, LEAST_DEFAULT):
            return
        if unlisted.answer.status in REFUSED_DEPTH and progress.came >= LEAST_DEPTH:
            raise beyond_depth(self._name, progress, f"HTTP {unlisted.answer.status} came")
        yield None
        earlier = self.get(before, "the page before it, again")
        yield None
        after = following(self._name, self._source, self._api, request, content).request or request
        later = self.get(after, "the page after it")
        if isinstance(earlier, Unlisted) or earlier.is_empty or isinstance(later, Content):
            raise unlisted.error("; and the list goes on behind, or was away for a moment")

    def _read_again(self, request: PageRequest, next_: Following, content: Content) -> Generator[None, None, None]:
        """Judge a page that came before: some APIs give the last page again beyond the end.

        Raises
        ------
        ListingError
            It is not that, as far as can be told.
        """
        progress = self.progress
        if self._style not in NUMBERED:
            if next_.request == request or progress.is_reached:
                yield from self._read_circle(content, is_empty=False)
                return
            raise same_pages(self._name, self._source)
        progress.evidence = PAGE_AGAIN
        if progress.is_reached:
            return
        if progress.is_at_cap and not has_no_next(self._name, self._source, content):
            raise beyond_depth(self._name, progress, "the last page came again")
        must_lead_nowhere(self._name, self._source, progress, content)
        if len(progress.lengths) == 1:
            is_full = content.extent >= self._size
            if content.extent < LEAST_DEFAULT and not is_full:
                return
            # It may be what the API gives to whoever asks for nothing it knows.
            yield None
            found = self._of_one_item()
            if not progress.is_reached and (is_full or not isinstance(found, Content) or found.extent != 1):
                raise same_pages(self._name, self._source)
        elif progress.lengths[-1] >= min(self._size, max(progress.lengths)) and progress.came >= LEAST_DEPTH:
            raise beyond_depth(self._name, progress, "a full page came again")
