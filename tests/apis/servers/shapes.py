"""APIs whose framework is no package of Python or Node, or that are nobody's: each a function from a page to an answer.

The shapes follow the documentation of those who serve them; what is in them beside the list is what a reader of lists
may stumble over.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import waitress
from data import PORT, emails
from werkzeug.wrappers import Request, Response

DEFAULT, MOST = 25, 100
"""Items on a page that nobody asked for, and at most."""

Item = dict[str, Any]


@dataclass
class Asked:
    """A request, and what of the list it asks for."""

    request: Request
    path: str
    listed: list[Item]
    page_param: str = "page"
    size_param: str = "per_page"

    def number(self, name: str, default: int) -> int:
        """Give a parameter that is a number."""
        value = self.request.args.get(name, "")
        return int(value) if value.isdecimal() else default

    @property
    def size(self) -> int:
        return max(1, min(self.number(self.size_param, DEFAULT), MOST))

    @property
    def pages(self) -> int:
        return -(-len(self.listed) // self.size)

    def page(self, first: int = 1) -> tuple[int, list[Item]]:
        """Give the page's number, counted from ``first``, and its items."""
        number = max(self.number(self.page_param, first), first)
        start = (number - first) * self.size
        return number, self.listed[start : start + self.size]

    def after(self, token: str | None) -> tuple[list[Item], bool]:
        """Give the items after the one with this id, and whether more follow."""
        left = [item for item in self.listed if not token or item["id"] > int(token)]
        return left[: self.size], len(left) > self.size

    def url(self, **over: Any) -> str:
        """Give this request's URL with other parameters."""
        query = urlencode({**self.request.args.to_dict(), **over})
        return f"{self.request.host_url.rstrip('/')}/{self.path}?{query}"


def laravel(asked: Asked) -> Item:
    """``paginate()``: its links have the page alone, unless told ``withQueryString()``."""
    number, data = asked.page()
    url = f"{asked.request.host_url}{asked.path}?page="
    return {
        "current_page": number,
        "data": data,
        "first_page_url": f"{url}1",
        "from": (number - 1) * asked.size + 1 if data else None,
        "last_page": max(asked.pages, 1),
        "last_page_url": f"{url}{max(asked.pages, 1)}",
        "links": [{"url": None, "label": "« Previous", "active": False}],
        "next_page_url": f"{url}{number + 1}" if number < asked.pages else None,
        "path": f"{asked.request.host_url}{asked.path}",
        "per_page": asked.size,
        "prev_page_url": f"{url}{number - 1}" if number > 1 else None,
        "to": (number - 1) * asked.size + len(data) if data else None,
        "total": len(asked.listed),
    }


def laravel_resources(asked: Asked) -> Item:
    """The same as API resources."""
    flat = laravel(asked)
    links = {name: flat[f"{name}_page_url"] for name in ("first", "last", "prev", "next")}
    meta = {name: flat[name] for name in ("current_page", "from", "last_page", "path", "per_page", "to", "total")}
    return {"data": flat["data"], "links": links, "meta": meta}


def laravel_simple(asked: Asked) -> Item:
    """``simplePaginate()``: without a total."""
    return {
        name: value
        for name, value in laravel(asked).items()
        if name not in ("total", "last_page", "last_page_url", "links")
    }


def laravel_cursor(asked: Asked) -> Item:
    """``cursorPaginate()``."""
    data, more = asked.after(asked.request.args.get("cursor"))
    token = str(data[-1]["id"]) if more else None
    url = f"{asked.request.host_url}{asked.path}?cursor={token}" if token else None
    return {"data": data, "path": asked.path, "per_page": asked.size, "next_cursor": token, "next_page_url": url}


