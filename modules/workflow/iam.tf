# A role of the user's needs the same; it is an output.
locals {
  role_arn = var.role == null ? one(aws_iam_role.this[*].arn) : var.role.arn

  # https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html
  executions_arn = replace(local.arn, ":stateMachine:", ":execution:")

  log_group_arn = "arn:${var.context.account.partition}:logs:${var.context.account.region}:${var.context.account.id}:log-group:${local.log_group_name}"
}

data "aws_iam_policy_document" "trust" {
  statement {
    sid     = "StepFunctionsRunsTheMachine"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["states.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.context.account.id]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [local.arn, "${local.arn}/${local.label}"] # the second one for the children
    }
  }
}

data "aws_iam_policy_document" "this" {
  statement {
    sid       = "InvokeFunctions"
    actions   = ["lambda:InvokeFunction"]
    resources = [var.batch_function.arn, var.requeue_function.arn, var.conclude_function.arn]
  }

  statement {
    sid       = "StartBatches"
    actions   = ["states:StartExecution"]
    resources = [local.arn]
  }

  # Under both names that AWS's page has had for the children.
  statement {
    sid       = "WatchAndStopBatches"
    actions   = ["states:DescribeExecution", "states:StopExecution"]
    resources = ["${local.executions_arn}:*", "${local.executions_arn}/${local.label}:*"]
  }

  statement {
    sid       = "RedriveBatches"
    actions   = ["states:RedriveExecution"]
    resources = ["${local.executions_arn}/${local.label}:*"]
  }

  statement {
    sid       = "Notify"
    actions   = ["sns:Publish"]
    resources = [var.topic.arn]
  }

  statement {
    sid = "DeliverLogs"
    actions = [
      "logs:CreateLogDelivery",
      "logs:DeleteLogDelivery",
      "logs:DescribeLogGroups",
      "logs:DescribeResourcePolicies",
      "logs:GetLogDelivery",
      "logs:ListLogDeliveries",
      "logs:PutResourcePolicy",
      "logs:UpdateLogDelivery",
    ]
    # CloudWatch's API for log delivery knows no resources: https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
    resources = ["*"]
  }

  dynamic "statement" {
    for_each = var.execution.tracing ? [true] : []

    content {
      sid = "WriteTraces"
      actions = [
        "xray:GetSamplingRules",
        "xray:GetSamplingTargets",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
      ]
      resources = ["*"] # these actions have no resource type
    }
  }

  dynamic "statement" {
    for_each = var.execution.kms_key_arn == null ? [] : [var.execution.kms_key_arn]

    content {
      sid       = "EncryptExecutions"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:EncryptionContext:aws:states:stateMachineArn"
        values   = [local.arn, "${local.arn}/${local.label}"]
      }
    }
  }

  # Log entries of an encrypted state machine travel encrypted too:
  # https://docs.aws.amazon.com/step-functions/latest/dg/encryption-at-rest.html
  dynamic "statement" {
    for_each = var.execution.kms_key_arn == null ? [] : [var.execution.kms_key_arn]

    content {
      sid       = "EncryptLogDelivery"
      actions   = ["kms:GenerateDataKey"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:EncryptionContext:SourceArn"
        values   = ["arn:${var.context.account.partition}:logs:${var.context.account.region}:${var.context.account.id}:*"]
      }
    }
  }

  dynamic "statement" {
    for_each = var.topic.kms_key_arn == null ? [] : [var.topic.kms_key_arn]

    content {
      sid       = "EncryptNotifications"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:EncryptionContext:aws:sns:topicArn"
        values   = [var.topic.arn]
      }
    }
  }
}

resource "aws_iam_role" "this" {
  count = var.role == null ? 1 : 0

  name                 = var.name
  description          = "Lets Step Functions run the state machine ${var.name}"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = var.execution.permissions_boundary_arn
  tags                 = var.context.tags
}

resource "aws_iam_role_policy" "this" {
  count = var.role == null ? 1 : 0

  name   = "work"
  role   = aws_iam_role.this[0].id
  policy = data.aws_iam_policy_document.this.json
}
