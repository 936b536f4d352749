"""One embedded AWS for these tests and a place where its mails arrive."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from local.processes import serving
from local.sinks import MailSink
from tests.local.emulated import Aws, allow


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    with MailSink() as inbox:
        smtp = "{}:{}".format(*inbox.address)
        with serving("local.aws", ["--smtp", smtp], tmp_path_factory.mktemp("aws")) as ready:
            aws = Aws(ready["url"], inbox)
            aws.iam.create_role(RoleName="function", AssumeRolePolicyDocument="{}")
            may = allow(["sqs:*", "states:StartExecution", "lambda:InvokeFunction", "sns:Publish"], "*")
            aws.iam.put_role_policy(RoleName="function", PolicyName="all", PolicyDocument=json.dumps(may))
            yield aws
