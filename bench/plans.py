"""Row about Terraform: how much longer a plan of the complete example takes than one of nothing."""

from __future__ import annotations

import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.table import Row, at_most
from local import terraform
from local.aws.runtime import ROOT
from local.processes import serving

PROVIDER = {"aws": {"source": "hashicorp/aws", "version": ">= 5.100, < 7"}}
NOTHING: dict[str, Any] = {
    "terraform": {"required_providers": PROVIDER},
    "provider": {"aws": {"region": "eu-west-1"}},
    "data": {"aws_caller_identity": {"current": {}}},  # or else Terraform would not ask the provider anything
}
COMPLETE = ROOT / "examples" / "complete"
WHY = (
    "the provider starts as often for both. Most of the rest is Terraform's own work: it builds and walks a graph of "
    "every variable, validation, local value, output and policy document of the module, whatever they say."
)


def plan(folder: Path, turns: int) -> Row:
    """Plan both in turns, as the first apply would, against an embedded AWS with nothing in it."""
    with serving("local.aws", [], folder) as ready:
        variables = {
            "GOGC": "100",  # as it is for everybody
            "AWS_ENDPOINT_URL": ready["url"],
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        empty = {"main.tf.json": json.dumps(NOTHING)}
        example = {file.name: file.read_text(encoding="utf-8") for file in COMPLETE.glob("*.tf")}
        with _initialised(empty, variables) as nothing, _initialised(example, variables) as complete:
            times: dict[Path, list[float]] = {nothing: [], complete: []}
            for _ in range(turns):
                for place, taken in times.items():
                    started = time.perf_counter()
                    _terraform(place, variables, "plan", "-refresh=false")
                    taken.append(time.perf_counter() - started)
            base, whole = (statistics.median(times[place]) for place in (nothing, complete))
    against = f"the same provider asked only who it is for {base:.1f} s"
    return at_most(1.2, "`terraform plan` of examples/complete", f"{whole:.1f} s", against, whole / base, why=WHY)


@contextmanager
def _initialised(files: dict[str, str], variables: dict[str, str]) -> Iterator[Path]:
    """Put a configuration two levels below the repository, as the examples are, and initialise it."""
    place = Path(tempfile.mkdtemp(prefix="bench-plan-", dir=ROOT / ".local"))
    try:
        for name, text in files.items():
            (place / name).write_text(text, encoding="utf-8")
        _terraform(place, variables, "init")
        yield place
    finally:
        shutil.rmtree(place)


def _terraform(place: Path, variables: dict[str, str], *arguments: str) -> None:
    done = terraform.run([f"-chdir={place}", *arguments, "-input=false", "-no-color"], **variables)
    if done.returncode:
        raise RuntimeError(f"terraform {arguments[0]} failed:\n{done.stdout}")
