"""Show a dashboard: ``python -m local.dashboard --endpoint URL --name DASHBOARD [--role ARN]``.

It serves on 127.0.0.1 until SIGTERM or SIGINT, or until the process that started it has gone.
"""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from flask import Flask, Response, abort, request
from waitress import create_server  # type: ignore[import-untyped]

from local.processes import announce, told_to_stop

PAGE = Path(__file__).with_name("page.html")
REGION = "eu-west-1"
OWN = "X-Dashboard"
"""Header without which nothing is called: another site's page cannot send it."""

POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'unsafe-inline'",  # a widget brings its own
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)


def create(clients: Mapping[str, Any], name: str) -> Flask:
    """Give the application.

    Parameters
    ----------
    clients
        boto3's, of whoever looks at the dashboard.
    name
        Of the dashboard.
    """
    app = Flask("dashboard")
    html, _, script = PAGE.read_text(encoding="utf-8").partition("/* SCRIPT */")

    @app.get("/")
    def page() -> Response:
        headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"}
        return Response(html, headers=headers, content_type="text/html; charset=utf-8")

    @app.get("/page.js")
    def code() -> Response:
        return Response(script, content_type="text/javascript; charset=utf-8")

    @app.get("/dashboard")
    def dashboard() -> dict[str, Any]:
        body = clients["cloudwatch"].get_dashboard(DashboardName=name)["DashboardBody"]
        return {"name": name, **json.loads(body)}

    @app.post("/call")
    def call() -> tuple[dict[str, Any], int]:
        if OWN not in request.headers:
            abort(403)
        asked = request.get_json()
        try:
            answer = clients["lambda"].invoke(FunctionName=asked["endpoint"], Payload=json.dumps(asked["event"]))
        except ClientError as error:
            return {"error": str(error)}, 502
        given = json.load(answer["Payload"])
        return ({"error": given}, 502) if "FunctionError" in answer else ({"answer": given}, 200)

    return app


def main() -> None:
    """Serve until told to stop."""
    asked = _arguments()
    stop = told_to_stop()
    keys: dict[str, Any] = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
    where: dict[str, Any] = {"endpoint_url": asked.endpoint, "region_name": REGION}
    if asked.role:
        found = (
            boto3.Session(**keys).client("sts", **where).assume_role(RoleArn=asked.role, RoleSessionName="dashboard")
        )
        given = found["Credentials"]
        keys = {"aws_access_key_id": given["AccessKeyId"], "aws_secret_access_key": given["SecretAccessKey"]}
        keys["aws_session_token"] = given["SessionToken"]
    config = Config(read_timeout=330, retries={"total_max_attempts": 1})
    session: Any = boto3.Session(**keys)
    clients = {name: session.client(name, **where, config=config) for name in ("cloudwatch", "lambda")}
    server = create_server(create(clients, asked.name), host="127.0.0.1", port=0, threads=8)
    threading.Thread(target=server.run, daemon=True).start()
    announce(asked.ready_file, server.effective_port)
    stop.wait()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.dashboard", description=__doc__)
    parser.add_argument("--endpoint", required=True, metavar="URL", help="of the embedded AWS")
    parser.add_argument("--name", required=True, help="the dashboard's")
    parser.add_argument("--role", help="ARN of the role of whoever looks; without one everything is allowed")
    parser.add_argument("--ready-file", type=Path, required=True, help="written when it serves: pid, url")
    return parser.parse_args()


if __name__ == "__main__":
    main()
