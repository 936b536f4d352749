"""AWS's clients, by botocore alone and over one session: a cold start pays for nothing else of boto3."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import botocore.session
from botocore.loaders import Loader

if TYPE_CHECKING:
    from botocore.config import Config
    from botocore.session import Session

SERVICES = ["dynamodb", "lambda", "secretsmanager", "sns", "sqs", "stepfunctions"]
"""What the functions talk to."""


class _Loader(Loader):
    """Knows which services there are; botocore's own looks through the folders of all four hundred to find out."""

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 (botocore's)
        """Name them."""
        return SERVICES


@cache
def _session() -> Session:
    session = botocore.session.get_session()
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
    return _session().create_client(service, config=config)
