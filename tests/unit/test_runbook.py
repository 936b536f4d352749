"""The runbook has a section for every subject that a mail can have, and each says what a person at night asks."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.turnover import compute
from redrive import digest, reporting
from redrive.conclusion import Conclusion
from redrive.digest import COULD_NOT_START, LINES, Digest, Ending, Story
from redrive.results import Result, Severity
from redrive.waiting import Group
from tests.runbook import PARTS, RUNBOOK, anchor, heading, sections

RUN = "20261124T021500Z"
STATUSES = (COULD_NOT_START, "ABORTED", "TIMED_OUT", "FAILED", "BATCH FAILED")


def written(done: Conclusion, ending: Ending | None = None, is_over: bool = False, **record: Any) -> Digest:
    record = {"listed": done.lines.total(), "configured": ["email"], "complete": ["email"]} | record
    manual = tuple(done.manual.values())
    story = Story("redrive", "prod", RUN, record, done, ending=ending, manual=manual, is_over=is_over)
    return reporting.write(story) if "report" in record else digest.write(story)


ONE_OF_EACH: dict[Result, Digest] = {
    Result.COULD_NOT_START: written(Conclusion(), Ending(COULD_NOT_START)),
    Result.ENDED_EARLY: written(Conclusion(Counter(not_tried=1)), Ending("ABORTED")),
    Result.NOTHING_SENT: written(Conclusion(refused="HTTP 401")),
    Result.NOT_REQUEUED: written(Conclusion(Counter(turned_away=1))),
    Result.LIST_INCOMPLETE: written(Conclusion(Counter(requeued=1)), problems=["sms: HTTP 500"], complete=[]),
    Result.SOURCE_NEEDS_A_LOOK: written(Conclusion(Counter(requeued=1)), problems=["pages come short"]),
    Result.FOR_A_PERSON: written(
        Conclusion(
            Counter(requeued=1, became_manual=1234),
            manual={"email/422/x": Group("email/422/x", "send.email", "HTTP 422", 1234, ids=("1", "2"))},
        )
    ),
    Result.RESOLVED: written(Conclusion(Counter(requeued=2)), is_over=True),
    Result.REQUEUED: written(Conclusion(Counter(requeued=1))),
    Result.REPORT: written(Conclusion(Counter(would_send_new=1)), report={}),
    Result.REPORT_INCOMPLETE: written(Conclusion(), report={}, problems=["sms: HTTP 500"]),
}


@pytest.mark.parametrize("result", Result)
def test_every_result_has_a_section_that_says_what_happened_for_whom_what_to_do_and_when_it_is_over(
    result: Result,
) -> None:
    said = ONE_OF_EACH[result]
    assert said.result is result
    text = sections()[heading(said.subject)]
    places = [text.index(part) for part in PARTS]
    assert places == sorted(places)
    assert all(len(part.strip()) > 3 for part in re.split("|".join(map(re.escape, PARTS)), text)[1:])


@given(
    lines=st.dictionaries(
        st.sampled_from([*LINES, *(name for name, _ in reporting.WOULD_BE_SENT.values())]), st.integers(0, 10**6)
    ),
    status=st.sampled_from(["", *STATUSES]),
    record=st.fixed_dictionaries(
        {},
        optional={
            "problems": st.just(["source sms: HTTP 500 (3 times)"]),
            "complete": st.sampled_from([[], ["email"]]),
            "truncated": st.booleans(),
            "report": st.just({}),
        },
    ),
    refused=st.sampled_from(["", "HTTP 401"]),
    is_over=st.booleans(),
)
def test_every_subject_that_can_be_written_has_a_section(
    lines: dict[str, int], status: str, record: dict[str, Any], refused: str, is_over: bool
) -> None:
    said = written(Conclusion(Counter(lines), refused=refused), Ending(status) if status else None, is_over, **record)
    assert heading(said.subject) in sections()


def test_every_link_within_the_runbook_leads_somewhere() -> None:
    text = RUNBOOK.read_text(encoding="utf-8")
    anchors = {anchor(title) for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
    links = set(re.findall(r"\]\(#([^)]+)\)", text))
    assert links
    assert links <= anchors


def test_every_line_of_a_digest_stands_in_the_runbook_as_the_digest_says_it() -> None:
    text = RUNBOOK.read_text(encoding="utf-8").split("## A digest's lines")[1]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", text, re.MULTILINE))
    assert rows == LINES


def test_the_runbook_begins_with_how_to_stop_it() -> None:
    text = RUNBOOK.read_text(encoding="utf-8")
    first = re.findall(r"^## (.+)$", text, re.MULTILINE)[0]
    assert first == "Stop it now"
    assert '"action": "pause"' in text.split("```sh")[1]


def test_what_is_urgent_is_an_error_and_what_needs_nobody_is_none() -> None:
    found = {severity: {result for result in Result if result.severity is severity} for severity in Severity}
    assert found[Severity.ERROR] == {Result.COULD_NOT_START, Result.ENDED_EARLY, Result.NOTHING_SENT}
    assert found[Severity.INFO] == {Result.RESOLVED, Result.REQUEUED, Result.REPORT}
    assert {result for result in Result if ONE_OF_EACH[result].failed} == {
        *found[Severity.ERROR],
        *found[Severity.WARNING] - {Result.FOR_A_PERSON},
    }


def test_a_backlog_takes_as_long_as_the_model_of_a_run_says() -> None:
    """Two batches at a time, of five requests each, are the default (tests/plan); the lister has the first minute."""
    text = RUNBOOK.read_text(encoding="utf-8").split("## A big backlog, minute by minute")[1]
    run = compute(10_000, 20, side_by_side=2, within=5)
    assert f"about {run.per_second:.0f} requests a second" in text
    assert f"| {1 + math.ceil(run.seconds / 60)} | The application's queue has the 10,000." in text
    assert compute(10_000, 20, side_by_side=4, within=1, rate=3).seconds == pytest.approx(3600, rel=0.1)
