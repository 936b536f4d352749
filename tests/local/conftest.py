"""One embedded AWS for these tests and a place where its mails arrive."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator

import pytest

from tests.local.emulated import Aws, Inbox, allow, start


@pytest.fixture(scope="session")
def inbox() -> Iterator[Inbox]:
    inbox = Inbox()
    inbox.controller.start()
    yield inbox
    inbox.controller.stop()


@pytest.fixture(scope="session")
def aws(inbox: Inbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    process, ready = start(tmp_path_factory.mktemp("aws"), "--smtp", inbox.address)
    aws = Aws(process, ready["url"], inbox)
    aws.iam.create_role(RoleName="function", AssumeRolePolicyDocument="{}")
    may = allow(["sqs:*", "states:StartExecution", "lambda:InvokeFunction", "events:PutEvents", "sns:Publish"], "*")
    aws.iam.put_role_policy(RoleName="function", PolicyName="all", PolicyDocument=json.dumps(may))
    yield aws
    process.send_signal(signal.SIGTERM)
    process.wait(10)
