"""What a request says, and answers in the form its client reads."""

from __future__ import annotations

import io
import json
import re
import uuid
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from moto.core.request import Request as MotoRequest
from moto.core.routing import get_service_router
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Request, Response

from local.aws.errors import Refusal

ACCOUNT = "123456789012"
# What a client that once spoke the query protocol, or still does, is told instead.
QUERY_CODES = {"AccessDeniedException": "AccessDenied"}


def credential(request: Request, part: int) -> str | None:
    """Give a part of the signature's scope: ``Credential=<key>/<date>/<region>/<service>/aws4_request``."""
    found = re.search(r"Credential=([^,\s]+)", request.headers.get("Authorization", ""))
    scope = found[1].split("/") if found else []
    return scope[part] if len(scope) > part else None


def region(request: Request) -> str:
    """Give the region a request was signed for."""
    return credential(request, 2) or "us-east-1"


def operation(request: Request, service: str) -> str | None:
    """Name what is asked of a service: by header (JSON), in the form (query) or by method and path (REST)."""
    target = request.headers.get("X-Amz-Target", "")
    if target:
        return target.rpartition(".")[2]
    if is_query(request):
        return parameters(request).get("Action")
    try:
        return str(get_service_router(service).match(MotoRequest(request.environ))[0].name)
    except (NotFound, ValueError, LookupError):
        return None


def is_query(request: Request) -> bool:
    """Tell whether a request speaks the query protocol."""
    return request.mimetype == "application/x-www-form-urlencoded"


def data(request: Request) -> bytes:
    """Read the body and leave it to be read again."""
    read = request.get_data()
    request.environ["wsgi.input"] = io.BytesIO(read)
    return read


def parameters(request: Request) -> dict[str, Any]:
    """Give the parameters in a request's body; none where it has another form."""
    text = data(request)
    if is_query(request):
        return dict(parse_qsl(text.decode(errors="replace")))
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def body(request: Request) -> dict[str, Any]:
    """Give the JSON object in a request's body; without one, an empty object."""
    return dict(json.loads(data(request) or b"{}"))


def answer(content: Any, status: int = HTTPStatus.OK) -> Response:
    """Answer with JSON."""
    headers = {"x-amzn-RequestId": str(uuid.uuid4())}
    return Response(json.dumps(content), status=status, headers=headers, content_type="application/json")


def refused(request: Request, refusal: Refusal) -> Response:
    """Say no as the service would: JSON services by ``__type``, REST services by a header, the others in XML."""
    text = str(refusal)
    query_code = QUERY_CODES.get(refusal.code, refusal.code)
    if is_query(request):
        error = f"<Error><Type>Sender</Type><Code>{query_code}</Code><Message>{escape(text)}</Message></Error>"
        whole = f"<ErrorResponse>{error}</ErrorResponse>"
        return Response(whole, status=refusal.status, content_type="text/xml")
    response = answer({"__type": refusal.code, "message": text, "Message": text, "Type": "User"}, refusal.status)
    response.headers["x-amzn-ErrorType"] = refusal.code
    if request.headers.get("x-amzn-query-mode"):  # SQS, whose clients still raise the codes of its query protocol
        response.headers["x-amzn-query-error"] = f"{query_code};Sender"
    return response
