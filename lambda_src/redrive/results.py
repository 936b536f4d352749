"""What a notification says in a word, for whoever routes it: an SNS message attribute each."""

from __future__ import annotations

from enum import StrEnum


class Severity(StrEnum):
    """Whether somebody must look: at once, today, or not at all."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Result(StrEnum):
    """What a subject begins with says the same in words; docs/operations.md has a section for each."""

    COULD_NOT_START = "could_not_start"
    ENDED_EARLY = "ended_early"
    NOTHING_SENT = "nothing_sent"
    NOT_REQUEUED = "not_requeued"
    LIST_INCOMPLETE = "list_incomplete"
    SOURCE_NEEDS_A_LOOK = "source_needs_a_look"
    FOR_A_PERSON = "for_a_person"
    RESOLVED = "resolved"
    REQUEUED = "requeued"
    REPORT = "report"
    REPORT_INCOMPLETE = "report_incomplete"

    @property
    def severity(self) -> Severity:
        """Say how urgent it is."""
        if self in (Result.COULD_NOT_START, Result.ENDED_EARLY, Result.NOTHING_SENT):
            return Severity.ERROR
        return Severity.INFO if self in (Result.RESOLVED, Result.REQUEUED, Result.REPORT) else Severity.WARNING


def attributes(result: Result, stage: str) -> dict[str, str]:
    """Give the message attributes of a notification."""
    return {"result": result, "stage": stage, "severity": result.severity}
