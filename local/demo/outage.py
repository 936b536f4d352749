"""An outage: the API turns everything away, nobody is accused of it, and when it is over all go out."""

from __future__ import annotations

from local.demo import steps
from local.runs import Run
from local.stack import OPERATORS, Stack
from local.terminal import say, step
from local.verdict import Check, at_the_customers, equal

INTRODUCTION = """
It is the morning after an outage: hundreds of emails and SMS wait as failed, and the API still
answers 503 to everything. A run begins, its circuit breaker opens, and one digest says so. An hour
later the API is well again: the next run sends them all, and the digest says that it is resolved.
Terraform, the module, its Lambdas and the application are real; AWS itself is embedded.
"""
HOUR = 3600
BREAKER = 50
"""`breaker.turned_away`, as the module has it: so many in a row leave a source out."""


def demonstrate(stack: Stack, batch_size: int) -> list[Check]:
    """Run every step; give what was promised and what came."""
    total = len(stack.expected)
    with step("Terraform applies the module"):
        steps.apply(stack, batch_size)
    with step(f"The API answers 503 to everything; {total} communications wait as failed"):
        stack.store.let_all("down")
        steps.show_counts(stack)
    with step("The schedule fires"):
        outage = steps.follow(stack, steps.fire(stack)["execution"])
        tried = len(outage.ids) if outage else 0
        say(f"{tried} of {total} were tried before the circuit breaker opened; the rest was spared")
    with step(f"The digest, to {OPERATORS}"):
        steps.show_digests(stack, wanted=1 if outage else 0)
    manual = stack.invoke("ledger_admin", {"action": "groups"})["groups"]
    with step("An hour later the API is well again; the schedule fires"):
        stack.store.let_all(None)
        stack.move_clocks(HOUR)
        recovered = steps.follow(stack, steps.fire(stack)["execution"])
    with step("The application afterwards, and the second digest"):
        steps.wait_for_deliveries(stack)
        steps.show_digests(stack, wanted=2 if outage else 0, after=1)
    return _judge(stack, total, outage, recovered, manual)


def _judge(stack: Stack, total: int, outage: Run | None, recovered: Run | None, manual: list[object]) -> list[Check]:
    mails = stack.mails.notifications()
    if not (outage and recovered):
        return [equal("nothing to send: no execution, no digest", 0, len(mails))]
    sources, at_a_time = 2, 2  # emails and SMS; batches side by side, for max_concurrency is 10, five within a batch
    most = sources * BREAKER + at_a_time * max(len(batch.ids) for batch in outage.batches)
    tried = len(outage.ids)
    return [
        equal(
            "the first run is one execution that ends FAILED",
            ("FAILED", "RunIncomplete"),
            (outage.status, outage.error),
        ),
        Check(
            f"the circuit breaker bounds it: of {total}, no more than {most} were tried",
            () if tried <= most else (f"{tried} were tried",),
        ),
        equal("nobody became a case for a person", [], manual),
        equal("the next run requeued them all", {"requeued": total}, dict(recovered.counts())),
        equal("and ended well", "SUCCEEDED", recovered.status),
        equal("two digests in all", 2, len(mails)),
        Check(
            "the first says what the API answered, the second that it is resolved",
            tuple(
                f"{words!r} is not in {mail.body.splitlines()[0]!r}"
                for words, mail in zip(("turned everything away", "Resolved"), mails, strict=False)
                if words not in mail.body
            ),
        ),
        *at_the_customers(stack, stack.expected.keys(), f"the {total}"),
    ]
