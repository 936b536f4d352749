"""The whole system on this machine, shown step by step and judged.

Ends with 0 if everything is as promised, 1 if not, 2 where it was asked for something else, 130 when interrupted.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from typing import NoReturn

from local.demo import explore, outage, redrive, whole
from local.demo.steps import show_verdict
from local.deploy import ROOT, DeploymentFailed
from local.processes import ProcessFailed
from local.stack import Stack
from local.terminal import paint, say

USAGE = "make demo [FAILED=0..10000] [BATCH_SIZE=1..100] [SHOW=redrive|outage] [KEEP=1]"


def main() -> int:
    """Run the demo; give the exit code."""
    asked = _arguments()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    started = time.monotonic()
    say(paint("Communications redrive, the whole of it on this machine", "bold"), indent="")
    say({"": whole, "redrive": redrive, "outage": outage}[asked.show].INTRODUCTION, indent="")
    try:
        with Stack(0 if asked.is_whole else asked.failed, name="demo", delivery_queue=asked.is_whole) as stack:
            is_good = _run(stack, asked, started)
            if asked.keep and stack.outputs:
                explore.stay(stack)
    except ProcessFailed as error:
        say(f"{paint('This did not work.', 'red')}\n{error}", indent="")
        return 1
    except KeyboardInterrupt:
        say("\nInterrupted; everything is stopped.", indent="")
        return 130
    return 0 if is_good else 1


def _run(stack: Stack, asked: argparse.Namespace, started: float) -> bool:
    """Run the demo asked for; tell whether everything is as promised. Where it is not, its logs stay."""
    try:
        if asked.is_whole:
            checks = whole.demonstrate(stack, asked.batch_size, asked.failed)
        else:
            checks = (outage if asked.show == "outage" else redrive).demonstrate(stack, asked.batch_size)
        is_good = show_verdict(checks, time.monotonic() - started)
    except (DeploymentFailed, TimeoutError) as error:
        is_good = False
        say(f"{paint('This did not work.', 'red')}\n{error}\n", indent="")
    if not is_good:
        stack.keeps_folder = True
        say(f"The logs of this run are in {stack.folder.relative_to(ROOT)}/", indent="")
    return is_good


def _arguments() -> argparse.Namespace:
    """Read the command line; what is wrong is told in the words of who typed `make demo`."""
    parser = argparse.ArgumentParser(prog="python -m local.demo", description=__doc__.partition("\n")[0])
    parser.add_argument("--batch-size", default="20", metavar="1..100", help="communications a batch")
    parser.add_argument("--failed", default="", metavar="0..10000", help="communications that fail")
    parser.add_argument("--show", default="", metavar="redrive|outage", help="the redrive alone, or in an outage")
    parser.add_argument("--keep", action="store_true", help="stay up afterwards, to be explored")
    asked = parser.parse_args()
    asked.batch_size = _number("BATCH_SIZE", asked.batch_size, 1, 100)
    asked.failed = _number("FAILED", asked.failed or ("200" if asked.show == "outage" else "47"), 0, 10_000)
    if asked.show not in ("", "redrive", "outage"):
        _refuse(f"SHOW must be redrive, for the redrive alone, outage, or left out; it is {asked.show!r}")
    asked.is_whole = not asked.show
    return asked


def _number(name: str, text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdecimal() and least <= int(text) <= most):
        _refuse(f"{name} must be a whole number from {least} to {most}; it is {text!r}")
    return int(text)


def _refuse(why: str) -> NoReturn:
    print(f"{why}\n{USAGE}", file=sys.stderr)
    sys.exit(2)


def _interrupt(*_: object) -> NoReturn:
    """Begin to stop; a second Ctrl-C must not keep that from getting done."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
