"""Apply `local/deployment` with Terraform, and tell how it goes while it does."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local import terraform
from local.processes import running, tail

ROOT = Path(__file__).resolve().parent.parent
DEPLOYMENT = ROOT / "local" / "deployment"
WORKPLACE = ROOT / ".local" / "terraform"
"""Where Terraform runs, for every stack: a copy of the deployment, initialised once. As deep in the repository as the
original, so that `../..` is the module there too; and what `init` leaves behind is in nobody's way."""

Watcher = Callable[[str], None]
"""Gets each line that Terraform prints."""


class DeploymentFailed(Exception):
    """Terraform failed; the message is what it printed."""


class Deployment:
    """The module, applied from a run's folder, which holds the state, the variables and the log."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "terraform.tfstate"
        self.variables = folder / "terraform.tfvars.json"
        self.log = folder / "terraform.log"
        self.environment = terraform.environment()

    def apply(self, variables: dict[str, Any], watch: Watcher) -> dict[str, Any]:
        """Apply with these variables and give the outputs; raises ``DeploymentFailed`` with Terraform's own words."""
        self.variables.write_text(json.dumps(variables, indent=2))
        self._initialise()
        self._run("apply", watch)
        return {name: output["value"] for name, output in json.loads(self.state.read_text())["outputs"].items()}

    def destroy(self, watch: Watcher) -> None:
        """Destroy what was applied; Terraform tells of it in JSON, and so also of what it finds changed."""
        self._run("destroy", watch, "-json")

    def _run(self, command: str, watch: Watcher, *more: str) -> None:
        settings = ["-auto-approve", "-input=false", "-no-color", "-parallelism=30", *more]
        line = [*terraform.command(), command, *settings, f"-state={self.state}", f"-var-file={self.variables}"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        # No grace: interrupted, Terraform would wait for what it is creating, in an AWS that goes away as well.
        with (
            running(line, self.log, grace=0, cwd=WORKPLACE, env=self.environment, **pipes) as process,
            self.log.open("a", buffering=1, encoding="utf-8") as log,
        ):
            for text in process.stdout or ():
                log.write(text)
                watch(text.strip())
            if process.wait():
                raise DeploymentFailed(tail(self.log))

    def _initialise(self) -> None:
        """Run `terraform init` unless it has been run for these very files; one run at a time."""
        with _lock(WORKPLACE):
            stamp, wanted = WORKPLACE / "made-from", _fingerprint()
            if stamp.exists() and stamp.read_text() == wanted:
                return
            for file in WORKPLACE.glob("*.tf"):
                file.unlink()
            for file in DEPLOYMENT.glob("*.tf"):
                shutil.copy(file, WORKPLACE)
            command = [*terraform.command(), "init", "-upgrade", "-input=false", "-no-color"]
            done = subprocess.run(
                command, cwd=WORKPLACE, env=self.environment, capture_output=True, text=True, check=False
            )
            with self.log.open("a", encoding="utf-8") as log:
                log.write(done.stdout + done.stderr)
            if done.returncode:
                raise DeploymentFailed(done.stdout + done.stderr)
            stamp.write_text(wanted)


def _fingerprint() -> str:
    """Hash what `init` depends on: every Terraform file of the module, and which Terraform it is."""
    digest = hashlib.sha256(" ".join(terraform.command()).encode())
    for file in sorted([*ROOT.glob("*.tf"), *ROOT.glob("modules/**/*.tf"), *DEPLOYMENT.glob("*.tf")]):
        digest.update(file.read_bytes())
    return digest.hexdigest()


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Be the only process in the block."""
    import fcntl  # here, for unit tests read this module where there is none

    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def bypass_proxies() -> None:
    """Keep what goes to this machine from going through a proxy; inherited by every process started later."""
    own = "127.0.0.1,localhost"
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), own]))
