"""The module as it was released last, and as it is now, in a Git repository of its own."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

BEFORE_THE_FIRST_RELEASE = "bd92b046b98d5f1740149c87dd74c9c14659fa63"
"""Stands for the last release until there is one: the first tree that has the package in every function's zip, without
which a function has neither the old nor the new one for the moment between two calls of the provider."""

BEFORE, NOW, RENAMED = "before", "now", "renamed"
"""Tags: the last release; the working tree; and that with another name for the ledger's table, and no `moved` block."""

PARTS = re.compile(r"[^/]+\.tf|(modules|dist)/.+")
"""What of a tree is the module."""


def last_release() -> str:
    """Give the newest release that HEAD has come from."""
    command = ["git", "tag", "--merged", "HEAD", "--no-contains", "HEAD", "--sort=-version:refname"]
    tags = subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.split()
    return next((tag for tag in tags if re.fullmatch(r"v\d+\.\d+\.\d+", tag)), BEFORE_THE_FIRST_RELEASE)


def is_at_hand() -> bool:
    """Tell whether the last release is in this checkout: a shallow clone has HEAD alone, an archive has no history."""
    found = subprocess.run(["git", "cat-file", "-e", f"{last_release()}^{{commit}}"], cwd=ROOT, capture_output=True)
    return found.returncode == 0


def publish(repository: Path) -> None:
    """Make the repository."""
    repository.mkdir()
    git(repository, "init", "-q", "-b", "main")
    archive = subprocess.run(["git", "archive", last_release()], cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tree:
        tree.extractall(repository, [each for each in tree if PARTS.fullmatch(each.name)], filter="data")
    commit(repository, BEFORE)

    for entry in repository.iterdir():
        if entry.name != ".git":
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    for name in git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines():
        if PARTS.fullmatch(name) and (ROOT / name).is_file():
            (repository / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, repository / name)
    commit(repository, NOW)

    for file in (repository / "modules" / "ledger").glob("*.tf"):
        text = file.read_text().replace('"aws_dynamodb_table" "this"', '"aws_dynamodb_table" "renamed"')
        file.write_text(text.replace("aws_dynamodb_table.this", "aws_dynamodb_table.renamed"))
    commit(repository, RENAMED)


def commit(repository: Path, message: str) -> None:
    """Commit everything, and tag it if the message can be a tag."""
    git(repository, "add", "--all", "--force")
    author = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    git(repository, *author, "commit", "-q", "--allow-empty", "-m", message)
    if " " not in message:
        git(repository, "tag", message)


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder, and give what it prints."""
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout
