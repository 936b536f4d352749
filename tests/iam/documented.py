"""Calls that AWS documents and nothing on one machine makes, each with the page that says so.

They follow from what was recorded, from what is planned, or from an input: a function that reads an encrypted table
asks KMS as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tests.iam.calls import ACCOUNT, REGION, Call, call
from tests.iam.granted import Granted, arn_of_role
from tests.iam.representative import OPERATOR, VIEWER

ANYTHING = "*"

LOG_DELIVERY = (
    "CreateLogDelivery",
    "DeleteLogDelivery",
    "DescribeLogGroups",
    "DescribeResourcePolicies",
    "GetLogDelivery",
    "ListLogDeliveries",
    "PutResourcePolicy",
    "UpdateLogDelivery",
)
NETWORK = (
    "AssignPrivateIpAddresses",
    "CreateNetworkInterface",
    "DeleteNetworkInterface",
    "DescribeNetworkInterfaces",
    "DescribeSubnets",
    "UnassignPrivateIpAddresses",
)
RESOURCES_OF_EC2 = {
    "CreateNetworkInterface": ("subnet/subnet-1", "security-group/sg-1", "network-interface/*"),
    "DescribeNetworkInterfaces": (ANYTHING,),
    "DescribeSubnets": (ANYTHING,),
}


def always(recorded: Iterable[Call], prefix: str, alarms: Iterable[str]) -> Iterator[Call]:
    """Give what AWS does whatever the module's user sets."""
    run = arn_of_role(f"{prefix}-run")
    executions = f"arn:aws:states:{REGION}:{ACCOUNT}:execution:{prefix}-run"
    # https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html#cloudwatch-iam-policy
    yield from (call(run, f"logs:{action}", ANYTHING) for action in LOG_DELIVERY)
    # https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html: how the role of a Distributed
    # Map watches and stops its children, under both names that the page has had for them
    for action in ("DescribeExecution", "StopExecution"):
        yield call(run, f"states:{action}", f"{executions}:child")
        yield call(run, f"states:{action}", f"{executions}/batches:child")
    # the same page: where an operator redrives a failed run in the console, its children are redriven with the role
    yield call(run, "states:RedriveExecution", f"{executions}/batches:child")
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:{prefix}-notifications"
    for alarm in alarms:
        arn = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{alarm}"
        yield call("cloudwatch.amazonaws.com", "sns:Publish", topic, aws__SourceAccount=ACCOUNT, aws__SourceArn=arn)
    # what CloudWatch's console asks, for whoever looks at the dashboard's graphs, alarms and logs
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Dashboards.html
    groups = [each.resource.split(":")[6] for each in recorded if each.action == "logs:PutLogEvents"]
    for person in map(arn_of_role, (VIEWER, OPERATOR)):
        for action in ("DescribeAlarms", "GetMetricData", "ListDashboards"):
            yield call(person, f"cloudwatch:{action}", ANYTHING)
        for action in ("GetQueryResults", "StopQuery"):
            yield call(person, f"logs:{action}", ANYTHING)
        for group in groups:
            yield call(person, "logs:StartQuery", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}:log-stream:")


def of_tracing(granted: Granted, prefix: str) -> Iterator[Call]:
    """Give what X-Ray is sent, by Lambda and Step Functions with the roles of what they run.

    https://docs.aws.amazon.com/lambda/latest/dg/services-xray.html#services-xray-permissions and
    https://docs.aws.amazon.com/step-functions/latest/dg/xray-iam.html
    """
    for role in granted.trust:
        if not role.endswith("-schedule"):
            yield call(role, "xray:PutTraceSegments", ANYTHING)
            yield call(role, "xray:PutTelemetryRecords", ANYTHING)
    for action in ("GetSamplingRules", "GetSamplingTargets"):
        yield call(arn_of_role(f"{prefix}-run"), f"xray:{action}", ANYTHING)


def of_network(connected: Iterable[str]) -> Iterator[Call]:
    """Give what Lambda does, with a function's role, to connect the function to a VPC; without the function's ARN.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
    """
    for role in map(arn_of_role, connected):
        for action in NETWORK:
            for resource in RESOURCES_OF_EC2.get(action, ("network-interface/eni-1",)):
                arn = resource if resource == ANYTHING else f"arn:aws:ec2:{REGION}:{ACCOUNT}:{resource}"
                yield call(role, f"ec2:{action}", arn.replace("network-interface/*", "network-interface/eni-1"))


