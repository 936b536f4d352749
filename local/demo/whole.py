"""The whole circle: composed, sent by the delivery queue, given up while providers fail, sent back by the redrive."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from local import queues, users
from local.demo import steps
from local.demo.steps import MOST_ROWS
from local.queues import DeadLetter
from local.stack import OPERATORS, Stack, wait_until
from local.terminal import pairs, progress, say, step
from local.verdict import Check, already_sent, judge_circle

INTRODUCTION = """
An application composes emails and SMS. The delivery queue and its worker have it send them. Then
its providers fail: the worker tries again, gives up, and what it gave up waits as failed. When a
schedule fires, the redrive begins: a Lambda lists what failed, a state machine sends each one
back, and SNS mails how it went. The worker has them sent then. Terraform, the module, its
Lambdas and the application are real; AWS itself is embedded.
"""
REFUSED = 10
"""Of so many that fail, a provider refuses one for good instead of being out of order."""


def demonstrate(stack: Stack, batch_size: int, failed: int) -> list[Check]:
    """Run every step; give what was promised and what came."""
    messages = users.messages(0, failed + failed // 2)
    fine, doomed = messages[failed:], messages[:failed]
    with step("Terraform applies the module, with the delivery queue"):
        steps.apply(stack, batch_size)
    with step(f"The application composes {len(fine)} emails and SMS, and the worker has them sent"):
        users.compose(stack.application_url, stack.token, fine)
        _wait_for(stack, len(fine), "sent", _sent)
    with step(f"The providers fail; {failed} more are composed, tried, and given up"):
        fail(stack, doomed)
        ids = users.compose(stack.application_url, stack.token, doomed)
        stack.expected = dict.fromkeys(ids, "requeued")
        _wait_for(stack, failed, "given up", queues.count_dead_letters)
    with step("Dead letters, with their reasons"):
        letters = queues.read_dead_letters(stack)
        _show_dead_letters(letters)
    with step("The providers recover; the schedule fires"):
        stack.let_providers_recover()
        answer = steps.fire(stack)
    with step(f"One execution of the state machine, with a child for each batch of {batch_size}"):
        run = steps.follow(stack, answer["execution"])
    with step(f"The digest, to {OPERATORS}"):
        steps.show_digests(stack, wanted=1 if run else 0)
    with step("The delivery queue sends what came back"):
        _wait_for(stack, len(messages), "sent", _sent)
    with step("The dead letters are moved back into the queue"):
        queues.move_back(stack)
        wait_until(lambda: _all_through(stack), "the dead letters, through the queue once more")
        say(f"{already_sent(stack)} of {failed} were sent already, as the application told the worker (HTTP 409)")
    return judge_circle(stack, batch_size, answer, run, letters)


def fail(stack: Stack, messages: list[dict[str, str]]) -> None:
    """Let the providers take nothing, and refuse some of these for good."""
    for message in messages[REFUSED - 1 :: REFUSED]:
        stack.refusals(message).for_good(message["recipient"])
    stack.mails.refusals.is_down = stack.gateway.refusals.is_down = True


def _wait_for(stack: Stack, wanted: int, words: str, count: Callable[[Stack], int]) -> None:
    """Wait until so many are counted, showing how many there are, and show what the application has then."""

    def counted() -> int:
        number = count(stack)
        progress(f"{number} of {wanted} {words}")
        return number

    wait_until(lambda: counted() == wanted, f"{wanted} {words}", seconds=60 + wanted)
    progress()
    steps.show_counts(stack)


def _sent(stack: Stack) -> int:
    return sum(kind.get("sent", 0) for kind in stack.store.counts().values())


def _show_dead_letters(letters: list[DeadLetter]) -> None:
    if not letters:
        say("none: nothing was given up")
    kinds = Counter((letter.reason or "no reason", letter.receives or 0) for letter in letters)
    for (reason, receives), number in kinds.most_common(MOST_ROWS):
        say(f"{number:>5} after {receives} receives   {reason}")
    if letters:
        pairs([("one of them", letters[0].body)])


def _all_through(stack: Stack) -> bool:
    return queues.are_moved(stack) and not queues.count_dead_letters(stack)
