"""Make what the project needs: ``python local/bootstrap.py [local] [dev] [runtime] [terraform] [checkov] [browser]``.

Runs on the standard library alone, before anything is installed. A Python environment is made again only when the
requirements it was made from, or the Python, have changed. The functions run on the default runtime's version where
this machine has it, else on the one that runs this. ``local`` is what the demo needs of ``dev``, and no more;
``browser`` needs ``dev``, and looks whether there is one.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from build import RUNTIME, find_python  # noqa: E402 (its folder is not on the path of a script)

OLDEST, NEWEST = (3, 11), (3, 13)

Sets = list[tuple[Path, list[str]]]  # (requirements, further arguments to pip)

# environment: (its folder, its sets)
ENVIRONMENTS: dict[str, tuple[str, list[tuple[str, list[str]]]]] = {
    "local": (".venv", [("local.txt", [])]),
    "dev": (".venv", [("dev.txt", [])]),
    "runtime": (".venv-runtime", [("runtime.txt", []), ("emulator.txt", ["--no-deps"])]),
    "terraform": (".venv-terraform", [("terraform.txt", [])]),
    "terraform-oldest": (".venv-terraform-oldest", [("terraform-oldest.txt", [])]),
    "checkov": (".venv-checkov", [("checkov.txt", [])]),
}


def main(names: list[str]) -> None:
    """Make what is named, each if it is not there or out of date."""
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        sys.exit(
            f"This is Python {sys.version.split()[0]} ({sys.executable}); Python 3.11 to 3.13 is needed.\n"
            "Name another one: make demo PYTHON=python3.13"
        )
    wanted = [name for name in names if name in ENVIRONMENTS]
    if shutil.which("terraform") or shutil.which("tofu"):
        wanted = [name for name in wanted if name != "terraform"]
    with ThreadPoolExecutor() as together:
        list(together.map(make, wanted))
    if "browser" in names:
        subprocess.run([str(ROOT / ".venv" / "bin" / "python"), "-m", "local.browser"], cwd=ROOT, check=False)


def make(name: str) -> None:
    """Make one of the environments unless it is there; what has all of ``local`` becomes ``dev`` by adding to it."""
    folder, sets = _sets(name)
    if name == "local" and is_made_from(*_sets("dev")):
        return
    python = (find_python(RUNTIME) if name == "runtime" else None) or sys.executable
    make_from(folder, sets, python, begun=name == "dev" and is_made_from(*_sets("local")))


def _sets(name: str) -> tuple[Path, Sets]:
    folder, sets = ENVIRONMENTS[name]
    return ROOT / folder, [(ROOT / "requirements" / file, arguments) for file, arguments in sets]


def is_made_from(environment: Path, sets: Sets, python: str = sys.executable) -> bool:
    """Tell whether an environment's stamp says that it is what the requirements ask for."""
    stamp = environment / "made-from"
    return stamp.exists() and stamp.read_text() == _wanted(sets, python)


def _wanted(sets: Sets, python: str) -> str:
    return fingerprint([file for file, _ in sets], sys.version if python == sys.executable else python)


def make_from(environment: Path, sets: Sets, python: str = sys.executable, *, begun: bool = False) -> None:
    """Make an environment of a Python unless its stamp says that it is there; one that is begun is gone on with."""
    if is_made_from(environment, sets, python):
        return
    print(f"Setting up {environment.relative_to(ROOT)} …", flush=True)
    started = time.monotonic()
    if not begun:
        shutil.rmtree(environment, ignore_errors=True)
        run([python, "-m", "venv", str(environment)], "Python's venv module (Debian: apt install python3-venv)")
    pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    for file, arguments in sets:
        requirements = ["--require-hashes", "-r", str(file)]
        run([*pip, *arguments, *requirements], "a package index pip can reach (see pip config list)")
    (environment / "made-from").write_text(_wanted(sets, python))
    print(f"{environment.relative_to(ROOT)} is set up: {time.monotonic() - started:.0f} s", flush=True)


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
