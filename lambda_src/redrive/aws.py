"""AWS's clients, by botocore alone and over one session: a cold start pays for nothing else of boto3."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import botocore
from botocore.config import Config
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


class _Session(botocore.session.Session):
    """Hears of its own services alone: botocore's hundred handlers for others took a thirtieth of a cold start."""

    def register(self, event_name: str, handler: Callable[..., Any], *more: Any, **named: Any) -> None:
        """Register a handler, unless it is for a service that is not used, or for the manual."""
        event, _, whose = event_name.partition(".")
        if event != "docs" and whose.partition(".")[0] in {"", "*", *SERVICES.values()}:
            super().register(event_name, handler, *more, **named)


class _Loader(Loader):
    """Knows which services there are; botocore's own looks through the folders of all four hundred to find out."""

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 (botocore's)
        """Name them."""
        return list(SERVICES)

    def load_data_with_path(self, name: str) -> tuple[Any, str]:
        """Load a file; of ``endpoints``, a megabyte about every service, what holds for a region that is not in it.

        A client's URL comes from its service's own rules; they want the same partitions.
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
    return session.create_client(service, config=config.merge(named) if config else named)
