"""These tests need no more than Python and ``requirements/dev.txt``: they run on macOS and on Windows, without make.

As far as Linux can tell: modules that others lack cannot be imported here, and names that others lack are not used.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNIX_MODULES = ("fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty")
UNIX_NAMES = {
    "os": {"fork", "getgid", "getuid", "geteuid", "killpg", "mkfifo", "sched_getaffinity", "setsid", "uname", "wait"},
    "select": {"epoll", "kqueue", "poll"},
    "signal": {"SIGALRM", "SIGCHLD", "SIGHUP", "SIGKILL", "SIGUSR1", "alarm", "setitimer"},
    "socket": {"AF_UNIX", "socketpair"},
    "st": {"timezones"},
    "time": {"tzset"},
    "zoneinfo": {"ZoneInfo"},
}
UNIX_FOLDERS = tuple(f"/{name}/" for name in ("dev", "proc", "tmp", "var"))
LOOKED_FOR = {"/proc/self/status"}
"""Read where it is there."""

COLLECT = """
import json, os, sys
sys.modules.update(dict.fromkeys({missing!r}))
import pytest
code = pytest.main(["--collect-only", "--quiet", "--no-summary", "--numprocesses=0", "tests/unit"])
files = [getattr(module, "__file__", None) or "" for module in list(sys.modules.values())]
own = [file for file in files if file.startswith(os.getcwd()) and "site-packages" not in file]
print(json.dumps(own))
sys.exit(code)
"""


@pytest.fixture(scope="module")
def imported() -> set[Path]:
    """The files of this repository that these tests import, where the modules of Unix are missing.

    Less those of ``local/``: these tests only import them; what is called there runs on Linux alone.
    """
    code = COLLECT.format(missing=UNIX_MODULES)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr
    found = set(map(Path, json.loads(done.stdout.splitlines()[-1])))
    return {path for path in found if not path.is_relative_to(ROOT / "local")}


def strangers(tree: ast.AST) -> Iterator[str]:
    """Name what is not the same on each system, with its line."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=module), attr=name) if name in UNIX_NAMES.get(module, ()):
                yield f"{node.lineno}: {module}.{name}"
            case ast.ImportFrom(module=str(module), names=names):
                found = UNIX_NAMES.get(module, set()) & {each.name for each in names}
                yield from (f"{node.lineno}: {module}.{name}" for name in found)
            case ast.Constant(value=str(text)) if text.startswith(UNIX_FOLDERS) and text not in LOOKED_FOR:
                yield f"{node.lineno}: {text}"
            case ast.Call(func=ast.Attribute(attr="read_text" | "write_text" as name), keywords=keywords, args=args):
                positional = 0 if name == "read_text" else 1
                if len(args) <= positional and not any(each.arg == "encoding" for each in keywords):
                    yield f"{node.lineno}: {name} in whatever encoding the system has"


def test_nothing_is_imported_or_used_that_only_unix_has(imported: set[Path]) -> None:
    assert {Path(__file__), ROOT / "lambda_src" / "redrive" / "api.py"} <= imported
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(imported)}
    assert [f"{path.relative_to(ROOT)}:{found}" for path, tree in trees.items() for found in strangers(tree)] == []
