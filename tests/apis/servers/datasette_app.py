"""Datasette over the database as it is."""

from __future__ import annotations

import uvicorn
from data import DATABASE, PORT
from datasette.app import Datasette

datasette = Datasette([str(DATABASE)], settings={"max_returned_rows": 100, "default_page_size": 25})
uvicorn.run(datasette.app(), host="127.0.0.1", port=PORT, log_level="warning")
