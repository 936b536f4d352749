"""A source's list, read to its end by requests in a row.

Nothing is believed of an answer alone. A page counts as the API gave it, before ``items`` leaves out anything. A list
has ended where a page is empty, where nothing comes next, or where as many came as the list has; one that ends in any
other way is an error, for what is not listed counts as delivered.
"""

from __future__ import annotations

from redrive.api import Api
from redrive.doubts import raise_doubts
from redrive.endings import LEAST_DEFAULT, believed, pages_named
from redrive.page import Page
from redrive.page_requests import NUMBERED, first_request
from redrive.progress import Progress
from redrive.reading import Pass, Steps
from redrive.settings import PaginationStyle, Source
from redrive.trial import Trap, Trial

MAX_PASSES = 4
"""How often a list that is paged by number is read at most; what still shifts then is the next run's."""


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
            reading = Pass(self._name, self._source, self._api, self._size, self._note, self._trial)
            progress, is_new = reading.progress, False
            if self._trial:
                self._trial.progress = progress
            for page in reading.pages():
                given = _fresh(page, known) if page and number else page
                if given:
                    all_ids = (*given.ids, *given.young, *given.old)
                    is_new = is_new or bool(all_ids)
                    known.update(all_ids)
                yield given
            if number == 0:
                first = first_request(self._source, self._api)
                yield from raise_doubts(self._name, self._source, first, progress, reading.get)
            if self._trial:
                self._judge_trial(progress)
                return
            self._note_cap(progress)
            shifts = self._style in NUMBERED or (
                self._style is not PaginationStyle.NONE and (progress.is_counted or progress.has_shrunk)
            )
            if self._is_on_one_page(progress) or not shifts or (number and not is_new):
                self.evidence = believed(self._name, self._source, progress, len(known))
                return
            self._adapt_size(progress)

    def _is_on_one_page(self, progress: Progress) -> bool:
        """Tell whether the whole list was on one page, so that nothing can have slid there from another one.

        Behind a page that may be full others may have been, which slid onto it, or which a cap cuts off.
        """
        if self._style not in NUMBERED:
            return len(progress.asked) < 2
        least = self._size + 1 if progress.is_reached else min(self._size, LEAST_DEFAULT)
        if pages_named(progress) > 1:
            return False
        return not progress.lengths or (len(progress.lengths) == 1 and progress.lengths[0] < least)

    def _adapt_size(self, progress: Progress) -> None:
        """Ask for as many on a page as come, where they are fewer than asked for.

        Where an API caps the size of a page, yet counts the pages by the size asked for, it skips items.
        """
        first = next(iter(progress.lengths), self._size)
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
