"""What docs/security.md says of roles is what is planned; ``UPDATE_DOCS=1`` writes the table of them."""

from __future__ import annotations

import os
from pathlib import Path

from tests.iam.conftest import PREFIX, Asked
from tests.iam.granted import arn_of_role
from tests.iam.representative import APPLICATION, OPERATOR, VIEWER
from tests.iam.table import ROLES, WHY, table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "security.md"
BEGIN, END = "<!-- BEGIN PERMISSIONS -->\n", "<!-- END PERMISSIONS -->"


def test_the_table_of_permissions_is_what_the_roles_are_planned_with(asked: dict[str, Asked]):
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    ways = [asked[way].granted for way in ("gateway", "function_url", "guarded")]
    planned = f"{before}{BEGIN}\n{table(ways, PREFIX)}\n{END}{rest.split(END)[1]}"
    if os.environ.get("UPDATE_DOCS"):
        PAGE.write_text(planned, encoding="utf-8", newline="\n")
    assert planned == PAGE.read_text(encoding="utf-8"), "UPDATE_DOCS=1 pytest tests/iam/test_documents.py writes it"


def test_the_table_has_every_role_and_a_reason_for_every_statement_of_theirs(asked: dict[str, Asked]):
    people = {arn_of_role(name) for name in (APPLICATION, OPERATOR, VIEWER)}
    theirs = [
        (role, statement["Sid"])
        for each in asked.values()
        for role, document in each.granted.identity.items()
        if role not in people
        for statement in document["Statement"]
    ]
    assert {role for role, _ in theirs} == {arn_of_role(f"{PREFIX}-{part}") for part in ROLES}
    assert {sid for _, sid in theirs} == set(WHY)
