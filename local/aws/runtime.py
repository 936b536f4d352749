"""The programs an invocation needs: AWS's runtime interface emulator and the Python that runs the functions."""

from __future__ import annotations

import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

from local.aws.errors import Unavailable

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = ROOT / ".venv-runtime"
EMULATORS = {"x86_64": "aws-lambda-rie-x86_64", "aarch64": "aws-lambda-rie-arm64"}


@dataclass(frozen=True)
class Runtime:
    """Paths of the emulator's executable and of the interpreter that has ``awslambdaric``."""

    emulator: Path
    python: Path

    @property
    def version(self) -> str:
        """The interpreter's version as layers spell it in paths, such as ``python3.13``."""
        return next((self.python.parent.parent / "lib").glob("python3.*")).name


def find(environment: Path = ENVIRONMENT) -> Runtime:
    """Find the runtime in the environment that ``local/bootstrap.py runtime`` makes.

    Raises ``Unavailable``: not Linux, not a processor AWS's emulator is built for, or the environment is missing.
    """
    if sys.platform != "linux":
        raise Unavailable(
            f"The embedded AWS runs the functions under AWS's runtime interface emulator, which is a Linux program; "
            f"this is {platform.system()}. Run it in a Linux container or virtual machine."
        )
    name = EMULATORS.get(platform.machine())
    if name is None:
        raise Unavailable(f"AWS's runtime interface emulator is not built for {platform.machine()}.")
    python = environment / "bin" / "python"
    found = next(environment.glob(f"lib/python3.*/site-packages/samcli/local/rapid/{name}"), None)
    if found is None or not python.exists():
        raise Unavailable(
            f"The Lambda runtime is not set up in {environment.name}. Run: python3 local/bootstrap.py runtime"
        )
    if not os.access(found, os.X_OK):  # not every installer keeps what the package says
        found.chmod(0o755)
    return Runtime(emulator=found, python=python)
