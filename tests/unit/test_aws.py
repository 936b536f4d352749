"""What a cold start of botocore is spared is not missed: clients are as botocore's own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from redrive import aws

SOURCE = Path(aws.__file__).parents[1]

LOADED = """
import sys
from redrive import aws
client = aws.client("dynamodb")
unneeded = ("botocore.docs.docstring", "botocore.docs.service", "botocore.docs.bcdoc.restdoc", "html.parser")
print([name for name in unneeded if name in sys.modules])
from botocore.docs.docstring import LazyLoadedDocstring
print(LazyLoadedDocstring.__module__)
"""


def regions() -> list[str]:
    """Name some regions of each partition, and one that botocore does not know yet."""
    session = botocore.session.get_session()
    found = ["eu-west-9"]
    for partition in session.get_available_partitions():
        found += session.get_available_regions("dynamodb", partition)[:2]
    return found


@pytest.mark.parametrize("service", aws.SERVICES)
def test_a_client_finds_and_signs_for_the_same_place_as_botocores_own(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    own, theirs = botocore.session.get_session(), botocore.session.get_session()
    own.register_component("data_loader", aws._Loader(own.get_config_variable("data_path")))

    def described(session: botocore.session.Session, region: str) -> list[Any]:
        client = session.create_client(service, region_name=region)
        signer = client._request_signer
        return [client.meta.endpoint_url, client.meta.partition, signer.region_name, signer.signing_name]

    for region in regions():
        assert described(own, region) == described(theirs, region), region


def test_a_botocore_that_cannot_do_without_the_rules_of_urls_gets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def strict(creator: Any, service_name: str, *more: Any, **named: Any) -> Any:
        creator._load_service_endpoints_ruleset(service_name, None)
        return create_client(creator, service_name, *more, **named)

    create_client = botocore.client.ClientCreator.create_client
    monkeypatch.setattr(botocore.client.ClientCreator, "create_client", strict)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    aws._session.cache_clear()
    assert aws.client("dynamodb")._ruleset_resolver
    aws._session.cache_clear()
    monkeypatch.undo()
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert aws.client("dynamodb")._ruleset_resolver is None


EVENTS = [
    "creating-client-class",
    "provide-client-params",
    "before-parameter-build",
    "before-call",
    "request-created",
    "before-sign",
    "choose-signer",
    "before-send",
    "response-received",
    "needs-retry",
    "after-call",
    "after-call-error",
]
"""What botocore says of a call, each with the service and the operation."""


@pytest.mark.parametrize("service", aws.SERVICES)
def test_a_client_hears_what_botocores_own_does(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    own, theirs = aws._Session().create_client(service), botocore.session.get_session().create_client(service)
    assert heard(own) == heard(theirs) != {}
    assert aws.SERVICES[service] == own.meta.service_model.service_id.hyphenize()


def heard(client: Any) -> dict[str, list[str]]:
    """Name who hears of each operation's events, in order; of events that anybody hears."""
    name = client.meta.service_model.service_id.hyphenize()
    found = {}
    for operation in client.meta.service_model.operation_names:
        for event in (f"{kind}.{name}.{operation}" for kind in EVENTS):
            handlers = client.meta.events._emitter._handlers.prefix_search(event)
            found[event] = [getattr(handler, "__qualname__", type(handler).__qualname__) for handler in handlers]
    return {event: names for event, names in found.items() if names}


def test_botocore_loads_without_what_writes_its_manual_which_is_there_for_others() -> None:
    environment = {"PYTHONPATH": str(SOURCE), "AWS_DEFAULT_REGION": "eu-west-1"}
    done = subprocess.run([sys.executable, "-c", LOADED], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["[]", "botocore.docs.docstring"], done.stderr


def test_calls_say_which_botocore_makes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    sent: list[str] = []
    client = aws.client("dynamodb")

    def answer(request: Any, **_: Any) -> Any:
        sent.append(request.headers["User-Agent"].decode())
        return botocore.awsrequest.AWSResponse(request.url, 200, {}, Raw(json.dumps({"TableNames": []}).encode()))

    client.meta.events.register("before-send", answer)
    client.list_tables()
    assert sent[0].startswith(f"Botocore/{botocore.__version__} Python/")


class Raw:
    """The body of an answer."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> list[bytes]:
        """Give all of it."""
        return [self._content]
