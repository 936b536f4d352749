"""``python -m local.check`` tries exactly what is planned, from a machine that knows no AWS."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from tests.plan.configurations import call, configuration
from tests.plan.conftest import ROOT, initialised
from tests.plan.planned import Plan

MINIMAL = "module.minimal.module.communications_redrive"
PLANNED = {MINIMAL: "https://app.example.com/api", "module.weekly": "https://app.example.com"}
"""What is planned to be called, by instance."""


class Application:
    """An API that lists what failed, and takes a requeue."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.listed: list[dict[str, Any]] = [{"id": number} for number in range(5)]
        self.headers: dict[str, str] = {}
        self.token = ""
        self.requeue_is_silent = False
        self.url = ""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        request = Request(environ)
        self.requests.append(request)
        return self.answer(request)(environ, start_response)

    def answer(self, request: Request) -> Response:
        """Answer as an application does that routes by path and method."""
        if request.headers.get("X-Api-Key", "") != self.token:
            return Response(status=401)
        methods = {"emails": "GET", "requeue": "POST"}.get(request.path.rpartition("/")[2])
        if methods is None:
            return Response(status=404)
        if self.requeue_is_silent and request.method == "OPTIONS":
            return Response(status=501)
        if request.method not in methods:
            return Response(status=405, headers={"Allow": methods})
        shown = self.listed if "status" in request.args else [*self.listed, {"id": "sent"}]
        return Response(json.dumps(shown), content_type="application/json", headers=self.headers)


@pytest.fixture
def application() -> Iterator[Application]:
    made = Application()
    server = make_server("127.0.0.1", 0, made, threaded=True)
    made.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()


Check = Callable[..., tuple[int, str]]


@pytest.fixture
def check(plan: Plan, application: Application, tmp_path: Path) -> Check:
    """Check an instance of the plan, whose API is the application's; give the exit code and what was printed."""

    def checking(*arguments: str, change: Callable[[dict[str, Any]], None] | None = None, **secrets: str) -> Any:
        text = json.dumps(plan.shown)
        for url in sorted(PLANNED.values(), key=len, reverse=True):
            text = text.replace(f'\\"{url}\\"', f'\\"{application.url}{url.removeprefix("https://app.example.com")}\\"')
        shown = json.loads(text)
        if change:
            change(shown)
        file = tmp_path / "plan.json"
        file.write_text(json.dumps(shown))
        return tried(str(file), *arguments, **secrets)

    return checking


