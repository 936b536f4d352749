"""The embedded AWS leaves nothing behind, however it ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from local.processes import PATIENCE
from local.sinks import MailSink
from tests.local.emulated import ROOT, Aws, eventually, gone, processes_of, start


def with_a_warm_and_a_busy_sandbox(aws: Aws) -> list[int]:
    """Deploy, invoke, and give the processes of the sandboxes."""
    aws.iam.create_role(RoleName="function", AssumeRolePolicyDocument="{}")
    aws.deploy("idle", "def handler(event, context):\n    return 1")
    aws.invoke("idle")
    aws.deploy("busy", "import time\ndef handler(event, context):\n    time.sleep(60)", Timeout=100)
    aws.lambda_.invoke(FunctionName="busy", InvocationType="Event")
    return eventually(lambda: found if len(found := processes_of(aws.endpoint)) == 4 else [])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_every_process_and_folder(
    tmp_path: Path, inbox: MailSink, number: signal.Signals
) -> None:
    process, ready = start(tmp_path, inbox)
    sandboxes = with_a_warm_and_a_busy_sandbox(Aws(ready["url"], inbox))
    folder = Path(f"/proc/{sandboxes[0]}/cwd").readlink().parents[1]
    assert folder.parent == ROOT / ".local"
    process.send_signal(number)
    assert process.wait(PATIENCE) == 0
    assert all(map(gone, sandboxes))
    assert not folder.exists()


def test_it_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    script = "import subprocess, sys; subprocess.run([sys.executable, '-m', 'local.aws', '--ready-file', sys.argv[1]])"
    parent = subprocess.Popen([sys.executable, "-c", script, str(ready)], cwd=ROOT)
    eventually(ready.exists, PATIENCE)
    (child,) = map(int, Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split())
    parent.kill()
    parent.wait()
    eventually(lambda: gone(child), PATIENCE)


def test_two_at_once_do_not_meet(aws: Aws, inbox: MailSink, tmp_path: Path) -> None:
    process, ready = start(tmp_path, inbox)
    other = Aws(ready["url"], inbox)
    assert other.endpoint != aws.endpoint
    other.iam.create_role(RoleName="function", AssumeRolePolicyDocument="{}")
    other.deploy("only-there", "def handler(event, context):\n    return 1")
    assert other.invoke("only-there") == (1, None)
    with pytest.raises(aws.lambda_.exceptions.ResourceNotFoundException):
        aws.invoke("only-there")
    process.terminate()
    process.wait(PATIENCE)
