"""What an operator may ask of the lister and of the ledger, over 60 communications, three of them refused."""

from __future__ import annotations

from collections import Counter

import pytest

from local import runs

FAILED = 60
BY_ADA = {"by": "arn:aws:iam::123456789012:user/ada", "why": "the customer asked for it"}


@pytest.fixture(scope="module")
def scene(scene):
    return scene.begins(failed=FAILED, trouble=None, refused=3, undeliverable=2)


@pytest.fixture(scope="module")
def dry_run(scene):
    """Before anything was sent."""
    return scene.run(dryRun=True)


@pytest.fixture(scope="module")
def few(scene, dry_run):
    """Then only some are sent."""
    return scene.run(sources=["email"], limit=5)


@pytest.fixture(scope="module")
def rest(scene, few):
    """Then the others; 3 are refused and 2 come back."""
    run = scene.run()
    scene.workers_go_on()
    return run


def judged(run):
    """What a dry run says would happen, and why."""
    return {item["primaryId"]: (item["would"], item["why"]) for item in run.answer["communications"]}


def test_a_dry_run_says_for_each_what_would_happen_and_does_nothing(scene, dry_run):
    assert judged(dry_run) == dict.fromkeys(scene.ids, ("send", "never sent before"))
    assert (dry_run.answer["dryRun"], dry_run.answer["execution"]) == (True, None)


def test_a_limit_sends_so_many_of_the_sources_asked_for(scene, few):
    assert (few.answer["eligible"], few.answer["truncated"]) == (5, True)
    assert len(few.outcomes) == 5
    assert all(key.startswith("em-") for key in few.outcomes)
    first = scene.posts()[:5]
    assert {call.body["primaryId"] for call in first} == few.outcomes.keys()  # the dry run had sent none


def test_the_next_run_sends_the_others_once(scene, few, rest):
    assert few.counts + rest.counts == {"requeued": FAILED - 3, "refused": 3}
    assert set(scene.lost()) == {*scene.those("refused"), *scene.those("undeliverable")}
    assert scene.duplicates() == []


def test_force_sends_what_still_cools_down_if_it_is_named(scene, rest):
    one, other = scene.those("undeliverable")
    assert scene.run(ids=[one]).skipped == {"cooling_down": 1}
    assert scene.run(ids=[one], force=True).outcomes == {one: "requeued"}
    assert scene.enqueued(one, other) == {one: 2, other: 1}


def test_what_is_discarded_is_never_sent_again_and_the_log_says_by_whom_and_why(scene, rest):
    refused = scene.those("refused")
    answer = scene.admin("discard", refused[0], **BY_ADA)
    assert [item["state"] for item in answer["communications"]] == ["discarded"]
    [line] = [line for line in runs.log(scene.stack, "ledger_admin") if line.get("action") == "discard"]
    assert [each["primaryId"] for each in line["changed"]] == [refused[0]]
    assert (line["by"], line["why"]) == (BY_ADA["by"], BY_ADA["why"])
    assert judged(scene.run(dryRun=True, ids=refused)) == {
        refused[0]: ("skip", "discarded"),
        refused[1]: ("skip", "manual"),
        refused[2]: ("skip", "manual"),
    }
    assert scene.run(ids=[refused[0]], force=True).skipped == {"discarded": 1}
    assert Counter(call.body["primaryId"] for call in scene.posts())[refused[0]] == 1


def test_what_was_refused_goes_out_once_somebody_mended_and_released_it(scene, rest):
    mended = scene.those("refused")[-1]
    with scene.stack.store.transaction() as database:
        database.execute("UPDATE communication SET trouble = NULL WHERE id = ?", [mended])
    scene.admin("release", mended, **BY_ADA)
    assert scene.run().outcomes == {mended: "requeued"}
    scene.workers_go_on()
    assert scene.delivered(mended) == {mended: 1}
