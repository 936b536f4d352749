"""The digest of a run: one plain text that a person reads on a phone, the result first."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from redrive import clock
from redrive.conclusion import Conclusion, Failures
from redrive.mailing import EVERY_SOURCE, Mood
from redrive.results import Result
from redrive.runs import BECAME_MANUAL, LEFT_OUT, NOT_LISTED, NOT_TRIED, UNDER_WAY
from redrive.waiting import Group
from redrive.wording import console_url, counted, invocation, rfc3339, time_of

MAX_KEY = 200
"""Characters of a headline by which it is remembered."""

MAX_SUBJECT = 100
"""Characters in the subject of an SNS e-mail; one more, or one that is not ASCII, fails the publish (API reference)."""

COULD_NOT_START = "COULD NOT START"
NOTHING_LEFT = "nothing is left to send"

MAX_GROUPS = 10
"""Groups of failures that a digest names; of the others it says how many there are."""

IDS_IN_A_LINE = 5

LINES = {
    "requeued": "requeued: the application took them back into its queue",
    "already_queued": "already queued or sent, according to the application",
    BECAME_MANUAL: "now wait for a person: no run sends them again",
    "charged": "turned away: counts as an attempt, tried again after the cooldown",
    "turned_away": "turned away: counts as nothing yet, tried again in a later run",
    "not_asked": "not sent, because a function or the ledger failed, or its turn never came: left for the next run",
    LEFT_OUT: "not tried, because the API turned others of their source away: left for the next run",
    NOT_TRIED: "not tried before the run ended: left for the next run",
    UNDER_WAY: "still under way when the run ended: checked by the next run",
    "left": "beyond max_per_run: left for the next run",
    "paused": "not sent, because of the pause: left for the next run",
    "stopped": "not sent, because the run was stopped: left for the next run",
    "asked_to_wait": "not sent, because the API asked to wait: left for the next run",
    "cooling_down": "cooling down after an earlier try",
    "leased": "being sent by another run",
    "concluded": "sent by this run already",
    "manual": "wait for a person since an earlier run",
    "discarded": "discarded by a person",
    "exhausted": "out of attempts: they will wait for a person after the next run",
    "too_young": "failed too recently: the application's own retries come first",
    "too_old": "failed too long ago (max_age_seconds)",
}
"""The lines of a digest's counts, in their order; each listed communication is in one."""

NOT_OUT = ("charged", "turned_away", "not_asked", LEFT_OUT, NOT_TRIED, UNDER_WAY, "paused", "stopped", "asked_to_wait")
"""Lines of communications that the run should have sent, and has not."""


class Ending(NamedTuple):
    """How a run ended, where not in the ordinary way: its status, and why, in words."""

    status: str
    why: str = ""


class Digest(NamedTuple):
    """A notification.

    Attributes
    ----------
    headline
        The first line, which has no counts, as what makes it the same news as another.
    is_ordinary
        Whether it says no more than what the API took and what it turned away.
    moods
        By source, how it is after this run.
    failed
        How many communications the run should have sent and has not, or 1 where only something else went wrong.
    cause
        A sentence for the execution's failure.
    result
        What it says, in a word.
    """

    subject: str
    message: str
    headline: str
    is_ordinary: bool
    moods: Mapping[str, Mood]
    failed: int
    cause: str
    result: Result


class Story(NamedTuple):
    """All that a digest is written from.

    Attributes
    ----------
    name, stage
        As the module is called.
    news
        What became of what earlier runs requeued.
    quiet
        Counts of the runs since the last digest.
    manual
        What waits for a person and no digest has named yet, of this run and of those since the last digest.
    bad
        Sources of which bad news was sent that is not over.
    is_over
        Whether the digest says that it is.
    dashboard_url
        Where the dashboard is looked at; empty where there is none.
    """

    name: str
    stage: str
    run_id: str
    record: Mapping[str, Any]
    done: Conclusion
    requeue_path: str = ""
    ending: Ending | None = None
    news: Mapping[str, int] = MappingProxyType({})
    quiet: Mapping[str, int] = MappingProxyType({})
    manual: tuple[Group, ...] = ()
    bad: frozenset[str] = frozenset()
    is_over: bool = False
    dashboard_url: str = ""

    def function(self, name: str) -> str:
        """Give the full name of one of the module's functions."""
        return f"{self.name}-{self.stage}-{name}"


