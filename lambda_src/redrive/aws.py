"""AWS's clients, by botocore alone and over one session: a cold start pays for nothing else of boto3."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import botocore
from botocore.config import Config
from botocore.exceptions import UnknownServiceError
from botocore.loaders import Loader

from redrive.stand_ins import stand_in, standing_in

if TYPE_CHECKING:
    from collections.abc import Callable


class _Undocumented(str):
    """Stands for the documentation of a client's method, and says nothing."""

    def __new__(cls, *_: object, **__: object) -> _Undocumented:
        return super().__new__(cls)


_docs = ModuleType("botocore.docs")
_docs.__path__ = [str(Path(botocore.__file__).parent / "docs")]

# Without what writes botocore's manual, a thirtieth of a cold start: nobody asks a function for help(). Whatever a
# version of botocore imports from there, it gets something.
with standing_in(_docs, stand_in("botocore.docs.docstring", lambda _: _Undocumented)):
    import botocore.session

SERVICES = {
    "dynamodb": "dynamodb",
    "lambda": "lambda",
    "secretsmanager": "secrets-manager",
    "sns": "sns",
    "sqs": "sqs",
    "stepfunctions": "sfn",
}
"""What the functions talk to, and how botocore's events name it."""


RULES = "endpoint-rule-set-1"
"""How botocore calls a file with the rules of a service's URLs."""


class _Session(botocore.session.Session):
    """Hears of its own services alone: botocore's hundred handlers for others took a thirtieth of a cold start."""

    def register(self, event_name: str, handler: Callable[..., Any], *more: Any, **named: Any) -> None:
        """Register a handler, unless it is for a service that is not used, or for the manual."""
        event, _, whose = event_name.partition(".")
        if event != "docs" and whose.partition(".")[0] in {"", "*", *SERVICES.values()}:
            super().register(event_name, handler, *more, **named)


class _Loader(Loader):
    """Knows which services there are; botocore's own looks through the folders of all four hundred to find out."""

    has_rules = False

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 (botocore's)
        """Name them."""
        return list(SERVICES)

    def load_service_model(self, service_name: str, type_name: str, api_version: str | None = None) -> Any:
        """Load what botocore knows of a service, without the rules of its URLs.

        Those are for dual stacks, URLs of accounts and the like. A region's own URL the partitions tell; to follow the
        rules to the same one took a twentieth of each call.
        """
        if type_name == RULES and not self.has_rules:
            raise UnknownServiceError(service_name=service_name, known_service_names="")
        return super().load_service_model(service_name, type_name, api_version)

    def load_data_with_path(self, name: str) -> tuple[Any, str]:
        """Load a file; of ``endpoints``, a megabyte about every service, what holds for a region that is not in it.

        That is all there is to know of the services that the functions use.
        """
        if name != "endpoints":
            found: tuple[Any, str] = super().load_data_with_path(name)
            return found
        known, path = super().load_data_with_path("partitions")
        defaults = {"hostname": "{service}.{region}.{dnsSuffix}", "protocols": ["https"], "signatureVersions": ["v4"]}
        partitions = [
            {
                "partition": partition["id"],
                "regionRegex": partition["regionRegex"],
                "dnsSuffix": partition["outputs"]["dnsSuffix"],
                "defaults": defaults,
                "regions": {},
                "services": {},
            }
            for partition in known["partitions"]
        ]
        return {"version": 3, "partitions": partitions}, path


@cache
def _session() -> _Session:
    session = _Session()
    session.register_component("data_loader", _Loader(session.get_config_variable("data_path")))
    return session


def client(service: str, config: Config | None = None) -> Any:
    """Make a client; keep it, for it takes milliseconds.

    Parameters
    ----------
    service
        One of :data:`SERVICES`.
    config
        Timeouts and retries.
    """
    session = _session()
    # Said once: put together anew, from its thirty parts, it took a tenth of every call.
    named = Config(user_agent=session.user_agent())
    config = config.merge(named) if config else named
    try:
        return session.create_client(service, config=config)
    except UnknownServiceError:  # of a later botocore that does not do without
        session.get_component("data_loader").has_rules = True
        return session.create_client(service, config=config)
