"""The WSGI application: what is answered here goes before moto, everything else goes to moto."""

from __future__ import annotations

import base64
import io
import json
import re
import threading
import uuid
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.wrappers import Request, Response

from local.aws import executions, logs, scheduler
from local.aws.cloud import Cloud
from local.aws.errors import Refusal
from local.aws.faults import Faults

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

ACCOUNT = "123456789012"
INVOCATION = re.compile(r"/2015-03-31/functions/(?P<name>.+)/invocations/?")
LAMBDA_CONTROL = re.compile(r"/20\d\d-\d\d-\d\d/(functions|layers)/.+")
FIRING = re.compile(r"/_local/schedules/(?P<group>[^/]+)/(?P<name>[^/]+)/fire")
LOG_TAIL_BYTES = 4096


class Moto(DomainDispatcherApplication):
    """moto's application; it looks up once which of its services a host is, for to do so it reads its whole folder."""

    def __init__(self, create_app: Any) -> None:
        super().__init__(create_app)
        self._services: dict[str | None, Any] = {}

    def get_backend_for_host(self, host: str | None) -> Any:
        """Give the name of a service."""
        if host not in self._services:
            self._services[host] = super().get_backend_for_host(host)
        return self._services[host]


class Front:
    """Answers invocations, schedules' firing and what moto lacks; follows what moto was told."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._faults = Faults()
        self._one_at_a_time = threading.Lock()
        self._moto = Moto(create_backend_app)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        request = Request(environ)
        try:
            response = self._answer(request)
        except Refusal as refusal:
            response = _refused(refusal)
        if response is None:
            answer: Iterable[bytes] = self._moto(environ, start_response)
            return answer
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response | None:
        """Give the answer, or None where the request is moto's alone and nothing follows from it."""
        if request.path == "/_local/health":
            return _json({"status": "running"})
        if request.path == "/_local/faults":
            return self._switch_faults(request)
        if request.method == "POST" and (firing := FIRING.fullmatch(request.path)):
            return self._fire(request, firing["group"], firing["name"])
        if request.method == "POST" and (invocation := INVOCATION.fullmatch(request.path)):
            return self._invoke(request, invocation["name"])
        action = request.headers.get("X-Amz-Target", "")
        service = _credential(request, 3)
        if service and action:
            self._faults.meet(service, action.rpartition(".")[2])
        if action == "AWSStepFunctions.ValidateStateMachineDefinition":
            return _json(executions.validation_of(_body(request)["definition"]))
        if action == "AWSStepFunctions.ListStateMachineVersions":
            return _json({"stateMachineVersions": []})
        if action == "AWSStepFunctions.StartExecution":
            return self._start_execution(request)
        if action == "AWSStepFunctions.StopExecution":
            return self._cloud.executions.stop(_body(request), lambda: self._from_moto(request))
        if action == "AWSEvents.PutEvents":
            return _json(self._cloud.events.put_entries(ACCOUNT, _region(request), _body(request)["Entries"]))
        if service == "dynamodb":
            # moto looks whether a condition holds and then writes: of two requests at once both would pass
            with self._one_at_a_time:
                return self._from_moto(request)
        if service == "sns":
            response = self._from_moto(request)
            self._cloud.mailer.post_new()
            return response
        if service == "lambda" and request.method != "GET" and LAMBDA_CONTROL.fullmatch(request.path):
            response = self._from_moto(request)
            self._cloud.functions.retire_outdated()
            return response
        return None

    def _invoke(self, request: Request, name: str) -> Response:
        region = name.split(":")[3] if name.startswith("arn:") else _region(request)
        function = self._cloud.functions.find(ACCOUNT, region, name, request.args.get("Qualifier"))
        payload = request.get_data() or b"{}"
        try:
            json.loads(payload)
        except ValueError as reason:
            message = f"Could not parse request body into json: {reason}"
            raise Refusal(400, "InvalidRequestContentException", message) from reason
        kind = request.headers.get("X-Amz-Invocation-Type", "RequestResponse")
        if kind == "DryRun":
            return Response(status=HTTPStatus.NO_CONTENT)
        if kind == "Event":
            request_id = self._cloud.asynchronous.submit(function, payload)
            return Response(status=HTTPStatus.ACCEPTED, headers={"x-amzn-RequestId": request_id})
        outcome = self._cloud.functions.invoke(function, payload)
        headers = {"X-Amz-Executed-Version": logs.version(function), "x-amzn-RequestId": outcome.request_id}
        if outcome.error:
            headers["X-Amz-Function-Error"] = "Unhandled"
        if request.headers.get("X-Amz-Log-Type") == "Tail":
            tail = "\n".join(text for _, text in outcome.lines).encode()[-LOG_TAIL_BYTES:]
            headers["X-Amz-Log-Result"] = base64.b64encode(tail).decode()
        return Response(outcome.payload, headers=headers, content_type="application/json")

    def _start_execution(self, request: Request) -> Response:
        """Let moto start it, one at a time, and watch it.

        moto keeps AWS's rule (Step Functions API reference, StartExecution): a running execution's name with the same
        input is that execution again, any other use of the name ExecutionAlreadyExists; of two at once it is not sure.
        """
        body = json.dumps(executions.named(_body(request))).encode()
        with self._cloud.executions.starting:
            response = self._from_moto(request, body)
        if response.status_code == HTTPStatus.OK:
            self._cloud.executions.watch(json.loads(response.get_data())["executionArn"])
        return response

    def _fire(self, request: Request, group: str, name: str) -> Response:
        body = _body(request) if request.content_length else {}
        firing = scheduler.fire(group, name, body.get("scheduledTime"), self._cloud.targets.send)
        return _json({"scheduledTime": firing.scheduled_time, "executionId": firing.execution_id})

    def _switch_faults(self, request: Request) -> Response:
        """Switch a fault on (POST) or all of them off (DELETE), and tell what there was."""
        if request.method == "POST":
            self._faults.switch_on(_body(request))
        told = _json(self._faults.to_json())
        if request.method == "DELETE":
            self._faults.switch_off()
        return told

    def _from_moto(self, request: Request, body: bytes | None = None) -> Response:
        body = request.get_data() if body is None else body
        request.environ["wsgi.input"] = io.BytesIO(body)
        request.environ["CONTENT_LENGTH"] = str(len(body))
        return Response.from_app(self._moto, request.environ, buffered=True)


def _refused(refusal: Refusal) -> Response:
    """Say no as the service would: JSON services by ``__type``, REST services by a header."""
    body = {"__type": refusal.code, "message": str(refusal), "Message": str(refusal), "Type": "User"}
    response = _json(body, refusal.status)
    response.headers["x-amzn-ErrorType"] = refusal.code
    return response


def _json(body: Any, status: int = HTTPStatus.OK) -> Response:
    headers = {"x-amzn-RequestId": str(uuid.uuid4())}
    return Response(json.dumps(body), status=status, headers=headers, content_type="application/json")


def _body(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(request.get_data())
    except ValueError as reason:
        raise Refusal(400, "SerializationException", str(reason)) from reason
    if not isinstance(body, dict):
        raise Refusal(400, "SerializationException", "The body is not a JSON object.")
    return body


def _region(request: Request) -> str:
    return _credential(request, 2) or "us-east-1"


def _credential(request: Request, part: int) -> str | None:
    """Give a part of the signature's scope: ``Credential=<key>/<date>/<region>/<service>/aws4_request``."""
    found = re.search(r"Credential=([^,\s]+)", request.headers.get("Authorization", ""))
    scope = found[1].split("/") if found else []
    return scope[part] if len(scope) > part else None
