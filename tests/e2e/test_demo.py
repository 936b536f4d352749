"""The demo as a person starts it: beside others, again, and interrupted."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from local.deploy import ROOT, Deployment, DeploymentFailed
from local.stack import wait_until

PATIENCE = 60.0
"""Seconds after which an interrupted demo is taken to hang."""


def start(*arguments: str) -> subprocess.Popen[str]:
    """Start a demo as a shell would: in a process group of its own, its output read by a program."""
    command = [sys.executable, "-m", "local.demo", *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def descendants(pid: int) -> set[int]:
    """Give the processes below one, from /proc."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found: set[int] = set()
    wave = {pid}
    while wave:
        wave = {child for child, parent in parents.items() if parent in wave} - found
        found |= wave
    return found


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that only waits for its parent to notice its end does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def is_provider(pid: int) -> bool:
    """Whether a process is Terraform's provider."""
    try:
        return b"terraform-provider" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def listening(pids: set[int]) -> set[str]:
    """Give the sockets on which processes listen, from /proc."""
    opened = set()
    for entry in (entry for pid in pids for entry in Path(f"/proc/{pid}/fd").glob("*")):
        with suppress(OSError):  # closed meanwhile
            opened.add(str(entry.readlink()).partition("[")[2].rstrip("]"))
    return listening_somewhere() & opened


def listening_somewhere() -> set[str]:
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {row[9] for row in rows if row[3] == "0A"}


def test_two_demos_at_once_in_one_clone_both_keep_their_promises(stack):
    demos = [start("--failed", "12", "--batch-size", "5"), start("--show", "redrive", "--failed", "0")]
    outputs = [demo.communicate(timeout=300)[0] for demo in demos]
    assert [demo.returncode for demo in demos] == [0, 0], "\n".join(outputs)
    assert re.search(r" 11 after 3 receives .*HTTP 503 Service Unavailable\n", outputs[0])
    assert re.search(r" 1 after 1 receives .*HTTP 422 Unprocessable Content\n", outputs[0])
    assert "dealt into batches: 5, 5 and 2" in outputs[0]
    assert "12 of 12 were sent already" in outputs[0]
    assert "none: there was nothing to say" in outputs[1]
    for output in outputs:
        assert "Everything is as promised" in output
        assert "\033" not in output
        assert output.isascii()
        assert max(map(len, output.splitlines())) <= 100


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("--failed=many", "FAILED must be a whole number from 0 to 10000; it is 'many'"),
        ("--batch-size=101", "BATCH_SIZE must be a whole number from 1 to 100; it is '101'"),
        ("--show=all", "SHOW must be redrive, for the redrive alone, outage, or left out; it is 'all'"),
    ],
)
def test_a_wrong_wish_is_refused_in_the_words_of_make(wrong, words):
    demo = start(wrong)
    output, _ = demo.communicate(timeout=30)
    assert demo.returncode == 2
    assert output == f"{words}\nmake demo [FAILED=0..10000] [BATCH_SIZE=1..100] [SHOW=redrive|outage] [KEEP=1]\n"


@pytest.mark.parametrize(
    ("number", "moment"),
    [(signal.SIGINT, "Terraform applies"), (signal.SIGTERM, "failed to send")],
    ids=["Ctrl-C during apply", "SIGTERM"],
)
def test_a_demo_that_is_interrupted_leaves_no_process_no_port_and_no_folder(number, moment):
    folders = set(ROOT.glob(".local/demo-*"))
    demo = start("--show", "redrive")
    read = ""
    while moment not in read:
        line = demo.stdout.readline()
        assert line, read
        read += line
    if "applies" in moment:
        wait_until(lambda: any(map(is_provider, descendants(demo.pid))), "Terraform's provider")
    family = descendants(demo.pid)
    sockets = listening(family | {demo.pid})
    assert len(family) >= 2
    assert len(sockets) >= 4

    demo.send_signal(number)
    output, _ = demo.communicate(timeout=PATIENCE)
    assert demo.returncode == 130
    assert "Interrupted; everything is stopped." in output
    wait_until(lambda: not any(map(is_alive, family)), "the end of what it had started")
    assert sockets & listening_somewhere() == set()
    assert set(ROOT.glob(".local/demo-*")) <= folders


def test_a_deployment_that_fails_says_so_in_terraforms_own_words(stack, tmp_path):
    variables = json.loads(stack.deployment.variables.read_text()) | {"stage": "Not A Stage"}
    with pytest.raises(DeploymentFailed, match=r'(?s)stage must be lower-case letters.*it is "Not A Stage"'):
        Deployment(tmp_path).apply(variables, watch=lambda _line: None)


def test_a_stack_that_is_killed_takes_its_servers_with_it():
    program = "from local.stack import Stack\nwith Stack(0) as stack: print(stack.folder, flush=True); input()"
    owner = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    folder = Path(owner.stdout.readline().strip())
    family = descendants(owner.pid)
    assert len(family) >= 2
    owner.kill()
    owner.wait()
    wait_until(lambda: not any(map(is_alive, family)), "the end of the application and the embedded AWS", PATIENCE)
    shutil.rmtree(folder)  # what nobody was there to remove
