"""One embedded AWS for these tests and a place where its mails arrive."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator

import pytest

from local.processes import PATIENCE
from local.sinks import MailSink
from tests.local.emulated import Aws, allow, start


@pytest.fixture(scope="session")
def inbox() -> Iterator[MailSink]:
    with MailSink() as inbox:
        yield inbox


@pytest.fixture(scope="session")
def aws(inbox: MailSink, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    process, ready = start(tmp_path_factory.mktemp("aws"), inbox)
    aws = Aws(ready["url"], inbox)
    aws.iam.create_role(RoleName="function", AssumeRolePolicyDocument="{}")
    may = allow(["sqs:*", "states:StartExecution", "lambda:InvokeFunction", "events:PutEvents", "sns:Publish"], "*")
    aws.iam.put_role_policy(RoleName="function", PolicyName="all", PolicyDocument=json.dumps(may))
    yield aws
    process.send_signal(signal.SIGTERM)
    process.wait(PATIENCE)