def of_key(recorded: Iterable[Call], granted: Granted, key: str, prefix: str, secrets: Iterable[str]) -> Iterator[Call]:
    """Give what KMS is asked, for everything that a key of the user's encrypts."""
    machine = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{prefix}-run"
    run = arn_of_role(f"{prefix}-run")
    for each in recorded:
        service, _, action = each.action.partition(":")
        via = f"{service}.{REGION}.amazonaws.com"
        if each.principal in granted.identity:
            match service:
                case (
                    "dynamodb"
                ):  # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
                    table = each.resource.rpartition("/")[2]
                    of = {"kms:EncryptionContext:aws:dynamodb:tableName": table}
                    yield _kms(each.principal, "Decrypt", key, via, of)
                case "sns":  # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
                    of = {"kms:EncryptionContext:aws:sns:topicArn": each.resource}
                    yield from (_kms(each.principal, does, key, via, of) for does in ("Decrypt", "GenerateDataKey"))
                case "sqs" if action in ("ReceiveMessage", "SendMessage"):
                    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
                    yield _kms(each.principal, "Decrypt", key, via, {})
                    if action == "SendMessage":
                        yield _kms(each.principal, "GenerateDataKey", key, via, {})
                case "states" if action == "DescribeExecution":
                    # https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html
                    yield _kms(each.principal, "Decrypt", key, via, {_MACHINE: machine})
        elif each.action == "sts:AssumeRole" and each.principal == "lambda.amazonaws.com":
            # https://docs.aws.amazon.com/lambda/latest/dg/security-encryption-at-rest.html
            arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{each.resource.rpartition('/')[2]}"
            of = {"kms:EncryptionContext:aws:lambda:FunctionArn": arn}
            yield _kms(each.resource, "Decrypt", key, f"lambda.{REGION}.amazonaws.com", of)
    # https://docs.aws.amazon.com/step-functions/latest/dg/encryption-at-rest.html
    for arn in (machine, f"{machine}/batches"):
        for action in ("Decrypt", "GenerateDataKey"):
            yield _kms(run, action, key, f"states.{REGION}.amazonaws.com", {_MACHINE: arn})
    logs = {"kms:EncryptionContext:SourceArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:*"}
    yield _kms(run, "GenerateDataKey", key, f"delivery.logs.{REGION}.amazonaws.com", logs)
    # https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
    for part in ("list-failed", "requeue-communication", "worker"):
        for secret in secrets:
            of = {"kms:EncryptionContext:SecretARN": secret}
            yield _kms(arn_of_role(f"{prefix}-{part}"), "Decrypt", key, f"secretsmanager.{REGION}.amazonaws.com", of)

    # services that use the key by its own policy:
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html and
    # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html#compatibility-with-aws-services
    for action in ("Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey", "ReEncryptFrom", "ReEncryptTo"):
        yield call(f"logs.{REGION}.amazonaws.com", f"kms:{action}", key)
    for action in ("Decrypt", "GenerateDataKey"):
        yield call("cloudwatch.amazonaws.com", f"kms:{action}", key)
        yield call("delivery.logs.amazonaws.com", f"kms:{action}", key)


_MACHINE = "kms:EncryptionContext:aws:states:stateMachineArn"


def _kms(role: str, action: str, key: str, via: str, context: dict[str, str]) -> Call:
    return Call(role, f"kms:{action}", key, tuple(sorted((context | {"kms:ViaService": via}).items())))


def of_signed_requests(roles: Iterable[str], resource: str) -> Iterator[Call]:
    """Give what is asked where the API is behind IAM.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-control-access-using-iam-policies-to-invoke-api.html
    and https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
    """
    for role in map(arn_of_role, roles):
        if ":execute-api:" in resource:
            yield call(role, "execute-api:Invoke", resource)
        else:
            yield call(role, "lambda:InvokeFunctionUrl", resource, lambda__FunctionUrlAuthType="AWS_IAM")
            yield call(role, "lambda:InvokeFunction", resource, lambda__InvokedViaFunctionUrl="true")
