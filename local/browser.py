"""A browser for the tests of the page: ``python -m local.browser`` looks for one, and for a way to get one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

VARIABLE = "CHROMIUM"
"""Environment variable that names a browser; it goes before every one found."""

NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]

DOWNLOADED = [
    "chromium_headless_shell-*/chrome-*/*headless*shell",
    "chromium-*/chrome-*/chrome",
]
"""Where Playwright puts its own, in its folder."""

MISSING = (
    "the tests of the page need Chromium or Chrome, and there is none. "
    f"Debian: apt install chromium; elsewhere: name one with {VARIABLE}=/path/to/it"
)
LONGEST_DOWNLOAD_SECONDS = 180
CONNECT_MILLISECONDS = "5000"


def find() -> Path | None:
    """Give the browser to use: the one named, else one on the PATH, else one that Playwright has downloaded."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    for program in map(shutil.which, NAMES):
        if program:
            return Path(program)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or cache / "ms-playwright")
    return next((path for pattern in DOWNLOADED for path in sorted(folder.glob(pattern), reverse=True)), None)


def arguments() -> list[str]:
    """Give what a browser must be started with: as root its sandbox does not work."""
    return ["--no-sandbox"] if os.geteuid() == 0 else []


def main() -> None:
    """Let Playwright download a browser if there is none; where it cannot, say what is missing and go on."""
    if find():
        return
    print("Fetching a browser …", end=" ", flush=True)
    command = [sys.executable, "-m", "playwright", "install", "chromium-headless-shell"]
    environment = os.environ | {"PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT": CONNECT_MILLISECONDS}
    try:
        subprocess.run(command, env=environment, capture_output=True, timeout=LONGEST_DOWNLOAD_SECONDS, check=True)
    except (subprocess.SubprocessError, OSError):
        print(f"failed: {MISSING}. They will be skipped.")
    else:
        print("done.")


if __name__ == "__main__":
    main()
