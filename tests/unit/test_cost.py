"""The cost model: counts times prices, and what `make cost` refuses."""

from __future__ import annotations

import re

import pytest

from bench import cost, model
from bench.model import Workload

COUNTS = {
    "module": {
        "transitions": 1.0,
        "batch_transitions": 5.0,
        "run_transitions": 4.0,
        "retry_transitions": 1.0,
        "requeues": 1.0,
        "batch_calls": 2.0,
        "retry_requeues": 1.0,
        "write_units": 2.0,
        "batch_write_units": 3.0,
        "run_write_units": 10.0,
        "retry_write_units": 2.0,
        "read_units": 1.0,
        "batch_read_units": 7.0,
        "run_read_units": 4.0,
        "retry_read_units": 0.0,
        "settled_batch_read_units": 2.0,
        "settled_run_write_units": 1.0,
        "batch_item_bytes": 100.0,
        "batch_item_bytes_each": 20.0,
        "requeue_own_ms": 20.0,
        "requeue_cold_ms": 500.0,
        "requeue_log_bytes": 1000.0,
        "retry_log_bytes": 1000.0,
        "batch_own_ms": 10.0,
        "batch_log_bytes": 1000.0,
        "conclude_own_ms": 100.0,
        "conclude_log_bytes": 1000.0,
        "list_own_ms": 100.0,
        "list_log_bytes": 1000.0,
        "alarms": 5.0,
        "metrics": 2.0,
        "metrics_per_source": 4.0,
    },
    "seed": {"transitions": 1.0, "batch_transitions": 2.0, "invocations": 1.0, "own_ms": 10.0, "log_bytes": 200.0},
    "worker": {
        "retry_invocations": 1.0,
        "retry_changes": 1.0,
        "own_ms": 2.0,
        "retry_own_ms": 10.0,
        "cold_ms": 320.0,
        "log_bytes": 800.0,
        "retry_log_bytes": 1500.0,
    },
}
PRICES = cost.read(cost.PRICES)
MODULE, MINIMAL = "this module", "a minimal workflow without ledger or retries"
READ = re.compile(r"https://((docs\.)?aws\.amazon\.com|github\.com/(aws|awslabs|aws-samples))/")


def priced(way, **work):
    return model.dollars(model.WAYS[way](Workload(**work), COUNTS), PRICES)


def test_a_batch_of_20_costs_five_transitions_more_than_its_communications_and_a_run_four():
    assert model.predict(Workload(20, retry_rate=0), COUNTS).transitions == 20 + 5 + 4
    assert model.predict(Workload(1_000_000, retry_rate=0), COUNTS).transitions == 1_250_000 + 100 * 4
    assert priced(MINIMAL, failed=1_000_000)["Step Functions"] == pytest.approx(27.5)


def test_larger_batches_are_cheaper_and_a_run_sends_one_mail():
    small, large = (priced(MODULE, failed=10_000, batch_size=size) for size in (5, 100))
    assert sum(large.values()) < sum(small.values())
    units = [
        model.module(Workload(failed, size), COUNTS) for failed, size in ((10_000, 5), (10_000, 100), (30_000, 20))
    ]
    assert [(each["email"], each["publish"]) for each in units] == [(1, 1), (1, 1), (3, 3)]
    assert model.seed(Workload(10_000), COUNTS)["email"] == 500


def test_a_month_is_its_hourly_runs_each_of_its_share():
    spread = cost.month(72_000, COUNTS, PRICES)
    assert spread == pytest.approx(720 * sum(priced(MODULE, failed=100).values()))
    assert spread > sum(priced(MODULE, failed=72_000).values())


def test_a_slower_api_costs_time_of_functions_and_nothing_else():
    quick, slow = (priced(MODULE, failed=10_000, api_ms=ms) for ms in (0, 1000))
    assert slow["Lambda"] - quick["Lambda"] == pytest.approx((10_200 + 100) * 0.25 * 0.0000133334)
    assert {name for name in quick if quick[name] != pytest.approx(slow[name])} == {"Lambda"}


