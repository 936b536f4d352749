"""The WSGI application: what is answered here goes before moto, everything else goes to moto."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Iterable
from functools import cache, partial
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from moto.core.exceptions import AWSError
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.wrappers import Request, Response

from local.aws import alarms, dynamodb, machines, permissions, scheduler
from local.aws.asynchronous import Asynchronous
from local.aws.errors import Refusal
from local.aws.events import Events
from local.aws.faults import Faults
from local.aws.functions import Functions
from local.aws.mail import Mailer
from local.aws.mappings import Mappings
from local.aws.moves import Moves
from local.aws.protocol import ACCOUNT, answer, body, credential, operation, refused, region
from local.aws.queues import Queues
from local.aws.repeated import Repeated
from local.aws.runtime import Runtime

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

INVOCATION = re.compile(r"/2015-03-31/functions/(?P<name>.+)/invocations/?")
MAPPING = re.compile(r"/2015-03-31/event-source-mappings/?(?P<uuid>[^/]+)?/?")
LAMBDA_CONTROL = re.compile(r"/20\d\d-\d\d-\d\d/(functions|layers)/.+")
FIRING = re.compile(r"/_local/schedules/(?P<group>[^/]+)/(?P<name>[^/]+)/fire")


class Front:
    """Answers invocations, schedules' firing and what moto lacks; follows what moto was told."""

    def __init__(self, runtime: Runtime, endpoint: str, folder: Path, smtp: tuple[str, int] | None) -> None:
        self._mailer = Mailer(smtp)
        self._functions = Functions(runtime, endpoint, folder)
        self._asynchronous = Asynchronous(self._functions)
        machines.use(Events(self._asynchronous.send))
        self._queues = Queues()
        self._moves = Moves(self._queues)
        self._mappings = Mappings(self._queues, self._functions)
        self._faults = Faults()
        self._repeated = Repeated()
        self._one_at_a_time = threading.Lock()
        self._moto = moto = DomainDispatcherApplication(create_backend_app)
        # to tell of which of its services a host is, it reads its whole folder
        moto.get_backend_for_host = cache(moto.get_backend_for_host)  # type: ignore[method-assign]

    def close(self) -> None:
        """Stop every process."""
        self._mappings.close()
        self._asynchronous.close()
        self._functions.close()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        request = Request(environ)
        response = self._repeated.answer(request, lambda: self._whole_answer(request))
        return response(environ, start_response)

    def _whole_answer(self, request: Request) -> Response:
        try:
            return self._answer(request) or self._from_moto(request)
        except Refusal as refusal:
            return refused(request, refusal)
        except AWSError as error:  # moto's own
            return refused(request, Refusal(error.code, error.error_type, error.message))

    def _answer(self, request: Request) -> Response | None:
        """Give the answer, or None where the request is moto's alone and nothing follows from it."""
        if request.path == "/_local/faults":
            return self._switch_faults(request)
        if request.path == "/_local/calls":
            return answer({"calls": permissions.calls()})
        if request.method == "POST" and (firing := FIRING.fullmatch(request.path)):
            return self._fire(request, firing["group"], firing["name"])
        action = request.headers.get("X-Amz-Target", "")
        service = credential(request, 3)
        if service and action:
            self._faults.meet(service, action.rpartition(".")[2])
        if service:
            permissions.check(request, service)
        if request.method == "POST" and (invocation := INVOCATION.fullmatch(request.path)):
            return self._invoke(request, invocation["name"])
        if service == "states" and (told := machines.answer(action.rpartition(".")[2], body(request))) is not None:
            return answer(told)
        if service == "dynamodb":
            # moto looks whether a condition holds and then writes: of two requests at once both would pass
            with self._one_at_a_time:
                pass_on = partial(self._from_moto, request)
                return dynamodb.carry_out(
                    action.rpartition(".")[2], region(request), body(request), pass_on, self._faults.consume
                )
        if action == "AmazonSQS.StartMessageMoveTask":
            return answer(self._moves.start(body(request)))
        if action == "AmazonSQS.ListMessageMoveTasks":
            return answer(self._moves.recent(body(request)))
        if service == "sqs" and action:
            return self._queues.carry_out(request, action.rpartition(".")[2], partial(self._from_moto, request))
        if service == "sns":
            response = self._from_moto(request)
            self._mailer.post_new()
            return response
        if service == "monitoring" and operation(request, service) == alarms.OPERATION:
            return alarms.put_composite(request, partial(self._from_moto, request))
        if service == "lambda" and request.method != "GET" and (mapping := MAPPING.fullmatch(request.path)):
            return self._mappings.change(request, mapping["uuid"], lambda: self._from_moto(request))
        if service == "lambda" and request.method != "GET" and LAMBDA_CONTROL.fullmatch(request.path):
            response = self._from_moto(request)
            self._functions.retire_outdated()
            return response
        return None

    def _invoke(self, request: Request, name: str) -> Response:
        place = name.split(":")[3] if name.startswith("arn:") else region(request)
        function = self._functions.find(ACCOUNT, place, name, request.args.get("Qualifier"))
        payload = request.get_data() or b"{}"
        if request.headers.get("X-Amz-Invocation-Type") == "Event":
            request_id = self._asynchronous.submit(function, payload)
            return Response(status=HTTPStatus.ACCEPTED, headers={"x-amzn-RequestId": request_id})
        outcome = self._functions.invoke(function, payload)
        headers = {"X-Amz-Executed-Version": str(function.version), "x-amzn-RequestId": outcome.request_id}
        if outcome.error:
            headers["X-Amz-Function-Error"] = "Unhandled"
        return Response(outcome.payload, headers=headers, content_type="application/json")

    def _fire(self, request: Request, group: str, name: str) -> Response:
        return answer(scheduler.fire(group, name, body(request).get("scheduledTime"), self._asynchronous.send))

    def _switch_faults(self, request: Request) -> Response:
        """Switch a fault on (POST) or all of them off (DELETE), and tell what there was."""
        if request.method == "POST":
            self._faults.switch_on(body(request))
        told = answer(self._faults.to_json())
        if request.method == "DELETE":
            self._faults.switch_off()
        return told

    def _from_moto(self, request: Request, content: bytes | None = None) -> Response:
        content = request.get_data() if content is None else content
        environ = {**request.environ, "wsgi.input": io.BytesIO(content), "CONTENT_LENGTH": str(len(content))}
        return Response.from_app(self._moto, environ, buffered=True)
