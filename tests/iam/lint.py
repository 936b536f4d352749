"""Reads policies from stdin and writes what parliament finds in each; run in an environment of its own."""

import json
import sys

import parliament

found = []
for document in json.load(sys.stdin):
    findings = parliament.analyze_policy_string(json.dumps(document)).findings
    found.append([f"{finding.issue}: {finding.detail}" for finding in findings])
json.dump(found, sys.stdout)
