"""Make what the project needs: ``python local/bootstrap.py [dev] [runtime] [terraform] [checkov] [browser]``.

Runs on the standard library alone, before anything is installed. A Python environment is made again only when the
requirements it was made from, or the Python, have changed. The functions run on the default runtime's version where
this machine has it, else on the one that runs this. ``browser`` needs ``dev``, and looks whether there is one.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from build import RUNTIME, find_python  # noqa: E402 (its folder is not on the path of a script)

OLDEST, NEWEST = (3, 11), (3, 13)

# environment: (its folder, [(requirements, further arguments to pip)])
ENVIRONMENTS: dict[str, tuple[str, list[tuple[str, list[str]]]]] = {
    "dev": (".venv", [("dev.txt", [])]),
    "runtime": (".venv-runtime", [("runtime.txt", []), ("emulator.txt", ["--no-deps"])]),
    "terraform": (".venv-terraform", [("terraform.txt", [])]),
    "checkov": (".venv-checkov", [("checkov.txt", [])]),
}


def main(names: list[str]) -> None:
    """Make what is named, each if it is not there or out of date."""
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        sys.exit(
            f"This is Python {sys.version.split()[0]} ({sys.executable}); Python 3.11 to 3.13 is needed.\n"
            "Name another one: make demo PYTHON=python3.13"
        )
    for name in names:
        if name == "terraform" and (shutil.which("terraform") or shutil.which("tofu")):
            continue
        if name == "browser":
            subprocess.run([str(ROOT / ".venv" / "bin" / "python"), "-m", "local.browser"], cwd=ROOT, check=False)
            continue
        make(name)


def make(name: str) -> None:
    """Make one of the environments unless it is there."""
    folder, sets = ENVIRONMENTS[name]
    python = (find_python(RUNTIME) if name == "runtime" else None) or sys.executable
    make_from(ROOT / folder, [(ROOT / "requirements" / file, arguments) for file, arguments in sets], python)


def make_from(environment: Path, sets: list[tuple[Path, list[str]]], python: str = sys.executable) -> None:
    """Make an environment of a Python unless its stamp says that it is what the requirements ask for."""
    stamp = environment / "made-from"
    wanted = fingerprint([file for file, _ in sets], sys.version if python == sys.executable else python)
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"Setting up {environment.relative_to(ROOT)} …", end=" ", flush=True)
    started = time.monotonic()
    shutil.rmtree(environment, ignore_errors=True)
    run(
        [python, "-m", "venv", str(environment)],
        "Python's venv module (Debian: apt install python3-venv)",
    )
    for file, arguments in sets:
        pip = [
            str(environment / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]
        requirements = ["--require-hashes", "-r", str(file)]
        run([*pip, *arguments, *requirements], "a package index pip can reach (see pip config list)")
    stamp.write_text(wanted)
    print(f"{time.monotonic() - started:.0f} s")


def fingerprint(files: list[Path], python: str = sys.version) -> str:
    """Hash what an environment is made from: the interpreter, the place and the requirements."""
    digest = hashlib.sha256(f"{python}\n{ROOT}\n".encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def run(command: list[str], needs: str) -> None:
    """Run a step of the set-up; where it fails, show what it printed and what it needs."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"failed.\n\n{done.stdout}{done.stderr}\nThe command was: {' '.join(command)}\nIt needs {needs}.")


if __name__ == "__main__":
    main(sys.argv[1:])
