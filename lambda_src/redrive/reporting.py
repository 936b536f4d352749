"""A report: what a run of the schedule would have sent, and why not the rest, where ``mode`` is ``report``.

It is listed and judged as every run is, and sends nothing: no execution, no lock, and nobody is charged. The lister
writes it down, and ``conclude`` mails it by the same rules as a digest, so that the same report goes out once a day.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from redrive import digest, wording
from redrive.conclusion import Conclusion
from redrive.digest import Digest, Story
from redrive.mailing import EVERY_SOURCE, Mood
from redrive.ordering import Rank
from redrive.results import Result
from redrive.wording import counted, time_of

if TYPE_CHECKING:
    from redrive.models import Communication
    from redrive.run import Selection
    from redrive.table import Item

REPORT = "REPORT"
"""The status by which ``conclude`` hears of one."""

WOULD_BE_SENT = {
    Rank.NEVER_TRIED: ("would_send_new", "would be sent: never sent before"),
    Rank.CAME_BACK: ("would_send_again", "would be sent again: failed again after an earlier run"),
    Rank.TURNED_AWAY: ("would_try_again", "would be sent again: turned away by an earlier run"),
}
BECOMES_MANUAL = "would_become_manual"
LEFT = "left"

LINES = {
    **dict(WOULD_BE_SENT.values()),
    BECOMES_MANUAL: "would wait for a person: out of attempts",
    **digest.LINES,
    LEFT: "beyond max_per_run: left for a later run",
    "exhausted": "out of attempts: they would wait for a person after a later run",
}

Report = dict[str, dict[str, int]]
"""By source, how many by what would become of them."""


def of(selection: Selection, chosen: Sequence[Sequence[Communication]]) -> Report:
    """Count what was found.

    Parameters
    ----------
    chosen
        What would be sent, class by class: never tried, came back, turned away.
    """
    found: dict[str, Counter[str]] = {}
    for rank, communications in zip(Rank, chosen, strict=True):
        for source, count in Counter(each.source for each in communications).items():
            found.setdefault(source, Counter())[WOULD_BE_SENT[rank][0]] += count
    for source, count in Counter(each.source for each in selection.exhausted).items():
        found.setdefault(source, Counter())[BECOMES_MANUAL] += count
    for (source, reason), count in selection.reasons.items():
        found.setdefault(source, Counter())[str(reason)] += count
    return {source: dict(counts) for source, counts in found.items()}


def conclusion(record: Item) -> Conclusion:
    """Give what the record keeps of it, all sources together."""
    done = Conclusion(lines=Counter({LEFT: int(record.get("left", 0))}))
    for counts in record["report"].values():
        done.lines.update({name: int(count) for name, count in counts.items()})
    return done


def write(story: Story) -> Digest:
    """Write the notification of a report."""
    record, lines = story.record, story.done.lines
    problems = [str(problem) for problem in record.get("problems", ())]
    if record.get("truncated"):
        problems.append("there was no time to read every source to its end")
    sends = sum(lines[name] for name, _ in WOULD_BE_SENT.values())
    would = f"{counted(sends)} would be sent" if sends else "nothing would be sent"
    headline = f"Report only, nothing was sent: {would}."
    if problems:
        headline = f"Report only, nothing was sent: a list may be incomplete: {problems[0]}."
    where = f"{story.name} {story.stage}"
    listed = int(record.get("listed", 0))
    kind, result = Result.REPORT, f"report: {sends:,} of {counted(listed)} would be sent"
    if problems:
        kind, result = Result.REPORT_INCOMPLETE, f"report, list incomplete: {would}"
    elif story.is_over and not sends:
        headline = f"Resolved: {digest.NOTHING_LEFT}."
    blocks = [
        headline,
        "\n".join(filter(None, [f"{where}, report {story.run_id}", time_of(story.run_id)])),
        f"{counted(listed)} listed as failed.",
        *(_of_source(source, counts) for source, counts in sorted(record["report"].items())),
        f"{lines[LEFT]:,} more are beyond max_per_run." if lines[LEFT] else "",
        "\n".join(["Problems:", *(f"- {problem}" for problem in problems)]) if problems else "",
        *(_how_to_send(story) if sends else ()),
        'To let the schedule send: mode = "redrive".',
        f"Dashboard:\n{story.dashboard_url}" if story.dashboard_url else "",
    ]
    return Digest(
        subject=re.sub(r"[^ -~]", "?", f"{result} - {where}")[: digest.MAX_SUBJECT],
        message="\n\n".join(block for block in blocks if block) + "\n",
        headline=digest.same_news(headline),
        is_ordinary=False,
        moods=_moods(story, problems),
        failed=int(bool(problems)),
        cause=result,
        result=kind,
    )


def _moods(story: Story, problems: Sequence[str]) -> dict[str, Mood]:
    """Say of each source whether it could be listed, and whether nothing of it is left; its API was asked no more."""
    record = story.record
    bad = {each: Mood.BAD for each in record.get("configured", ()) if problems and each not in record["complete"]}
    over = story.bad & {*record.get("idle", ()), EVERY_SOURCE}
    return dict.fromkeys(over, Mood.GOOD) | bad


def _of_source(source: str, counts: Mapping[str, Any]) -> str:
    rows = [f"- {int(counts[name]):,} {text}" for name, text in LINES.items() if counts.get(name)]
    rows += [f"- {int(count):,} skipped: {name}" for name, count in counts.items() if count and name not in LINES]
    return "\n".join([f"{source}:", *rows])


def _how_to_send(story: Story) -> list[str]:
    """Give the calls that send it, a few first, then the rest, and those that stop it and look at it."""
    lister, admin = story.function("list-failed"), story.function("ledger-admin")
    pause = '{"action": "pause", "by": "YOUR NAME", "why": "WHY"}'
    calls = {
        "Nobody has sent them. This sends ten of them:": wording.invocation(lister, '{"limit": 10}'),
        "This sends all of them, in one run:": wording.invocation(lister, "{}"),
        "This stops it, for an hour:": wording.invocation(admin, pause),
        "This shows how far it is:": wording.invocation(admin, '{"action": "now"}'),
    }
    return [f"{what}\n{call}" for what, call in calls.items()]
