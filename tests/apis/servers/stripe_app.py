"""localstripe, with emails as one more kind of its objects."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from data import PORT, emails
from localstripe import resources, server


class Email(resources.StripeObject):
    object = "email"

    def __init__(self, email: dict[str, Any]) -> None:
        self.id, self.status = str(email["id"]), email["status"]

    @classmethod
    def _api_list_all(cls, url: str, status: str | None = None, **paging: Any) -> resources.List:
        listed = resources.List(url, **paging)
        listed._list = [cls(email) for email in emails(status)]
        return listed


app = web.Application(middlewares=[server.error_middleware])


async def listed(request: web.Request) -> web.Response:
    return server.api_list_all(Email, "/v1/emails")(request)


app.router.add_get("/v1/emails", listed)
web.run_app(app, host="127.0.0.1", port=PORT, print=None)
