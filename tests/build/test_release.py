"""A release is what CHANGELOG.md says of its version, and its workflows run nothing that a moved tag could change."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHANGELOG = """# Changelog

## Unreleased

## 1.10.0 - 2027-01-02
### Added
- A thing.

## 1.1.0 - 2026-12-01
- Another.
"""


def _notes(folder: Path, tag: str) -> subprocess.CompletedProcess[str]:
    (folder / ".ci").mkdir(exist_ok=True)
    shutil.copy(ROOT / ".ci" / "notes", folder / ".ci" / "notes")
    return subprocess.run(
        ["bash", str(folder / ".ci" / "notes"), tag], capture_output=True, text=True, check=False, timeout=30
    )


def test_the_notes_of_a_release_are_the_changelogs_of_that_version_alone(tmp_path: Path):
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    assert _notes(tmp_path, "v1.10.0").stdout.split("\n") == ["### Added", "- A thing.", ""]
    assert _notes(tmp_path, "v1.1.0").stdout == "- Another.\n"


@pytest.mark.parametrize("tag", ["v1.1", "v1x1.0", "v2.0.0", "vUnreleased"])
def test_a_version_of_which_the_changelog_says_nothing_is_not_released(tmp_path: Path, tag: str):
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    done = _notes(tmp_path, tag)
    assert done.returncode == 1
    assert "CHANGELOG.md says nothing of" in done.stderr


def test_the_changelog_has_its_versions_in_order_the_newest_first_and_dated():
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    released = [heading for heading in headings if heading != "Unreleased"]
    assert headings.index("Unreleased") == 0 if "Unreleased" in headings else True
    assert released
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", heading) for heading in released)
    versions = [tuple(map(int, heading.split()[0].split("."))) for heading in released]
    assert versions == sorted(versions, reverse=True)


def test_every_action_is_pinned_by_its_commit_and_the_readmes_command_is_what_they_run():
    workflows = {path.name: path.read_text() for path in (ROOT / ".github" / "workflows").glob("*.yml")}
    assert workflows.keys() == {"ci.yml", "release.yml"}
    for name, text in workflows.items():
        uses = re.findall(r"uses: (.+)", text)
        assert uses, name
        assert [use for use in uses if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", use)] == [], (
            name
        )
        assert "run: bash .ci/run\n" in text, name
    assert {"make lint", "make test"} <= set((ROOT / ".ci" / "run").read_text().splitlines())
