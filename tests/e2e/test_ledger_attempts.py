"""From the first attempt to the last, over many runs: what is delivered, what comes back, what is given up.

Of 60 communications three are refused and four can never be delivered. The cooldowns pass by the functions' own clock.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pytest

from local.sinks import Mail
from tests.e2e.conftest import MAX_ATTEMPTS
from tests.e2e.scene import Ended, Scene, headline, lines, named

LONGEST_WAIT = 86_400 * 1.25
"""`redrive_limit.max_cooldown_seconds`, and what is drawn besides."""

FAILED, REFUSED, UNDELIVERABLE = 60, 3, 4
SENT_BY_HAND = {"by": "arn:aws:iam::123456789012:user/ada", "why": "the mailboxes are there again"}


@dataclass
class Story:
    """What happened, run by run; mails are those that came with the run of the same place."""

    scene: Scene
    refused: list[str]
    undeliverable: list[str]
    runs: list[Ended] = field(default_factory=list)
    mails: list[list[Mail]] = field(default_factory=list)
    enqueued: list[set[int]] = field(default_factory=list)

    def goes_on(self) -> Ended:
        """Run, let the workers send, and note how often each of the undeliverable has been in their queue.

        The API waits for the end of the lister, which tells the news last: a digest written before has none.
        """
        with self.scene.held(after=0):
            answer = self.scene.deployed.run()
        self.runs.append(self.scene.ended(answer))
        self.scene.workers_go_on()
        self.mails.append(self.scene.mails())
        self.enqueued.append(set(self.scene.enqueued(*self.undeliverable).values()))
        return self.runs[-1]


@pytest.fixture(scope="module")
def beginning(scene) -> Story:
    """The first attempts: a run, and another one right after it."""
    scene.begins(failed=FAILED, trouble=None, refused=REFUSED, undeliverable=UNDELIVERABLE)
    story = Story(scene, scene.those("refused"), scene.those("undeliverable"))
    story.goes_on()
    story.goes_on()
    return story


@pytest.fixture(scope="module")
def exhausted(beginning) -> Story:
    """The other attempts, each after its cooldown, a run that finds them used up, and one after that."""
    while len(beginning.runs) < MAX_ATTEMPTS + 2:
        beginning.scene.later(LONGEST_WAIT)
        beginning.goes_on()
    beginning.goes_on()
    return beginning


@pytest.fixture(scope="module")
def waiting(exhausted) -> list[dict[str, object]]:
    """What `ledger_admin` lists then."""
    return exhausted.scene.waiting()


@pytest.fixture(scope="module")
def released(exhausted, waiting) -> Story:
    """The same once more, from when somebody released the undeliverable."""
    answer = exhausted.scene.admin("release", *exhausted.undeliverable, **SENT_BY_HAND)
    assert answer["unchanged"] == []
    again = Story(exhausted.scene, exhausted.refused, exhausted.undeliverable)
    again.goes_on()
    while len(again.runs) < MAX_ATTEMPTS + 1:
        again.scene.later(LONGEST_WAIT)
        again.goes_on()
    return again


def test_what_can_be_delivered_is_delivered_once(beginning):
    sendable = set(beginning.scene.ids) - {*beginning.refused, *beginning.undeliverable}
    assert beginning.runs[0].counts == {"requeued": FAILED - REFUSED, "refused": REFUSED}
    assert set(beginning.scene.enqueued(*sendable).values()) == {1}
    assert set(beginning.scene.delivered(*sendable).values()) == {1}


def test_a_run_right_afterwards_starts_nothing_and_says_why(beginning):
    assert beginning.runs[1].answer["execution"] is None
    assert beginning.runs[1].skipped == {"cooling_down": UNDELIVERABLE, "manual": REFUSED}
    assert beginning.mails[1] == []


def test_what_is_refused_is_named_in_one_mail_and_never_sent_again(exhausted):
    assert named(exhausted.mails[0]) == sorted(exhausted.refused)
    assert all(run.skipped["manual"] >= REFUSED for run in exhausted.runs[1:])
    keys = exhausted.scene.keys()
    assert [len(keys[key]) for key in exhausted.refused] == [1] * REFUSED
    for later in exhausted.mails[1:]:
        assert not set(named(later)) & set(exhausted.refused)


def test_the_next_mail_tells_how_many_went_out_and_how_many_came_back(exhausted):
    [mail] = exhausted.mails[2]
    out = FAILED - REFUSED - UNDELIVERABLE
    assert f"requeued earlier, {out} are no longer listed as failed, {UNDELIVERABLE} came back." in mail.body
    [mail] = exhausted.mails[3]
    assert f"requeued earlier, 0 are no longer listed as failed, {UNDELIVERABLE} came back." in mail.body


def test_what_always_fails_is_sent_as_often_as_it_may_be_and_no_more(exhausted):
    assert exhausted.enqueued == [{1}, {1}, {2}, {3}, {3}, {3}]
    assert MAX_ATTEMPTS == 3
    for key in exhausted.undeliverable:
        keys = exhausted.scene.keys()[key][:MAX_ATTEMPTS]
        assert [re.search(r"\d+$", one)[0] for one in keys] == ["1", "2", "3"]
    assert set(exhausted.scene.delivered(*exhausted.undeliverable).values()) == {0}


def test_what_has_no_attempts_left_is_named_in_one_mail_and_in_none_after_it(exhausted):
    assert exhausted.runs[4].outcomes == {}
    [mail] = exhausted.mails[4]
    assert headline(mail) == "Some communications wait for a person."
    assert named([mail]) == sorted(exhausted.undeliverable)
    assert lines(mail) == {"now wait for a person": UNDELIVERABLE, "wait for a person since an earlier run": REFUSED}
    assert exhausted.runs[5].answer["execution"] is None
    assert exhausted.runs[5].skipped == {"manual": REFUSED + UNDELIVERABLE}
    assert exhausted.mails[5] == []


def test_a_person_finds_all_that_is_manual_by_groups_with_the_error(exhausted, waiting):
    groups = {item["group"] for item in waiting}
    assert {group.partition("/")[2] for group in groups} == {"422/unprocessable-content", "none/came-back-each-time"}
    refused = [item for item in waiting if "/422/" in item["group"]]
    assert {item["primaryId"] for item in refused} == set(exhausted.refused)
    assert {item["error"] for item in refused} == {"HTTP 422 Unprocessable Content"}
    assert {item["primaryId"] for item in waiting if item not in refused} == set(exhausted.undeliverable)
    assert sum(group["count"] for group in exhausted.scene.admin("groups")["groups"]) == len(waiting)


def test_what_is_released_has_all_its_attempts_again_under_new_keys(exhausted, released):
    assert released.runs[0].outcomes == dict.fromkeys(released.undeliverable, "requeued")
    assert released.enqueued == [{4}, {5}, {6}, {6}]
    assert named(released.mails[-1]) == sorted(released.undeliverable)
    for key in released.undeliverable:
        keys = released.scene.keys()[key]
        assert len(keys) == len(set(keys)) == 2 * MAX_ATTEMPTS


def test_the_history_says_what_happened_who_released_it_and_why(released):
    [shown] = released.scene.admin("show", released.undeliverable[0])["communications"]
    assert [event["what"] for event in shown["history"]] == ["exhausted", "released", "requeued", "exhausted"]
    release = shown["history"][1]
    assert (release["by"], release["detail"]) == (SENT_BY_HAND["by"], SENT_BY_HAND["why"])


def test_nothing_that_was_delivered_was_sent_again_in_all_these_runs(released):
    assert set(released.scene.lost()) == {*released.refused, *released.undeliverable}
    assert set(released.scene.duplicates()) == set(released.undeliverable)  # sent on purpose, delivered never
    assert set(released.scene.delivered().values()) == {0, 1}
