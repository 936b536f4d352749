locals {
  network_actions = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
  ]
}

data "aws_iam_policy_document" "trust" {
  statement {
    sid     = "LambdaRunsTheFunction"
    actions = ["sts:AssumeRole"]

    # No aws:SourceAccount or aws:SourceArn here: Lambda does not promise to send them when it assumes an execution
    # role. Another account cannot hand this role to its own function, as iam:PassRole does not cross accounts.
    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "this" {
  source_policy_documents = var.policy_documents

  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${local.log_group_arn}:*"]
  }

  dynamic "statement" {
    for_each = var.execution.tracing ? [true] : []

    content {
      sid       = "WriteTraces"
      actions   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
      resources = ["*"] # these actions have no resource type
    }
  }

  dynamic "statement" {
    for_each = var.asynchronous == null ? [] : [var.asynchronous]

    content {
      sid       = "ReportAsynchronousFailures"
      actions   = ["lambda:InvokeFunction"]
      resources = [statement.value.failure_function_arn]
    }
  }

  dynamic "statement" {
    for_each = var.execution.kms_key_arn == null ? [] : [var.execution.kms_key_arn]

    content {
      sid       = "DecryptEnvironment"
      actions   = ["kms:Decrypt"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:EncryptionContext:aws:lambda:FunctionArn"
        values   = [local.arn]
      }
    }
  }

  # What AWS's managed policy AWSLambdaVPCAccessExecutionRole allows, without its logs. Lambda looks for these before there
  # is an interface to name: https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSLambdaVPCAccessExecutionRole.html
  dynamic "statement" {
    for_each = var.vpc == null ? [] : [true]

    content {
      sid       = "ConnectToTheNetwork"
      actions   = local.network_actions
      resources = ["*"]
    }
  }

  # Lambda needs them, the function's code does not:
  # https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
  dynamic "statement" {
    for_each = var.vpc == null ? [] : [true]

    content {
      sid       = "KeepTheNetworkFromTheCode"
      effect    = "Deny"
      actions   = concat(local.network_actions, ["ec2:DetachNetworkInterface"])
      resources = ["*"]

      condition {
        test     = "ArnEquals"
        variable = "lambda:SourceFunctionArn"
        values   = [local.arn]
      }
    }
  }
}

resource "aws_iam_role" "this" {
  count = var.lambda.role == null ? 1 : 0

  name                 = var.name
  description          = "Lets the Lambda function ${var.name} do its work"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = var.execution.permissions_boundary_arn
  tags                 = var.context.tags
}

resource "aws_iam_role_policy" "this" {
  count = var.lambda.role == null ? 1 : 0

  name   = "work"
  role   = aws_iam_role.this[0].id
  policy = data.aws_iam_policy_document.this.json
}
