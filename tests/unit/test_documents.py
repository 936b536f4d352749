"""The documents are short enough to be read, and lead where they say."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from tests.runbook import anchor

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path
    for path in (
        *ROOT.glob("*.md"),
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "examples").rglob("*.md"),
        *(ROOT / "modules").rglob("*.md"),
    )
    if ".terraform" not in path.parts
)
LINES_OF_THE_README = 250


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@cache
def _prose(page: Path) -> str:
    """The text without its blocks of code."""
    return re.sub(r"^ *```.*?^ *```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


@cache
def _anchors(page: Path) -> set[str]:
    return {anchor(title) for title in re.findall(r"^#+ (.+)$", _prose(page), re.MULTILINE)}


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_link_leads_to_a_file_and_a_heading_that_are_there(page: Path):
    wrong = []
    for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", _prose(page))):
        if link.startswith(("https://", "mailto:")):
            continue
        file, _, title = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        if not target.exists() or (title and title not in _anchors(target)):
            wrong.append(link)
    assert wrong == []


def test_the_readme_is_read_in_one_sitting_and_every_page_is_reached_from_it():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= LINES_OF_THE_README
    reached, todo = set(), [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in reached:
            continue
        reached.add(page)
        for link in re.findall(r"\]\(([^)#\s]+)", _prose(page)):
            target = (page.parent / link).resolve()
            target = target / "README.md" if target.is_dir() else target
            if target.suffix == ".md" and target.exists():
                todo.append(target)
    assert [_name(page) for page in PAGES if page not in reached] == []


def test_the_readme_answers_in_the_order_in_which_a_newcomer_asks():
    asked = [
        "How it works",
        "See it run",
        "Quick start",
        "What your API must offer",
        "The load it creates, and how to cap it",
        "Outcomes",
        "Operate",
        "Security and data",
        "Cost",
        "Upgrade, rename, uninstall",
        "Inputs and outputs",
    ]
    answered = re.findall(r"^## (.+)$", _prose(ROOT / "README.md"), re.MULTILINE)
    assert answered[: len(asked)] == asked


def test_how_to_stop_it_is_the_same_in_the_readme_and_in_the_runbook():
    command = re.compile(r"^aws lambda invoke .*?out\.json$", re.MULTILINE | re.DOTALL)
    words = [
        command.search((ROOT / page).read_text(encoding="utf-8"))[0].replace("\\\n", " ").split()  # type: ignore[index]
        for page in ("README.md", "docs/operations.md")
    ]
    assert all(
        {'\'{"action":', '"pause",', "communications-redrive-production-ledger-admin"} <= set(each) for each in words
    )


def test_nothing_generated_is_left_empty():
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for name, written in re.findall(r"<!-- BEGIN ([A-Z ]+) -->(.*?)<!-- END \1 -->", text, re.DOTALL):
            assert written.strip(), (_name(page), name)