def pagy(asked: Asked) -> Response:
    """Its headers, for an API that renders the records alone."""
    number, data = asked.page()
    links = {"first": 1, "last": max(asked.pages, 1)}
    links |= {"prev": number - 1} if number > 1 else {}
    links |= {"next": number + 1} if number < asked.pages else {}
    headers = {
        "Link": ", ".join(f'<{asked.url(page=page)}>; rel="{name}"' for name, page in links.items()),
        "Current-Page": str(number),
        "Page-Limit": str(asked.size),
        "Total-Pages": str(asked.pages),
        "Total-Count": str(len(asked.listed)),
    }
    return as_json(data, **headers)


def kaminari(asked: Asked) -> Item:
    """Its methods as serializers put them into ``meta``."""
    number, data = asked.page()
    return {
        "emails": data,
        "meta": {
            "current_page": number,
            "next_page": number + 1 if number < asked.pages else None,
            "prev_page": number - 1 if number > 1 else None,
            "total_pages": asked.pages,
            "total_count": len(asked.listed),
        },
    }


def spring(asked: Asked) -> Item:
    """A ``Page`` as Jackson writes it."""
    number, content = asked.page(first=0)
    return {
        "content": content,
        "pageable": {"pageNumber": number, "pageSize": asked.size, "offset": number * asked.size, "paged": True},
        "last": number + 1 >= asked.pages,
        "totalPages": asked.pages,
        "totalElements": len(asked.listed),
        "size": asked.size,
        "number": number,
        "first": number == 0,
        "numberOfElements": len(content),
        "empty": not content,
    }


def spring_slice(asked: Asked) -> Item:
    """A ``Slice``: without totals."""
    return {name: value for name, value in spring(asked).items() if not name.startswith("total")}


def spring_dto(asked: Asked) -> Item:
    """A ``PagedModel``."""
    return {"content": spring(asked)["content"], "page": spring_numbers(asked)}


def spring_numbers(asked: Asked) -> Item:
    flat = spring(asked)
    return {name: flat[name] for name in ("size", "number", "totalElements", "totalPages")}


def hal(asked: Asked) -> Item:
    """Spring HATEOAS and Data REST: an empty list has no ``_embedded``."""
    number, content = asked.page(first=0)
    links = {"self": {"href": asked.url()}}
    links |= {"next": {"href": asked.url(page=number + 1)}} if number + 1 < asked.pages else {}
    embedded = {"_embedded": {"emails": content}} if content else {}
    return {**embedded, "_links": links, "page": spring_numbers(asked)}


def hydra(asked: Asked) -> Item:
    """API Platform's collections; before its version 4 each name began with ``hydra:``."""
    number, member = asked.page()
    body = {"@type": "Collection", "totalItems": len(asked.listed), "member": member}
    if asked.pages > 1:
        view = {"@id": f"/{asked.path}?page={number}", "first": "?page=1", "last": f"?page={asked.pages}"}
        body["view"] = view | ({"next": asked.url(page=number + 1)} if number < asked.pages else {})
    return body


def hydra_3(asked: Asked) -> Item:
    body = hydra(asked)
    view = {name if name[0] == "@" else f"hydra:{name}": value for name, value in body.pop("view", {}).items()}
    found = {name if name[0] == "@" else f"hydra:{name}": value for name, value in body.items()}
    return found | ({"hydra:view": view} if view else {})


def slack(asked: Asked) -> Item:
    """The last page's token is empty."""
    messages, more = asked.after(asked.request.args.get("cursor"))
    return {
        "ok": True,
        "messages": messages,
        "response_metadata": {"next_cursor": str(messages[-1]["id"]) if more else ""},
    }


def google(asked: Asked) -> Item:
    """AIP-158: the last page has no token, and protocol buffers leave out an empty list."""
    messages, more = asked.after(asked.request.args.get("pageToken"))
    return ({"emails": messages} if messages else {}) | ({"nextPageToken": str(messages[-1]["id"])} if more else {})


def keyset(asked: Asked) -> list[Item]:
    """Nothing but the items after one that is named."""
    return asked.after(asked.request.args.get("after"))[0]