def test_retries_are_counted_in_transitions_invocations_and_writes():
    steady, shaky = (model.predict(Workload(200, 100, retry_rate=rate), COUNTS) for rate in (0, 0.02))
    assert (steady.transitions, shaky.transitions) == (214, 218)
    assert (steady.invocations["requeue_communication"], shaky.invocations["requeue_communication"]) == (200, 204)
    assert shaky.write_units - steady.write_units == 8
    assert shaky.read_units == steady.read_units


def test_a_run_of_two_batches_opens_and_closes_both_and_concludes_once():
    does = model.predict(Workload(200, 100, retry_rate=0), COUNTS)
    assert does.invocations == {"list_failed": 1, "batch": 4, "requeue_communication": 200, "conclude": 1}
    # the item that holds a hundred communications has 2,100 bytes: three units instead of one
    assert does.write_units == 200 * 2 + 2 * (3 + 2) + 10
    assert does.read_units == 200 + 2 * 7 + 4


def test_a_batch_whose_item_is_over_four_kilobytes_is_read_three_times_for_a_unit_more():
    long_ids = {**COUNTS, "module": COUNTS["module"] | {"batch_item_bytes_each": 40.0}}
    short, long = (model.predict(Workload(100, 100, retry_rate=0), counts) for counts in (COUNTS, long_ids))
    assert long.read_units - short.read_units == 3


def test_what_a_later_run_reads_to_count_deliveries_is_paid_for_too():
    units = model.module(Workload(20_000, retry_rate=0), COUNTS)
    assert units["read_unit"] == 20_000 + 1000 * (7 + 2) + 2 * 4
    assert units["write_unit"] == 40_000 + 1000 * 3 + 2 * (10 + 1)


def test_conclude_is_paid_for_at_its_own_memory():
    quick = {**COUNTS, "module": COUNTS["module"] | {"conclude_own_ms": 0.0}}
    with_it, without = (model.module(Workload(10_000), counts)["lambda_gb_second"] for counts in (COUNTS, quick))
    assert with_it - without == pytest.approx((1 + 500 / 50) * 0.1 * 0.5)


def test_the_module_is_compared_with_the_minimal_workflow_in_batches_of_20():
    ours, theirs, more = model.against_minimal(Workload(1_000_000, 100), COUNTS, PRICES)
    assert ours == pytest.approx(sum(priced(MODULE, failed=1_000_000, batch_size=100).values()))
    assert theirs == pytest.approx(sum(priced(MINIMAL, failed=1_000_000, batch_size=20).values()))
    assert sum(more.values()) == pytest.approx(ours - theirs)


def test_a_limit_of_cost_that_is_missed_says_which_service_costs_what():
    dear = {**COUNTS, "module": COUNTS["module"] | {"write_units": 20.0}}
    met, missed = (cost.rows(counts, PRICES) for counts in (COUNTS, dear))
    assert [row.met for row in met] == [True, True]
    assert [row.met for row in missed] == [False, False]
    assert missed[0].why.startswith("against it, USD: DynamoDB +12.")


@pytest.mark.parametrize(("failed", "runs", "batches"), [(1, 1, 1), (20, 1, 1), (21, 1, 2), (10_001, 2, 501)])
def test_runs_and_batches_are_cut_as_the_lister_does(failed, runs, batches):
    work = Workload(failed)
    assert (work.runs, work.batches) == (runs, batches)


def test_a_queue_is_asked_ten_at_a_time_and_what_comes_back_comes_alone():
    steady, shaky = (model.predict_queue(Workload(200, retry_rate=rate), COUNTS) for rate in (0, 0.02))
    assert (steady.invocations, shaky.invocations) == (20, 24)
    assert (steady.sends, steady.changes, steady.polls) == (20, 0, 40)
    assert (shaky.sends, shaky.changes, shaky.polls) == (20, 4, 48)
    assert (shaky.own_ms, shaky.log_bytes) == (200 * 2 + 4 * 10, 200 * 800 + 4 * 1500)


