"""How a state machine's tasks ask Lambda and SNS: with the machine's role, where moto has keys that may do everything.

moto also makes a new client with every task, in many threads: that is not safe, and takes longer than the task.
"""

from __future__ import annotations

import threading
from typing import Any

import boto3
from botocore.config import Config
from moto.settings import moto_server_port
from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import TimeoutSeconds
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.exec.state_task.credentials import StateCredentials
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_sns

from local.aws import permissions

CONFIG = Config(
    parameter_validation=False,
    retries={"total_max_attempts": 1},
    connect_timeout=TimeoutSeconds.DEFAULT_TIMEOUT_SECONDS,
    read_timeout=TimeoutSeconds.DEFAULT_TIMEOUT_SECONDS,
)

_clients: dict[tuple[str, str, str], Any] = {}
_making = threading.Lock()


def client(region: str, service: str, state_credentials: StateCredentials) -> Any:
    """Give the client of a role, which is made once."""
    role = state_credentials.role_arn
    with _making:
        if (region, service, role) not in _clients:
            session = permissions.assumed(role, "task")
            _clients[region, service, role] = boto3.client(  # type: ignore[call-overload]
                service,
                endpoint_url=f"http://localhost:{moto_server_port()}",
                region_name=region,
                aws_access_key_id=session.access_key_id,
                aws_secret_access_key=session.secret_access_key,
                aws_session_token=session.session_token,
                config=CONFIG,
            )
        return _clients[region, service, role]


def use() -> None:
    """Have moto's executor ask here for its clients."""
    for module in (lambda_eval_utils, state_task_service_sns):
        module.boto_client_for = client  # type: ignore[attr-defined]
