"""A consumer's repository: `examples/gitops` with its own addresses, cloned once to plan and once to apply."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local import terraform
from local.stack import CREDENTIALS
from tests.upgrade import released

TOOLS = ("git", "sh", "basename", "dirname", "sed", "uname")
"""All that is on the PATH: Git, with which Terraform fetches modules, and what Git's own scripts call. No Python."""

OVERRIDE = """
module "communications_redrive" {
  batch_size      = 5
  max_concurrency = 1
}

terraform {
  backend "local" {
    path = "%s"
  }
}
"""

DELIVERY_QUEUE = """
module "delivery_queue" {
  source = "%s//modules/queue?ref=%s"
  name   = "delivery"
  stage  = "production"
  api    = { base_url = "https://app.example.com/api" }
  worker = { enabled = false, paths = { "send.email" = "/emails/{primaryId}/send" } }
}

output "queue_url" {
  value = module.delivery_queue.url
}
"""


@dataclass(frozen=True)
class Change:
    """What a plan does with a resource: create, update, move, replace, delete, …"""

    address: str
    type: str
    action: str


class Consumer:
    """The repository, with a clone in which plans are made and another in which they are applied."""

    def __init__(self, folder: Path, module: Path, endpoint: str, api_url: str, secret_arn: str) -> None:
        self._origin, self.plans, self.applies = (folder / name for name in ("consumer", "plans", "applies"))
        self.tools = folder / "tools"
        self.tools.mkdir()
        for tool in TOOLS:
            (self.tools / tool).symlink_to(str(shutil.which(tool)))
        self._environment = terraform.environment() | {
            "PATH": str(self.tools),
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
            **CREDENTIALS,
        }
        self._origin.mkdir()
        source = f"git::file://{module}"
        for file in (released.ROOT / "examples" / "gitops").glob("*.tf"):
            text = file.read_text().replace('"../.."', f'"{source}?ref={released.BEFORE}"')
            text = re.sub(r'"https://[a-z.]+/api"', f'"{api_url}"', text)
            (self._origin / file.name).write_text(re.sub(r'"arn:[^"]+"', f'"{secret_arn}"', text))
        (self._origin / "delivery.tf").write_text(DELIVERY_QUEUE % (source, released.BEFORE))
        (self._origin / "settings_override.tf").write_text(OVERRIDE % (folder / "terraform.tfstate"))
        released.git(self._origin, "init", "-q", "-b", "main")
        released.commit(self._origin, "the stages")
        for clone in (self.plans, self.applies):
            released.git(folder, "clone", "-q", str(self._origin), str(clone))

    def pin(self, tag: str) -> None:
        """Pin a version of the module, and fetch it where plans are made."""
        for file in self._origin.glob("*.tf"):
            file.write_text(re.sub(r"\?ref=\w+", f"?ref={tag}", file.read_text()))
        released.commit(self._origin, tag)
        released.git(self.plans, "pull", "-q")
        self._terraform(self.plans, "init", "-input=false")

    def plan(self, *options: str) -> list[Change]:
        """Plan, and give what would change."""
        printed = self._terraform(self.plans, "plan", "-input=false", "-json", "-out=plan", *options)
        events = [json.loads(line) for line in printed.splitlines()]
        changes = [event["change"] for event in events if event["type"] == "planned_change"]
        return [Change(each["resource"]["addr"], each["resource"]["resource_type"], each["action"]) for each in changes]

    def is_as_applied(self) -> bool:
        """Whether a plan is empty, outputs included."""
        line = self._line(self.plans, "plan", "-input=false", "-detailed-exitcode")
        done = subprocess.run(line, env=self._environment, capture_output=True, text=True, check=False)
        assert done.returncode in (0, 2), f"{done.stdout}\n{done.stderr}"
        return done.returncode == 0

    def refused(self, override: str) -> str:
        """Give what is printed, in one line without its frames, where a plan of this change is refused."""
        change = self.plans / "change_override.tf"
        change.write_text(override)
        try:
            line = self._line(self.plans, "plan", "-input=false", "-refresh=false", "-no-color")
            done = subprocess.run(line, env=self._environment, capture_output=True, text=True, check=False)
        finally:
            change.unlink()
        assert done.returncode == 1, done.stdout
        return " ".join(done.stderr.replace("│", " ").split())

    def apply(self) -> None:
        """Apply in the one clone, with the same provider, what was planned in the other."""
        released.git(self.applies, "pull", "-q")
        for file in ("plan", ".terraform.lock.hcl"):
            shutil.copy(self.plans / file, self.applies)
        self._terraform(self.applies, "init", "-input=false", "-lockfile=readonly")
        self._terraform(self.applies, "apply", "-input=false", "plan")

    def output(self, name: str) -> Any:
        """Give an output."""
        return json.loads(self._terraform(self.applies, "output", "-json", name))

    def _terraform(self, folder: Path, *arguments: str) -> str:
        line = self._line(folder, *arguments)
        done = subprocess.run(line, env=self._environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    @staticmethod
    def _line(folder: Path, *arguments: str) -> list[str]:
        return [*terraform.command(), f"-chdir={folder}", *arguments]