def test_a_queue_pays_for_requests_the_workers_time_and_a_cold_start_of_each():
    units = model.queue(Workload(100_000, api_ms=100, retry_rate=0.01), COUNTS)
    listed = 10 * 100 * (100 + 100) / 1000  # ten runs of a hundred pages
    worked = 100_000 * 0.102 + 1000 * 0.11 + 50 * 0.3
    assert units["queue_request"] == 10_000 + 1000 + 2 * 11_000
    assert units["lambda_request"] == 11_000 + 10
    assert units["lambda_gb_second"] == pytest.approx((listed + worked) / 4)
    assert units["secret_call"] == 50 + 10
    assert units["log_gb"] == pytest.approx((100_000 * 800 + 1000 * 1500 + 10 * 1000) / 1e9)


def test_an_empty_queue_is_asked_all_month():
    assert cost.standing_queue(PRICES) == pytest.approx(0.3 + 648_000 * 0.4 / 1e6)


def test_a_queue_pays_for_no_transition():
    assert priced("SQS + Lambda", failed=1000).keys() >= {"SQS", "Lambda"}
    assert "Step Functions" not in priced("SQS + Lambda", failed=1000)


def test_every_price_says_of_what_and_where_it_was_read():
    for name, price in PRICES.items():
        if isinstance(price, dict):
            assert price.keys() == {"service", "price", "per", "read"}, name
            assert price["read"] == "elsewhere" or READ.match(price["read"]), name
    assert PRICES["region"] == "us-east-1"


def test_it_is_said_how_many_prices_come_from_elsewhere_than_aws_pages():
    prices = {"region": "us-east-1", "looked_up": "today"}
    prices |= {name: price | {"read": "elsewhere"} for name, price in PRICES.items() if isinstance(price, dict)}
    prices["transition"] |= {"read": "https://aws.amazon.com/step-functions/pricing/"}
    count = len(prices) - 2
    assert f"{count - 1} of the {count} come from elsewhere" in cost.assumptions(Workload(1), COUNTS, prices)[0]


def test_the_table_adds_up():
    lines = cost.table(Workload(1_000_000), COUNTS, PRICES).splitlines()
    columns = zip(*([cell.strip() for cell in line.strip("|").split("|")[1:]] for line in lines[2:]), strict=True)
    for cells in columns:
        *services, together, million = [0.0 if cell in ("\N{EN DASH}", "< 0.01") else float(cell) for cell in cells]
        assert sum(services) == pytest.approx(together, abs=0.05)
        assert together == million


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("--batch-size=20", "the following arguments are required: --failed"),
        ("--failed=many", "--failed: must be a whole number from 1 to 1,000,000,000; it is 'many'"),
        ("--failed=0", "--failed: must be a whole number from 1"),
        ("--failed=1.5", "--failed: must be a whole number from 1"),
        ("--batch-size=101", "--batch-size: must be a whole number from 1 to 100; it is '101'"),
        ("--api-ms=-1", "--api-ms: must be a number from 0 to 60,000; it is '-1'"),
        ("--retry-rate=2", "--retry-rate: must be a number from 0 to 1; it is '2'"),
        ("--retry-rate=nan", "--retry-rate: must be a number from 0 to 1; it is 'nan'"),
    ],
)
def test_what_is_wrong_is_refused_with_what_it_must_be(given, words, capsys):
    with pytest.raises(SystemExit):
        cost.arguments().parse_args([given])
    assert words in capsys.readouterr().err


def test_what_is_not_said_is_as_the_model_has_it():
    asked = cost.arguments().parse_args(["--failed=7", "--api-ms=2.5"])
    assert Workload(**vars(asked)) == Workload(7, api_ms=2.5)


def test_the_counts_in_the_repository_are_all_that_the_model_asks_for():
    counts = cost.read(cost.COUNTS)
    for way in model.WAYS.values():
        assert all(count >= 0 for count in way(Workload(1_000_000), counts).values())
    assert len(cost.assumptions(Workload(1), counts, PRICES)) == 11
    assert cost.rows(counts, PRICES)