def tried(*arguments: str, **secrets: str) -> tuple[int, str]:
    """Check as a person does; give the exit code and what was printed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "REDRIVE_"))}
    environment = kept | secrets | {"NO_PROXY": "127.0.0.1", "AWS_EC2_METADATA_DISABLED": "true"}
    command = [sys.executable, "-m", "local.check", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout + done.stderr


def lister(shown: dict[str, Any], instance: str) -> dict[str, Any]:
    """The planned change of the function that lists."""
    (found,) = (
        each["change"]
        for each in shown["resource_changes"]
        if each.get("module_address") == f"{instance}.module.list_failed[0]" and each["type"] == "aws_lambda_function"
    )
    change: dict[str, Any] = found
    return change


def test_the_planned_settings_are_tried_and_nothing_is_found(check: Check, application: Application) -> None:
    code, printed = check("--module", MINIMAL)
    assert code == 0, printed
    assert "5 items on 1 page: 0, 1, 2, …" in printed
    assert "/communications/requeue: reachable" in printed
    assert "Nothing was found." in printed
    first = application.requests[0]
    assert (first.method, first.path, first.query_string) == ("GET", "/api/emails", b"status=failed")
    assert {request.method for request in application.requests} == {"GET", "OPTIONS"}


def test_traps_are_printed_with_the_line_to_change(check: Check, application: Application) -> None:
    application.headers["Link"] = "</api/emails?page=2>; rel=next"
    code, printed = check("--module", MINIMAL)
    assert code == 1
    assert "TRAP" in printed
    assert 'sources.email.pagination.style = "link_header"' in printed
    assert "1 trap." in printed


def test_credentials_come_from_the_environment_and_are_not_shown(check: Check, application: Application) -> None:
    application.token = "s3cr3t"
    code, printed = check("--module", "module.weekly")
    assert code == 2
    assert "api.auth.secret_arn: set the environment variable REDRIVE_CHECK_SECRET" in printed
    assert application.requests == []
    code, printed = check("--module", "module.weekly", REDRIVE_CHECK_SECRET='{"api_key": "s3cr3t"}')
    assert code == 0, printed
    assert "s3cr3t" not in printed
    code, printed = check("--module", "module.weekly", REDRIVE_CHECK_SECRET="wr0ng")
    assert code == 1
    assert "HTTP 401 Unauthorized; so it answers to what REDRIVE_CHECK_SECRET holds" in printed
    assert "REDRIVE_CHECK_SECRET='…'" in printed
    assert "wr0ng" not in printed


@pytest.mark.parametrize("secret", ['{"token": "s3cr3t"}', '{"api_key": ["s3cr3t"]}', "s3cr3t\u00fc", '{"s3cr3t'])
def test_credentials_of_another_form_are_said_to_be_and_nothing_is_asked(
    check: Check, application: Application, secret: str
) -> None:
    code, printed = check("--module", "module.weekly", REDRIVE_CHECK_SECRET=secret)
    assert code == 2
    assert 'the environment variable REDRIVE_CHECK_SECRET: must be JSON such as {"api_key": "…"} or the bare text' in (
        " ".join(printed.split())
    )
    assert "s3cr3t" not in printed
    assert application.requests == []


def test_strict_means_that_everything_was_checked(check: Check, application: Application) -> None:
    assert check("--module", MINIMAL, "--strict")[0] == 0
    application.listed = []
    code, printed = check("--module", MINIMAL)
    assert (code, "Nothing is listed now: email." in printed) == (0, True)
    assert check("--module", MINIMAL, "--strict")[0] == 2
    application.listed = [{"id": 1}]
    application.requeue_is_silent = True
    code, printed = check("--module", MINIMAL)
    assert (code, "Requeue was not checked" in printed) == (0, True)
    assert check("--module", MINIMAL, "--strict")[0] == 2


def planned_offline(endpoint: str, calls: dict[str, Any], fails: int = 0) -> str:
    """Plan as the document says for who has no AWS; ``fails`` is how `terraform test` must end.

    Nobody is asked: at the endpoint nothing listens, there are no credentials, and the state is elsewhere.
    """
    wanted = configuration(calls)
    with initialised(wanted, endpoint) as runner:
        wanted["terraform"] = {"backend": {"s3": {"bucket": "state", "key": "redrive", "region": "eu-west-1"}}}
        (Path(runner.module_dir) / "main.tf.json").write_text(json.dumps(wanted))
        shutil.copy(ROOT / "local" / "check" / "offline.tftest.hcl", runner.module_dir)
        environment = {name: value for name, value in runner.variables.items() if not name.startswith("AWS_")}
        environment |= {"TF_DATA_DIR": f"{runner.work_dir}-offline", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
        test = ["test", "-filter=offline.tftest.hcl", "-json", "-verbose"]
        for arguments, ends in ((["init", "-backend=false"], 0), (test, fails)):
            command = [runner.tf_bin, *arguments]
            done = subprocess.run(
                command, cwd=runner.module_dir, env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == ends, done.stdout[-2000:] + done.stderr
    return done.stdout


def test_a_plan_may_be_made_without_aws(endpoint: str, application: Application, tmp_path: Path) -> None:
    file = tmp_path / "offline.json"
    file.write_text(planned_offline(endpoint, {"redrive": call("redrive", api={"base_url": application.url})}))
    code, printed = tried(str(file))
    assert code == 0, printed
    assert "module.redrive against http://127.0.0.1" in printed
    assert "/emails" in {request.path for request in application.requests}


def test_what_a_plan_only_warns_of_is_told_where_it_leaves_no_plan(endpoint: str, tmp_path: Path) -> None:
    file = tmp_path / "offline.json"
    calls = {
        "hourly": call("hourly", max_requests_per_second=3),
        "monthly": call("monthly", max_requests_per_second=0.001, schedule={"expression": "rate(30 days)"}),
    }
    file.write_text(planned_offline(endpoint, calls, fails=1))
    code, printed = tried(str(file))
    assert code == 2
    assert "takes 61 minutes at max_requests_per_second (3)" in printed
    assert "takes 175441 minutes at max_requests_per_second (0.001)" in printed
    assert "terraform plan only warns of this, and terraform test then writes no plan: mend it first." in printed


def test_an_api_that_is_not_there_could_not_be_tried(check: Check, application: Application) -> None:
    def nowhere(shown: dict[str, Any]) -> None:
        variables = lister(shown, MINIMAL)["after"]["environment"][0]["variables"]
        variables["REDRIVE_API"] = json.dumps({"base_url": "http://127.0.0.1:1"})
        lister(shown, MINIMAL)["after"]["vpc_config"] = [{"subnet_ids": ["subnet-1"]}]

    code, printed = check("--module", MINIMAL, change=nowhere)
    assert code == 2
    assert "Could not be tried: email." in printed
    assert "in a VPC" in printed


def test_of_several_instances_one_must_be_chosen(check: Check, application: Application) -> None:
    code, printed = check()
    assert code == 2
    for address in (MINIMAL, 'module.twins["castor"]', 'module.twins["pollux"]', "module.same_apply"):
        assert f"--module '{address}'" in printed
    assert "delivery_queue" not in printed  # the queue alone lists nothing
    code, printed = check("--module", "module.minimal")
    assert code == 2
    assert "there is no module.minimal; choose one:" in printed
    assert application.requests == []


def test_the_only_instance_is_taken(check: Check) -> None:
    def alone(shown: dict[str, Any]) -> None:
        shown["resource_changes"] = [
            each for each in shown["resource_changes"] if each.get("module_address", "").startswith(MINIMAL)
        ]

    assert check(change=alone)[0] == 0


def test_the_module_planned_by_itself_is_an_instance_without_an_address(check: Check) -> None:
    def itself(shown: dict[str, Any]) -> None:
        shown["resource_changes"] = [
            each | {"module_address": each["module_address"].removeprefix(f"{MINIMAL}.")}
            for each in shown["resource_changes"]
            if each.get("module_address", "").startswith(f"{MINIMAL}.")
        ]

    code, printed = check(change=itself)
    assert code == 0, printed
    assert printed.startswith("the module itself against http://127.0.0.1:")


def test_one_source_alone_may_be_tried(check: Check, application: Application) -> None:
    code, printed = check("--module", MINIMAL, "--source", "fax")
    assert code == 2
    assert "no enabled source 'fax'; there are email" in printed
    assert check("--module", MINIMAL, "--source", "email")[0] == 0


def test_what_is_known_after_the_apply_only_is_said_with_what_to_do(check: Check, application: Application) -> None:
    code, printed = check("--module", "module.same_apply")
    assert code == 2
    assert "something in the input 'api' is known only after the apply" in printed
    assert "aws_secretsmanager_secret.api.arn" in printed
    assert "a value written out" in printed


def test_what_is_sensitive_is_shown_only_where_that_is_allowed(check: Check, application: Application) -> None:
    def hide(shown: dict[str, Any]) -> None:
        # as Terraform marks what is made of a sensitive value
        lister(shown, MINIMAL)["after_sensitive"]["environment"] = [{"variables": {"REDRIVE_SOURCES": True}}]

    code, printed = check("--module", MINIMAL, change=hide)
    assert code == 2
    assert "something in the input 'sources' is marked sensitive" in printed
    assert "--show-sensitive" in printed
    assert application.requests == []
    assert check("--module", MINIMAL, "--show-sensitive", change=hide)[0] == 0


def test_the_certificates_of_a_private_authority_come_from_the_environment(check: Check) -> None:
    def private(shown: dict[str, Any]) -> None:
        variables = lister(shown, MINIMAL)["after"]["environment"][0]["variables"]
        variables["REDRIVE_API"] = json.dumps(json.loads(variables["REDRIVE_API"]) | {"ca_bundle_secret_arn": "arn"})

    code, printed = check("--module", MINIMAL, change=private)
    assert code == 2
    assert "api.ca_bundle_secret_arn: set the environment variable REDRIVE_CHECK_CA_BUNDLE" in printed
    code, printed = check("--module", MINIMAL, change=private, REDRIVE_CHECK_CA_BUNDLE="no certificate")
    assert code == 2
    assert "must hold certificates in PEM" in printed


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not JSON"),
        ("[]", "not Terraform's JSON"),
        ('{"format_version": "1.0", "values": {}}', "a state; name the plan's file"),
        ('{"format_version": "1.2", "resource_changes": []}', "no instance of the module is in this plan"),
        ('{"format_version": "1.2", "errored": true, "resource_changes": []}', "this plan broke off"),
        ('{"type": "version"}\n{"type": "test_summary"}', "terraform test has written no plan"),
        (
            '{"type": "version"}\n{"@level": "error", "diagnostic": {"summary": "No", "detail": "such path"}}',
            "terraform test said:\nNo: such path",
        ),
    ],
)
def test_what_is_no_plan_is_said_to_be_none(tmp_path: Path, text: str, words: str) -> None:
    command = [sys.executable, "-m", "local.check", "-"]
    done = subprocess.run(command, cwd=ROOT, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert words in done.stdout
    assert "terraform show -json" in done.stdout or "resource_changes" in text or "type" in text
