"""AWS's clients, by botocore alone and over one session: a cold start pays for nothing else of boto3."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import botocore
from botocore.config import Config
from botocore.loaders import Loader

if TYPE_CHECKING:
    from collections.abc import Callable


class _Undocumented(str):
    """Stands for the documentation of a client's method, and says nothing."""

    def __new__(cls, *_: object, **__: object) -> _Undocumented:
        return super().__new__(cls)


@contextmanager
def _without_documentation() -> Iterator[None]:
    """Import botocore without what writes its manual, a thirtieth of a cold start: nobody asks a function for help().

    Whatever a version of botocore imports from ``botocore.docs.docstring``, it gets something.
    """
    package, docstring = ModuleType("botocore.docs"), ModuleType("botocore.docs.docstring")
    package.__path__ = [str(Path(botocore.__file__).parent / "docs")]
    docstring.__getattr__ = lambda name: _Undocumented  # type: ignore[method-assign]  # noqa: ARG005 (PEP 562)
    put = {module.__name__: module for module in (package, docstring) if module.__name__ not in sys.modules}
    sys.modules |= put
    try:
        yield
    finally:
        for name in put:
            del sys.modules[name]


with _without_documentation():
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