def write(story: Story) -> Digest:
    """Write the digest of a run."""
    done, lines = story.done, story.done.lines
    not_out = sum(lines[name] for name in NOT_OUT)
    problems = [str(problem) for problem in story.record.get("problems", ())]
    if story.record.get("truncated"):
        problems.append("there was no time to read every source to its end; the next run goes on")
    is_incomplete = bool(not_out or problems or story.ending or story.done.refused)
    moods = _moods(story, problems)
    headline = _headline(story, lines, problems, lambda failures: failures.error)
    execution = str(story.record.get("execution", ""))
    kind, result = _result(lines, not_out, problems, story)
    where = f"{story.name} {story.stage}"
    subject = f"{result} - {where}"
    blocks = [
        headline,
        "\n".join(filter(None, [f"{where}, run {story.run_id}", time_of(story.run_id)])),
        _advice(story),
        _counts(lines, int(story.record.get("listed", 0))),
        _list("Turned away:", [_alike(each) for each in _by_count(list(story.done.failures.values()))]),
        _list("New for a person:", [_alike(each) for each in _by_count(list(story.manual))], _how_to(story)),
        _list("Problems:", problems),
        _since(story.quiet, story.news),
        f"Dashboard:\n{story.dashboard_url}" if story.dashboard_url else "",
        f"Execution:\n{console_url(execution)}" if execution else "",
    ]
    return Digest(
        subject=re.sub(r"[^ -~]", "?", subject)[:MAX_SUBJECT],
        message="\n\n".join(block for block in blocks if block) + "\n",
        headline=same_news(_headline(story, lines, problems, _kind_of_answer)),
        is_ordinary=not (story.ending or done.refused or done.ended or problems)
        and not any(lines[name] for name in NOT_OUT if name not in ("charged", "turned_away")),
        moods=moods,
        failed=not_out or int(is_incomplete),
        cause=f"{result}; run {story.run_id}",
        result=kind,
    )


def _how_to(story: Story) -> str:
    """Say where a person decides about what waits."""
    how = "Look at them in the application, then release or discard them"
    if story.dashboard_url:
        return f"{how} on the dashboard."
    function = story.function("ledger-admin")
    command = invocation(function, '{"action": "groups"}')
    return f"{how} with the function {function}. This lists them:\n{command}"


def _moods(story: Story, problems: Sequence[str]) -> dict[str, Mood]:
    """Say of each source how it is: by what its API took, and whether it could be listed.

    A source of which bad news was sent is well again, too, when nothing of it is left to be sent, or when it is gone.
    """
    answers, record = story.done.answers, story.record
    moods = {source: Mood.of_source(answers[source, True], answers[source, False]) for source, _ in answers}
    done_with = {*record.get("idle", ()), *(story.bad - set(record.get("configured", story.bad)))}
    moods |= dict.fromkeys(story.bad & done_with, Mood.GOOD)
    if story.ending or story.done.refused:
        moods |= dict.fromkeys({*moods, *record.get("configured", ()), EVERY_SOURCE}, Mood.BAD)
    elif problems:
        listed = record.get("complete", ())
        moods |= {source: Mood.BAD for source in record.get("configured", ()) if source not in listed}
    if story.done.lines["not_asked"] > story.done.lines["requeued"]:
        moods[EVERY_SOURCE] = Mood.BAD  # of our own doing: no API has answered, and nothing goes out
    if EVERY_SOURCE in story.bad and EVERY_SOURCE not in moods:
        moods[EVERY_SOURCE] = Mood.GOOD
    return moods


def _is_whole(story: Story) -> bool:
    """Tell whether every source was read to its end, so that a problem is one of settings."""
    configured, is_truncated = story.record.get("configured"), story.record.get("truncated")
    return configured is not None and not is_truncated and set(configured) <= set(story.record.get("complete", ()))


def _headline(story: Story, lines: Counter[str], problems: Sequence[str], answer: Callable[[Failures], str]) -> str:
    done = story.done
    if story.ending:
        what = "could not start" if story.ending.status == COULD_NOT_START else f"ended early: {story.ending.status}"
        return f"The run {what}." + (f" {story.ending.why}" if story.ending.why else "")
    if done.refused:
        return f"Nothing more could be sent: {done.refused}."
    if done.ended:
        return f"The run ended before everything was sent: {done.ended}."
    dead = _dead(done)
    failures = [each for each in done.failures.values() if each.source in dead or not dead]
    largest = max(failures, key=lambda each: each.count, default=None)
    if dead and (waits := _asked_to_wait(done, dead)):
        return f"The API asked not to be asked before {waits} ({', '.join(dead)})."
    if largest and dead:
        took = sum(done.answers[source, True] for source in dead)
        what = "The API no longer takes anything" if took else "The API turned everything away"
        return f"{what}: {answer(largest)} ({', '.join(dead)})."
    if largest:
        return f"Some communications were turned away: {answer(largest)} ({largest.source})."
    if problems:
        what = "A source needs a look" if _is_whole(story) else "Not everything that failed could be listed"
        return f"{what}: {problems[0]}."
    if any(lines[name] for name in NOT_OUT):
        return "Some communications were not sent."
    if story.is_over:
        return f"Resolved: {'communications are requeued again' if lines['requeued'] else NOTHING_LEFT}."
    if story.manual:
        return "Some communications wait for a person."
    return "Everything that could be sent was requeued."


def same_news(headline: str) -> str:
    """Give what makes a headline the same news as another: without ids, times and counts, which differ each time."""
    return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<!HTTP )\b\d[\d,.:TZ-]*", "#", headline)[:MAX_KEY]


def _kind_of_answer(failures: Failures) -> str:
    """Say what the API answered so that it is the same news while it lasts: each 5xx, and no answer, alike."""
    return "it is down" if failures.status is None or failures.status >= 500 else failures.error


