"""The person on call, with the deployed functions and a browser: sees what waits, releases thousands, and stops.

It has a stack of its own: communications of three kinds, written down as a run's verdict leaves them. 400 of them, or
with ``PILE=5000`` in the environment so many: the embedded table takes seconds for a transaction of eighty writes.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections import Counter
from pathlib import Path

import pytest
from playwright.sync_api import expect

from local import runs
from local.stack import Stack, wait_until
from redrive import ledger_rules as rules
from redrive.ledger import _waiting_item, entry_of, group_of, key_of, to_item, waiting_key
from redrive.models import Communication, OutcomeKind
from redrive.settings import LedgerSettings
from redrive.table import Key, Table
from redrive.waiting import GROUPS
from tests.e2e.scene import kill

ADDRESS, GONE, OPTED_OUT = "HTTP 422 Unknown Address", "HTTP 410 Gone", "HTTP 422 Opted Out"
PILE = int(os.environ.get("PILE", "400"))
KINDS = {("email", ADDRESS): PILE * 6 // 10, ("email", GONE): PILE * 3 // 10, ("sms", OPTED_OUT): PILE // 10}
RELEASED = ("email", ADDRESS)
HOSTILE = """<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>"""
WHO = {"by": "ada", "why": "the addresses are corrected"}
A_FEW_SECONDS = 25
"""Of a function, ten of which it keeps to end: so thousands take several invocations."""

MOST_SECONDS = 420
PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures"


@pytest.fixture(scope="module")
def table(console):
    return Table(console.client("dynamodb"), console.outputs["ledger_table_name"])


def manual(kind: tuple[str, str], primary_id: str, at: float) -> rules.Entry:
    """A communication as the verdict of a run leaves it that was refused for good."""
    source, error = kind
    settings = LedgerSettings("ledger")
    each = Communication(primary_id, f"send.{source}", source)
    claimed = rules.claimed(None, each, "earlier/1", "20261120T021500Z", "redrive", at - 60, settings)
    refused = rules.turned_away(claimed, int(error[5:8]), f"POST /requeue: {error}", at - 30, settings)
    return rules.manual(refused, OutcomeKind.REFUSED, "20261120T021500Z", at)


def write(table: Table, entries: list[rules.Entry]) -> None:
    """Write them down, each with what stands for it among all that wait, and their groups."""
    table.put_many((key_of(entry.communication), to_item(entry)) for entry in entries)
    table.put_many((waiting_key(entry), _waiting_item(entry)) for entry in entries)
    for name in {group_of(entry) for entry in entries}:
        of_it = [entry for entry in entries if group_of(entry) == name]
        shown = {
            "operation": of_it[0].communication.operation,
            "error": of_it[0].error,
            "count": len(of_it),
            "oldest": of_it[0].waiting_since,
            "newest": of_it[-1].waiting_since,
            "ids": [entry.communication.primary_id for entry in of_it[:3]],
            "lastRun": "20261120T021500Z",
        }
        table.put_many([(Key(GROUPS, name), shown)])


@pytest.fixture(scope="module")
def pile(table):
    """Three kinds that wait since days; and one that is up to no good."""
    since = time.time() - 3 * 86400
    entries = [
        manual(kind, f"{kind[0]}-{place}-{number:04}", round(since + number, 3))
        for place, (kind, count) in enumerate(KINDS.items())
        for number in range(count)
    ]
    write(table, [*entries, manual(("sms", f"HTTP 400 {HOSTILE}"), HOSTILE, round(since, 3))])
    return entries


def admin(console: Stack, action: str, **order):
    answer = console.invoke("ledger_admin", {"action": action} | order)
    assert "errorType" not in answer, answer
    return answer


def planned(console: Stack, **order):
    plan = admin(console, "plan", **order)
    wait_until(lambda: shown(console, plan)["state"] != "counting", "the count", MOST_SECONDS)
    return shown(console, plan)


def shown(console: Stack, plan):
    return admin(console, "show", actionId=plan["actionId"])["action"]


def states(table: Table, entries: list[rules.Entry]) -> dict[str, Counter[str]]:
    """How many of each kind are in which state, and how often each was released."""
    items = table.get_many(key_of(entry.communication) for entry in entries)
    found: dict[str, Counter[str]] = {}
    for entry in map(entry_of, items):
        released = [event.what for event in entry.history].count("released")
        kind = entry.communication.primary_id.rpartition("-")[0]
        found.setdefault(kind, Counter())[f"{entry.state}, {released}"] += 1
    return found


def test_one_kind_of_three_is_released_each_once_over_several_invocations_one_of_them_killed(console, table, pile):
    name = console.outputs["function_names"]["ledger_admin"]
    group = group_of(next(entry for entry in pile if entry.error and ADDRESS in entry.error))
    plan = planned(console, what="release", group=group)
    assert (plan["state"], plan["count"]) == ("planned", KINDS[RELEASED])

    late = manual(RELEASED, "email-late", round(time.time() - 5, 3))
    table.put_many([(key_of(late.communication), to_item(late)), (waiting_key(late), _waiting_item(late))])
    admin(console, "confirm", actionId=plan["actionId"], count=plan["count"], **WHO)
    wait_until(lambda: shown(console, plan)["state"] != "checking", "the count", MOST_SECONDS)
    moved = shown(console, plan)
    assert (moved["state"], moved["counted"]) == ("moved", KINDS[RELEASED] + 1)
    assert states(table, pile)["email-0"] == {"manual, 0": KINDS[RELEASED]}

    plan = planned(console, what="release", group=group, olderThanSeconds=86400)
    assert plan["count"] == KINDS[RELEASED], "the late one is younger"
    client = console.client("lambda")
    timeout = client.get_function_configuration(FunctionName=name)["Timeout"]
    client.update_function_configuration(FunctionName=name, Timeout=A_FEW_SECONDS)
    admin(console, "confirm", actionId=plan["actionId"], count=plan["count"], **WHO)
    wait_until(lambda: shown(console, plan)["done"], "some", MOST_SECONDS)
    wait_until(lambda: kill(console, "ledger_admin"), "an invocation to be killed")
    look = {"action": "actions", "limit": 1}
    wait_until(lambda: "errorType" not in console.invoke("ledger_admin", look), "a sandbox that was not killed")
    half = shown(console, plan)
    assert half["state"] == "running"
    assert 0 < half["done"] < KINDS[RELEASED]
    carry_on = json.dumps({"action": "carryOut", "actionId": plan["actionId"]})
    client.invoke(FunctionName=name, InvocationType="Event", Payload=carry_on)
    wait_until(lambda: shown(console, plan)["state"] != "running", "the end", MOST_SECONDS)
    client.update_function_configuration(FunctionName=name, Timeout=timeout)
    done = shown(console, plan)
    assert (done["state"], done["done"], done["skipped"]) == ("done", KINDS[RELEASED], 0)
    assert states(table, pile) == {
        "email-0": {"released, 1": KINDS[RELEASED]},
        "email-1": {"manual, 0": KINDS["email", GONE]},
        "sms-2": {"manual, 0": KINDS["sms", OPTED_OUT]},
    }
    assert states(table, [late]) == {"email": {"manual, 0": 1}}
    carried = [line for line in runs.log(console, "ledger_admin") if line.get("message") == "carried on"]
    ends = [line["action"]["state"] for line in carried if line["action"]["actionId"] == plan["actionId"]]
    assert "done" in ends, "an invocation after the one that was killed"
    if PILE >= 5000:
        assert "running" in ends, "an invocation whose time was over left the rest to the next one"


@pytest.fixture(scope="module")
def address(console):
    return console.show_dashboard()


@pytest.fixture
def page(chromium, address, pile):
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(address)
    yield page
    page.close()


VIEW, OPERATE = "What waits, runs, what people did", "For operators: release, discard, pause, stop"


def test_the_dashboard_shows_groups_with_their_numbers_and_a_viewer_no_buttons(page, pile):
    view, operate = (page.get_by_role("region", name=name) for name in (VIEW, OPERATE))
    expect(view.get_by_text(re.compile(r"[\d,]+ wait for a person"))).to_be_visible()
    expect(view.get_by_text("email/410/gone")).to_be_visible()
    expect(operate.get_by_text("Discard …").first).to_be_visible()
    expect(view.get_by_text("Discard …")).to_have_count(0)


def test_hostile_ids_and_errors_are_shown_as_text(page, pile):
    view = page.get_by_role("region", name=VIEW)
    expect(view.get_by_text("<img src=x").first).to_be_visible()
    view.get_by_text(re.compile("^sms/400/")).click()
    expect(view.get_by_text("<script>document").first).to_be_visible()
    assert page.title() != "owned"
    assert page.locator("img, section script").count() == 0


def test_an_operator_discards_a_kind_after_seeing_its_number_and_reads_the_result_later(page, console, table, pile):
    operate = page.get_by_role("region", name=OPERATE)
    operate.get_by_role("row").filter(has_text="sms/422/opted-out").get_by_text("Discard …").click()
    count = KINDS["sms", OPTED_OUT]
    expect(operate.get_by_text(f"planned: {count}")).to_be_visible()
    operate.get_by_label("Your name").fill("bo")
    operate.get_by_label("Why").fill("they have opted out")
    operate.get_by_text(f"discard {count}").click()
    expect(operate.get_by_text(re.compile("(checking|running|done): [0-9,]+ of "))).to_be_visible()
    action = admin(console, "actions", limit=1)["actions"][0]
    wait_until(lambda: shown(console, action)["state"] == "done", "the end", MOST_SECONDS)
    page.reload()
    view = page.get_by_role("region", name=VIEW)
    view.get_by_text("Actions", exact=True).click()
    expect(view.get_by_role("row").filter(has_text="they have opted out")).to_contain_text(
        f"done: {count} of {count} done"
    )
    assert states(table, pile)["sms-2"] == {"discarded, 0": count}


def test_everything_is_paused_by_a_button_and_a_firing_starts_nothing(page, console):
    operate = page.get_by_role("region", name=OPERATE)
    operate.get_by_label("Your name").fill("bo")
    operate.get_by_label("Why").fill("the provider is down")
    operate.get_by_text("Pause", exact=True).click()
    expect(operate.get_by_text("Done.")).to_be_visible()
    fired = console.fire("2026-11-24T02:15:00Z")
    run_id = runs.run_id_of(fired["scheduledTime"])
    wait_until(
        lambda: [
            line
            for line in runs.log(console, "list_failed")
            if (line.get("message"), line.get("runId")) == ("run skipped", run_id)
        ],
        "the firing",
    )
    page.reload()
    expect(operate.get_by_text(re.compile("Paused since .* by bo: the provider is down"))).to_be_visible()
    operate.get_by_label("Your name").fill("bo")
    operate.get_by_label("Why").fill("it is back")
    operate.get_by_text("Resume", exact=True).click()
    expect(operate.get_by_text("Done.")).to_be_visible()
    run = runs.follow(console, console.invoke("list_failed", {})["execution"])
    page.reload()
    view = page.get_by_role("region", name=VIEW)
    view.get_by_text("Runs", exact=True).click()
    expect(view.get_by_text(run.arn.rpartition(":")[2]).first).to_be_visible()


def test_whoever_has_the_viewers_policy_sees_everything_and_can_change_nothing(chromium, console, table):
    iam, name = console.client("iam"), "viewer"
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
    }
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="view", PolicyDocument=console.outputs["dashboard"]["viewer_policy"])
    page = chromium.new_page()
    page.goto(console.show_dashboard(role))
    expect(page.get_by_role("region", name=VIEW).get_by_text("wait for a person")).to_be_visible()
    expect(page.get_by_role("region", name=OPERATE).get_by_text("AccessDenied")).to_be_visible()
    expect(page.get_by_text("Release …")).to_have_count(0)
    page.close()
    iam.delete_role_policy(RoleName=name, PolicyName="view")
    iam.delete_role(RoleName=name)


@pytest.mark.parametrize("width", [1280, 400])
def test_it_can_be_read_on_a_screen_and_on_a_phone(page, width):
    page.set_viewport_size({"width": width, "height": 900})
    expect(page.get_by_role("region", name=VIEW).get_by_text("email/410/gone")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if os.environ.get("PICTURES"):
        PICTURES.mkdir(exist_ok=True)
        page.get_by_role("region", name=OPERATE).screenshot(path=PICTURES / f"console-{width}.png")


def test_each_metric_the_functions_publish_in_runs_is_one_the_dashboard_names_with_these_dimensions(console, table):
    """Of the functions of the redrive; what is published only in trouble is compared in the plan's tests."""
    body = json.loads(
        console.client("cloudwatch").get_dashboard(DashboardName=console.outputs["dashboard"]["name"])["DashboardBody"]
    )
    named = set()
    for widget in body["widgets"]:
        for metric in widget["properties"].get("metrics", ()):
            _, name, *dimensions = (part for part in metric if isinstance(part, str))
            named.add((name, *sorted(zip(dimensions[::2], dimensions[1::2], strict=True))))
    published = set()
    for function in ("list_failed", "requeue_communication", "conclude"):
        for line in runs.log(console, function):
            for directive in line.get("_aws", {}).get("CloudWatchMetrics", ()):
                for keys in directive["Dimensions"]:
                    pairs = sorted((key, line[key]) for key in keys)
                    published |= {(metric["Name"], *pairs) for metric in directive["Metrics"]}
    assert {name for name, *_ in published} >= {"Listed", "Requeued", "ApiLatency", "RunsConcluded", "RunsSkipped"}
    assert published <= named
