"""What the servers list: the file that the test writes, read anew with each request."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

PORT, FOLDER = int(sys.argv[1]), Path(sys.argv[2])
DATABASE = FOLDER / "items.db"


def emails(status: str | None) -> list[dict[str, Any]]:
    """Give the emails of a status, or all of them."""
    found: list[dict[str, Any]] = json.loads((FOLDER / "items.json").read_text())["emails"]
    return [email for email in found if status is None or email["status"] == status]
