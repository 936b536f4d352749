"""The module uses nothing that version 6 of AWS's provider lacks or deprecates; all other plans may be of version 5."""

from __future__ import annotations

import hcl2
import pytest

from tests.plan.conftest import ROOT
from tests.plan.provider_6 import Provider, Unknown, Use, provider, uses

FILES = sorted([*ROOT.glob("*.tf"), *ROOT.glob("modules/*/*.tf"), *ROOT.glob("examples/*/*.tf")])

DEPRECATED = """
resource "aws_dynamodb_table" "this" {
  name = data.aws_region.current.id
  global_secondary_index {
    name     = data.aws_region.current.name
    hash_key = "pk"
  }
}
"""
MISSPELT = """
resource "aws_dynamodb_table" "this" {
  hash_kee = aws_sqs_queue.this.urn
  dynamic "server_side_encryption" {
    for_each = []
    content {
      key = ""
    }
  }
  lifecycle {
    prevent_destroy = true
  }
}
"""


@pytest.fixture(scope="module")
def provider_6() -> Provider:
    return provider()


@pytest.fixture(scope="module")
def used() -> list[Use]:
    """What the module and its examples use: more than twenty types."""
    found = uses([file.read_text() for file in FILES])
    assert len(found) > 20
    return found


def test_provider_6_knows_every_argument_and_attribute(used: list[Use], provider_6: Provider):
    assert provider_6.version.startswith("6.")
    assert [line for use in used for line in provider_6.unknown(use)] == []


def test_provider_6_deprecates_no_argument_and_no_attribute(used: list[Use], provider_6: Provider):
    assert [line for use in used for line in provider_6.deprecated(use)] == []


def test_what_provider_6_deprecates_and_does_not_know_is_found(provider_6: Provider):
    deprecated = [line for use in uses([DEPRECATED]) for line in provider_6.deprecated(use)]
    assert [line.rpartition(": ")[0] for line in deprecated] == [
        "data.aws_region: id",
        "data.aws_region: name",
        "aws_dynamodb_table: global_secondary_index.hash_key",
    ]
    assert [line for use in uses([MISSPELT]) for line in provider_6.unknown(use)] == [
        "aws_dynamodb_table: hash_kee",
        "aws_dynamodb_table: server_side_encryption.key",
        "aws_sqs_queue.….urn",
    ]
    with pytest.raises(Unknown):
        provider_6.unknown(Use("resource", "aws_dynamo_table", frozenset(), frozenset()))


def test_every_module_allows_the_same_versions():
    """A submodule that allowed more, or less, than the module would surprise whoever uses it alone."""
    allowed = {}
    for file in [*(file for file in FILES if file.name == "versions.tf"), ROOT / "local/deployment/versions.tf"]:
        [terraform] = hcl2.loads(file.read_text())["terraform"]
        of_aws = [each["aws"]["version"] for each in terraform.get("required_providers", ())]
        allowed[file.relative_to(ROOT).as_posix()] = terraform["required_version"], *of_aws
    assert {versions[1:] for versions in allowed.values()} <= {('">= 5.100, < 7"',), ()}, allowed
    assert {versions[0] for versions in allowed.values()} == {'">= 1.9"'}, allowed
