"""Try the planned settings against the API, from this machine, before anything is deployed.

It reads at most three pages of each source and sends nothing. Needed is a plan of your own configuration, in JSON:

    terraform plan -out=plan && terraform show -json plan > plan.json

Neither an AWS account nor Secrets Manager is asked. Credentials are read from environment variables, and never shown:

    REDRIVE_CHECK_SECRET     what the secret of api.auth.secret_arn holds, such as a token or {"client_id": "…", …}
    REDRIVE_CHECK_CA_BUNDLE  what the secret of api.ca_bundle_secret_arn holds: certificates in PEM

Only api.auth.type aws_iam signs with AWS credentials: those of AWS_ACCESS_KEY_ID, AWS_PROFILE and so on.

Ends with 0 if nothing was found, 1 for traps, 2 if something could not be tried or was asked for wrongly; with
--strict also where requeue was not checked, or a source lists nothing now.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.check.planned import Instance, NotUsable, read_plan
from local.check.report import show, show_request
from local.terminal import paint, say
from redrive.auth import SECRET_FIELDS
from redrive.check import check
from redrive.errors import ConfigurationError
from redrive.secrets import Secrets
from redrive.settings import CheckSettings

SECRET, CA_BUNDLE = "REDRIVE_CHECK_SECRET", "REDRIVE_CHECK_CA_BUNDLE"
LONGEST_SECONDS = 300.0
"""A check of many slow sources ends all the same."""


class GivenSecrets(Secrets):
    """Secrets from environment variables, instead of Secrets Manager.

    Attributes
    ----------
    variables
        By ARN, the environment variable that holds the secret, and the setting that names the ARN.
    """

    def __init__(self, variables: Mapping[str, tuple[str, str]]) -> None:
        super().__init__()
        self.variables = variables

    def text(self, arn: str, *, fresh: bool = False) -> str:  # noqa: ARG002 (there is no other)
        """Give a secret's text; raises ``ConfigurationError`` where its variable is not set."""
        variable, setting = self.variables[arn]
        if value := os.environ.get(variable, "").strip():
            return value
        raise ConfigurationError(f"{setting}: set the environment variable {variable} to what this secret holds")

    def named(self, arn: str) -> str:
        """Give what a secret is called in errors: here, its variable."""
        return f"the environment variable {self.variables[arn][0]}"


def main() -> int:
    """Check; give the exit code."""
    asked = _arguments()
    try:
        instance = _chosen(read_plan(_text(asked.plan)), asked.module)
        settings = CheckSettings.from_environment(instance.settings(show_sensitive=asked.show_sensitive))
        settings = _narrowed(settings, asked.source)
        say(f"{paint(instance.name, 'bold')} against {settings.api.base_url}", indent="")
        found = _check(settings)
    except (NotUsable, ConfigurationError) as error:
        say(f"{paint('This could not be tried.', 'red')}\n{error}", indent="")
        return 2
    except KeyboardInterrupt:
        say("\nInterrupted.", indent="")
        return 130
    show(found)
    return _conclude(found, instance, is_strict=asked.strict)


def _conclude(found: dict[str, Any], instance: Instance, *, is_strict: bool) -> int:
    """Say how it went; give the exit code."""
    untried = [name for name, source in found["sources"].items() if not source["tried"]]
    empty = [name for name, source in found["sources"].items() if source["tried"] and not source["items"]]
    is_unchecked = any(each["reachable"] not in ("yes", "no") for each in found["requeue"])
    say()
    if untried:
        say(f"Could not be tried: {', '.join(untried)}.", indent="")
        if instance.in_vpc:
            say(
                'The functions will run in a VPC, which this machine may not reach: apply with mode = "report", and '
                'invoke list-failed with {"check": true}.',
                indent="",
            )
    number = found["traps"]
    text = "Nothing was found." if not number else f"{number} trap{'s' if number > 1 else ''}."
    text += " Requeue was not checked: see above." if is_unchecked else ""
    text += f" Nothing is listed now: {', '.join(empty)}." if empty else ""
    is_incomplete = bool(untried or (is_strict and (is_unchecked or empty)))
    say(paint(text, "green" if not (number or is_incomplete) else "yellow"), indent="")
    return 2 if is_incomplete else 1 if number else 0


def _check(settings: CheckSettings) -> dict[str, Any]:
    api_settings = settings.api
    arns = {
        api_settings.auth.secret_arn: (SECRET, "api.auth.secret_arn"),
        api_settings.ca_bundle_secret_arn: (CA_BUNDLE, "api.ca_bundle_secret_arn"),
    }
    secrets = GivenSecrets({arn: variable for arn, variable in arns.items() if arn})
    for arn in secrets.variables:
        secrets.text(arn)  # before anything is asked
    auth = api_settings.auth
    if auth.secret_arn and auth.type in SECRET_FIELDS:
        secrets.fields(auth.secret_arn, SECRET_FIELDS[auth.type])
    found = check(settings, secrets, LONGEST_SECONDS, show_request)
    for trap in (trap for source in found["sources"].values() for trap in source["traps"]):
        if trap["line"] == "api.auth.secret_arn = …":
            trap["trap"] += f"; so it answers to what {SECRET} holds"
            trap["line"] = f"{SECRET}='…', or api.auth where the credentials are right"
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m local.check", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("plan", help="the plan in JSON, or - for standard input")
    parser.add_argument("--module", metavar="ADDRESS", help="which instance, where the plan has several")
    parser.add_argument("--source", action="append", metavar="NAME", help="this source alone; may come several times")
    parser.add_argument("--strict", action="store_true", help="fail also where something could not be checked")
    parser.add_argument("--show-sensitive", action="store_true", help="use and show what the plan marks sensitive")
    return parser.parse_args()


def _text(plan: str) -> str:
    if plan == "-":
        return sys.stdin.read()
    try:
        return Path(plan).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "a plan as Terraform keeps it, not in JSON"
        raise NotUsable(f"{plan}: {why}; write it with: terraform show -json plan > plan.json") from None


def _chosen(instances: list[Instance], address: str | None) -> Instance:
    """Give the instance that is meant; raises ``NotUsable`` with the list of them where that is not clear."""
    found = [instance for instance in instances if address is None or instance.address == address]
    if len(found) == 1:
        return found[0]
    lines = [f"  --module '{instance.address}'" for instance in instances]
    why = "several instances of the module are in this plan" if address is None else f"there is no {address}"
    raise NotUsable("\n".join([f"{why}; choose one:", *lines]))


def _narrowed(settings: CheckSettings, names: list[str] | None) -> CheckSettings:
    if unknown := sorted(set(names or ()) - settings.sources.keys()):
        raise NotUsable(f"no enabled source {unknown[0]!r}; there are {', '.join(settings.sources)}")
    return settings._replace(sources={name: settings.sources[name] for name in names or settings.sources})


if __name__ == "__main__":
    sys.exit(main())