def _result(lines: Counter[str], not_out: int, problems: Sequence[str], story: Story) -> tuple[Result, str]:
    """Give the result, and with its numbers, for the subject."""
    listed = int(story.record.get("listed", 0))
    if story.ending:
        if story.ending.status == COULD_NOT_START:
            return Result.COULD_NOT_START, "run could not start"
        return Result.ENDED_EARLY, f"run ended early ({story.ending.status}), {not_out:,} of {listed:,} not sent"
    if not_out:
        return Result.NOT_REQUEUED, f"{not_out:,} of {counted(listed)} not requeued"
    if problems:
        if _is_whole(story):
            return Result.SOURCE_NEEDS_A_LOOK, f"a source needs a look, {counted(lines['requeued'])} requeued"
        return Result.LIST_INCOMPLETE, f"list incomplete, {counted(lines['requeued'])} requeued"
    if story.done.refused:
        return Result.NOTHING_SENT, "nothing could be sent"
    if story.is_over:
        return Result.RESOLVED, f"resolved, {counted(lines['requeued'])} requeued"
    if story.manual:
        person = f"{sum(group.count for group in story.manual):,} for a person"
        return Result.FOR_A_PERSON, f"{counted(lines['requeued'])} requeued, {person}"
    return Result.REQUEUED, f"{counted(lines['requeued'])} requeued"


def _dead(done: Conclusion) -> list[str]:
    """Name the sources of which the API took nothing."""
    return sorted({*done.open, *(source for source, tried in done.tried.items() if tried.turned_everything_away)})


def _asked_to_wait(done: Conclusion, dead: Sequence[str]) -> str:
    """Say until when the API wants to be left alone; empty where it did not ask for it, or the time has passed."""
    until = [done.held.get(source, 0) for source in dead]
    return (rfc3339(max(until)) or "") if min(until) > clock.now() else ""


def _advice(story: Story) -> str:
    """Say what to check where the API turns everything away."""
    done = story.done
    if done.refused:
        return "What to check: the secret of api.auth, and the settings that the line above names. Nothing was counted."
    dead = _dead(done)
    if not dead:
        return ""
    if _asked_to_wait(done, dead) and not done.failures:
        return "Nothing was asked of it in this run; later runs go on after that time."
    counts: Counter[int | None] = Counter()
    for each in done.failures.values():
        counts[each.status] += each.count if each.source in dead else 0
    status = counts.most_common(1)[0][0] if counts else None
    check = {
        404: f"requeue.path ({story.requeue_path}): the API does not know it",
        405: f"requeue.path ({story.requeue_path}) and requeue.method: the API does not allow it",
        401: "the secret of api.auth",
        403: "the secret of api.auth and what it may do",
        429: "the API's request limit, below which max_requests_per_second keeps a run",
    }.get(status or 0, "the API's health" if status is None or status >= 500 else "what the API wants of a request")
    spared = "" if done.manual else " Nothing was handed to a person because of it; it is tried again in later runs."
    return f"What to check: {check}.{spared}"


def _counts(lines: Counter[str], listed: int) -> str:
    rows = [f"- {lines[name]:,} {text}" for name, text in LINES.items() if lines[name]]
    named = {*LINES, NOT_LISTED}
    rows += [f"- {count:,} skipped: {name}" for name, count in lines.items() if count and name not in named]
    missing = f"\n{lines[NOT_LISTED]:,} of the ids asked for are not listed as failed." if lines[NOT_LISTED] else ""
    return "\n".join([f"{counted(listed)} listed as failed" + (":" if rows else "."), *rows]) + missing


def _alike(each: Failures | Group) -> str:
    error = each.error or "came back after every attempt"
    return f"- {each.count:,} x {error}, {each.operation}: {_ids(each.ids, each.count)}"


def _ids(ids: Sequence[str], count: int) -> str:
    shown = ids[:IDS_IN_A_LINE]
    return ", ".join(shown) + (f", … and {count - len(shown):,} more" if count > len(shown) else "")


def _by_count(groups: list[Any]) -> list[Any]:
    return sorted(groups, key=lambda each: -each.count)


def _list(title: str, rows: Sequence[str], after: str = "") -> str:
    if not rows:
        return ""
    more = [f"- and {counted(len(rows) - MAX_GROUPS, 'more group')}"] if len(rows) > MAX_GROUPS else []
    rows = [row if row.startswith("- ") else f"- {row}" for row in rows[:MAX_GROUPS]]
    return "\n".join(filter(None, [title, *rows, *more, after]))


def _since(quiet: Mapping[str, int], news: Mapping[str, int]) -> str:
    texts = []
    if news.get("delivered") or news.get("cameBack"):
        delivered, came_back = news.get("delivered", 0), news.get("cameBack", 0)
        texts.append(
            f"Of those requeued earlier, {delivered:,} are no longer listed as failed, {came_back:,} came back."
        )
    if runs := quiet.get("runs"):
        texts.append(
            f"Since the last digest: {counted(runs, 'run')} without one, {quiet.get('requeued', 0):,} requeued, "
            f"{quiet.get('turnedAway', 0):,} turned away, {quiet.get('manual', 0):,} new for a person."
        )
    return "\n".join(texts)
