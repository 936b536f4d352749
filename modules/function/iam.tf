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

  dynamic "statement" {
    for_each = var.vpc == null ? [] : [var.vpc]

    content {
      sid     = "CreateNetworkInterfaces"
      actions = ["ec2:CreateNetworkInterface"]
      resources = concat(
        ["arn:${var.context.account.partition}:ec2:${var.context.account.region}:${var.context.account.id}:network-interface/*"],
        # any account: the subnets of a shared VPC belong to the account that shares them
        [for id in statement.value.subnet_ids : "arn:${var.context.account.partition}:ec2:${var.context.account.region}:*:subnet/${id}"],
        [for id in statement.value.security_group_ids : "arn:${var.context.account.partition}:ec2:${var.context.account.region}:*:security-group/${id}"],
      )
    }
  }

  dynamic "statement" {
    for_each = var.vpc == null ? [] : [var.vpc]

    content {
      sid = "ReleaseNetworkInterfaces"
      actions = [
        "ec2:AssignPrivateIpAddresses",
        "ec2:DeleteNetworkInterface",
        "ec2:UnassignPrivateIpAddresses",
      ]
      # Lambda chooses the interfaces, and checks for these actions before there is one to name.
      resources = ["arn:${var.context.account.partition}:ec2:${var.context.account.region}:${var.context.account.id}:*/*"]
    }
  }

  dynamic "statement" {
    for_each = var.vpc == null ? [] : [var.vpc]

    content {
      sid = "DescribeNetwork"
      actions = [
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "ec2:DescribeVpcs",
      ]
      resources = ["*"] # these actions have no resource type
    }
  }
}

resource "aws_iam_role" "this" {
  name                 = var.name
  description          = "Lets the Lambda function ${var.name} do its work"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = var.execution.permissions_boundary_arn
  tags                 = var.context.tags
}

resource "aws_iam_role_policy" "this" {
  name   = "work"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.this.json
}
