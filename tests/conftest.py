"""How many examples hypothesis tries, and which tests share a process.

Few examples in every run, and always the same, for a surprise is for who looks for one; many where HYPOTHESIS_PROFILE
says "thorough". None has a deadline: machines differ by four, and a busy one stands still now and then.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

settings.register_profile("few", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", max_examples=10_000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "few"))

ORDER = ("plan", "upgrade", "iam", "e2e", "local", "apis", "build", "unit")
"""Of the folders: what takes long and cannot be divided begins first, so that no core is idle in the end."""

TOGETHER = {"e2e/test_destroy": "e2e/test_console"}
"""Files of which one uses what another has set up: here a stack."""


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Leaves the tests of a file to one process, for they share what is slow to set up; unit tests share nothing."""

    def _split_scope(self, nodeid: str) -> str:
        """Name what is to be together."""
        path, _, _ = nodeid.partition("::")
        *_, folder, file = path.removesuffix(".py").split("/")
        match folder:
            case "unit" if file != "test_hostile_api":
                return nodeid
            case "plan" if file != "test_refusals":
                return folder  # one plan for all of them
            case "iam":
                return folder  # one recording for all of them
            case _:
                return TOGETHER.get(f"{folder}/{file}", f"{folder}/{file}")

    def _assign_work_unit(self, node: WorkerController) -> None:
        """Give a process the next of its kind, while there is one: the first has none of those that set up a stack.

        A stack takes a minute, of which Terraform's provider only waits for most; the first process then computes.
        """
        has_stack = node is not self.nodes[0]
        own = next((scope for scope in self.workqueue if scope.startswith("e2e/") is has_stack), None)
        if own:
            self.workqueue.move_to_end(own, last=False)
        super()._assign_work_unit(node)


@pytest.hookimpl(wrapper=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> Generator[None, int, int]:
    """Take a process more than there are cores: one or another always waits for Terraform's provider."""
    return (yield) + ("PYTEST_XDIST_AUTO_NUM_WORKERS" not in os.environ)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling | None:
    """Say which tests share a process."""
    return Scheduling(config, log) if config.getoption("dist") == "loadscope" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort by folder, and let no two tests have one name: of these, only one would be run."""
    for item in items:
        if item.name not in item.nodeid:  # schemathesis's: it names them, and pytest makes ids of the function alone
            item._id = item.id.with_params(item.name.partition("[")[2].removesuffix("]"))
    names = Counter(item.nodeid for item in items)
    if twice := [name for name, count in names.items() if count > 1]:
        raise pytest.UsageError(f"Of these tests there is more than one: {', '.join(twice)}")
    place = {folder: number for number, folder in enumerate(ORDER)}
    items.sort(key=lambda item: place.get(item.path.parent.name, 0))
