"""With the lines of docs/apis.md every API is read to its end; with wrong ones none that lost something is complete."""

from __future__ import annotations

from typing import Any

import pytest

from redrive.listing import Listing
from redrive.settings import PaginationStyle
from tests.apis import documented
from tests.apis.conftest import SERVER_OF, Served

SIZE = 100
"""Items on a page, where the settings say nothing else."""


def whole(*values: Any) -> Any:
    """Leave these to ``make test-apis``."""
    return pytest.param(*values, marks=pytest.mark.whole)


def read(listing: Listing) -> list[str]:
    return [communication.primary_id for communication in listing]


def test_every_row_of_the_table_is_tried_and_says_with_what():
    said = {row.api: row.tested_with for row in documented.rows()}
    assert said == {row: "its shape" if name == "shapes" else "itself" for row, name in SERVER_OF.items()}


@pytest.mark.parametrize("count", [0, 1, SIZE, 250, *map(whole, (SIZE - 1, SIZE + 1, 2 * SIZE))])
def test_each_failed_one_is_listed_once_and_no_other(served: Served, count: int):
    served.emails.put_failed(count)
    listing = served.listing()
    found = read(listing)
    assert (listing.problems, listing.truncated) == ([], False)
    assert sorted(found) == sorted(served.emails.failed)
    assert listing.evidence["email"]


def test_a_list_of_no_failed_ones_among_sent_ones_is_empty(served: Served):
    served.emails.put(dict.fromkeys(range(1, 150), "sent"))
    listing = served.listing()
    assert (read(listing), listing.problems) == ([], [])
    assert listing.complete


def test_what_leaves_the_list_meanwhile_hides_nothing_behind_it(served: Served):
    served.emails.put_failed(250)
    listing = served.listing()
    found = iter(listing)
    first = [next(found).primary_id]
    gone = sorted(served.emails.failed)[3:40:3] + sorted(served.emails.failed)[120:180:7]
    served.emails.change({int(id_): "sent" for id_ in gone})
    got = first + [communication.primary_id for communication in found]
    assert listing.problems == []
    assert len(got) == len(set(got))
    assert served.emails.failed <= set(got) <= served.emails.failed | set(gone)
    assert listing.complete


def test_what_comes_into_the_list_meanwhile_hides_nothing(served: Served):
    served.emails.put_failed(250)
    before, listing = served.emails.failed, served.listing()
    found = iter(listing)
    first = [next(found).primary_id]
    served.emails.change(dict.fromkeys((*range(1, 30), *range(5000, 5030)), "failed"))
    got = first + [communication.primary_id for communication in found]
    assert len(got) == len(set(got))
    assert before <= set(got) <= served.emails.failed
    assert listing.complete
    assert listing.problems == []


def test_more_asked_for_than_a_page_may_have_loses_nothing(served: Served):
    served.emails.put_failed(250)
    listing = served.listing(size=1000)
    found = read(listing)
    assert set(found) <= served.emails.failed
    assert set(found) == served.emails.failed or not listing.complete


WRONG: dict[str, dict[str, Any]] = {
    "not paged": {"style": PaginationStyle.NONE},
    "by page": {"style": PaginationStyle.PAGE},
    "by page and another name": {"style": PaginationStyle.PAGE, "page_param": "pageno"},
    "by offset": {"style": PaginationStyle.OFFSET},
    "by offset and another name": {"style": PaginationStyle.OFFSET, "offset_param": "begin"},
    "by a token that is nowhere": {"style": PaginationStyle.CURSOR, "next": "meta.token"},
    "by a URL that is nowhere": {"style": PaginationStyle.NEXT_URL, "next": "meta.following"},
    "by header": {"style": PaginationStyle.LINK_HEADER},
    "from the second": {"first_page": 2, "first_offset": 100},
    "another size": {"size_param": "count_of_items"},
    "no size": {"size_param": None},
}


UNKNOWABLE = ("items after an id, and nothing else", "not paged")
"""Nothing in such an answer, nor in another one, tells that it is not all."""


@pytest.mark.parametrize("count", [250, whole(SIZE)])
@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_settings_never_end_in_a_list_that_is_called_complete_and_is_not(served: Served, wrong: str, count: int):
    served.emails.put_failed(count)
    listing = served.listing(**WRONG[wrong])
    found = set(read(listing))
    assert found <= served.emails.failed
    if not listing.complete:
        assert listing.problems or listing.truncated
    elif wrong == "from the second" and found < served.emails.failed:
        # What lies before a beginning only a check asks for.
        assert served.traps(**WRONG[wrong])
    elif (served.row, wrong) != UNKNOWABLE:
        assert found == served.emails.failed


@pytest.mark.parametrize("count", [7, whole(250)])
def test_the_documented_lines_have_no_trap(served: Served, count: int):
    served.emails.put_failed(count)
    found = [trap["trap"] for trap in served.traps()]
    if "GraphQL" in served.row:  # of which only one answer is read
        found = [trap for trap in found if "hasNextPage" not in trap]
    assert found == []


def test_a_long_list_is_read_to_its_end(served: Served):
    served.emails.put_failed(1200)
    listing = served.listing()
    found = set(read(listing))
    if "GraphQL" in served.row:  # which asks for a thousand
        assert found < served.emails.failed
        assert "hasNextPage" in listing.problems[0]
        assert not listing.complete
    else:
        assert (listing.problems, found) == ([], served.emails.failed)
        assert listing.complete