def elasticsearch(asked: Asked) -> Item | Response:
    """``GET /<index>/_search?q=…``: nothing deeper than 10,000."""
    start = asked.number("from", 0)
    if start + asked.size > 10_000:
        return as_json({"error": {"type": "illegal_argument_exception"}, "status": 400}, status=400)
    hits = [
        {"_index": "emails", "_id": str(item["id"]), "_source": item}
        for item in asked.listed[start : start + asked.size]
    ]
    total = {"value": len(asked.listed), "relation": "eq"}
    shards = {"total": 1, "successful": 1, "skipped": 0, "failed": 0}
    found = {"total": total, "max_score": 1.0, "hits": hits}
    return {"took": 1, "timed_out": False, "_shards": shards, "hits": found}


def github(asked: Asked) -> Response:
    """The relations that lead nowhere are left out; so is the header where all fits on a page."""
    number, data = asked.page()
    links = {"prev": number - 1, "first": 1} if number > 1 else {}
    links |= {"next": number + 1, "last": asked.pages} if number < asked.pages else {}
    link = ", ".join(f'<{asked.url(page=page)}>; rel="{name}"' for name, page in links.items())
    return as_json(data, **({"Link": link} if link else {}))


def keyed(asked: Asked) -> Item:
    """Items by their ids."""
    return {"emails": {str(item["id"]): {"status": item["status"]} for item in asked.listed}}


def plain_offsets(asked: Asked) -> list[Item]:
    start = asked.number("offset", 0)
    return asked.listed[start : start + asked.size]


def plain_pages(asked: Asked) -> list[Item]:
    return asked.page()[1]


def in_header(asked: Asked) -> Response:
    """A next page that only a header names, which is not Link."""
    data, more = asked.after(asked.request.args.get("cursor"))
    return as_json(data, **({"Next-Page": asked.url(cursor=data[-1]["id"])} if more else {}))


SHAPES: dict[str, tuple[Callable[[Asked], Any], dict[str, str]]] = {
    "laravel": (laravel, {}),
    "laravel-resources": (laravel_resources, {}),
    "laravel-simple": (laravel_simple, {}),
    "laravel-cursor": (laravel_cursor, {}),
    "pagy": (pagy, {"size_param": "limit"}),
    "kaminari": (kaminari, {}),
    "spring": (spring, {"size_param": "size"}),
    "spring-slice": (spring_slice, {"size_param": "size"}),
    "spring-dto": (spring_dto, {"size_param": "size"}),
    "hal": (hal, {"size_param": "size"}),
    "hydra": (hydra, {"size_param": "itemsPerPage"}),
    "hydra-3": (hydra_3, {"size_param": "itemsPerPage"}),
    "slack": (slack, {"size_param": "limit"}),
    "google": (google, {"size_param": "pageSize"}),
    "keyset": (keyset, {"size_param": "limit"}),
    "elasticsearch": (elasticsearch, {"size_param": "size"}),
    "github": (github, {}),
    "keyed": (keyed, {}),
    "plain-offsets": (plain_offsets, {"size_param": "limit"}),
    "plain-pages": (plain_pages, {"size_param": "limit"}),
    "in-header": (in_header, {"size_param": "limit"}),
}


def wanted(request: Request) -> str | None:
    """Give the status that a request filters by, as a parameter or in Lucene's words."""
    found = re.fullmatch(r"status:(\w+)", request.args.get("q", ""))
    return found[1] if found else request.args.get("status")


def as_json(value: Any, status: int = 200, **headers: str) -> Response:
    return Response(
        json.dumps(value),
        status=status,
        content_type="application/json",
        headers={name.replace("_", "-"): text for name, text in headers.items()},
    )


@Request.application
def app(request: Request) -> Response:
    path = request.path.strip("/")
    if path not in SHAPES:
        return as_json({"error": "not found"}, status=404)
    shape, params = SHAPES[path]
    answer = shape(Asked(request, path, emails(wanted(request)), **params))
    return answer if isinstance(answer, Response) else as_json(answer)


waitress.serve(app, host="127.0.0.1", port=PORT, threads=4)
