"""Composite alarms, which moto describes and deletes, but does not make.

Source: CloudWatch API reference, PutCompositeAlarm. Nothing evaluates them here, as nothing evaluates moto's alarms.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from moto.cloudwatch.models import cloudwatch_backends
from werkzeug.wrappers import Request, Response

from local.aws.protocol import ACCOUNT, parameters, region

OPERATION = "PutCompositeAlarm"
ATTRIBUTES = {
    "AlarmRule": "alarm_rule",
    "ActionsSuppressor": "actions_suppressor",
    "ActionsSuppressorWaitPeriod": "actions_suppressor_wait_period",
    "ActionsSuppressorExtensionPeriod": "actions_suppressor_extension_period",
}
"""What moto describes, as its objects are to call it."""


def put_composite(request: Request, pass_on: Callable[[bytes], Response]) -> Response:
    """Let moto make an alarm with a rule, and add what it knows nothing of."""
    form = parameters(request)
    response = pass_on(urlencode(form | {"Action": "PutMetricAlarm"}).encode())
    alarm = cloudwatch_backends[ACCOUNT][region(request)].alarms[form["AlarmName"]]
    alarm.rule = form["AlarmRule"]
    for name, attribute in ATTRIBUTES.items():
        if name in form:
            setattr(alarm, attribute, int(form[name]) if name.endswith("Period") else form[name])
    return response
