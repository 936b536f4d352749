# What the functions may do beyond what every function may: documents only, each attached by its submodule.

data "aws_iam_policy_document" "start_runs" {
  statement {
    sid       = "StartRuns"
    actions   = ["states:StartExecution"]
    resources = [local.state_machine_arn]
  }

  statement {
    sid       = "ConcludeWhatNoEventReported"
    actions   = ["lambda:InvokeFunction"]
    resources = var.create ? [module.conclude[0].arn] : []
  }
}

data "aws_iam_policy_document" "see_runs" {
  statement {
    sid       = "SeeRuns"
    actions   = ["states:DescribeExecution"]
    resources = ["${replace(local.state_machine_arn, ":stateMachine:", ":execution:")}:*"]
  }

  # Whoever describes an execution that is encrypted must be able to decrypt it:
  # https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html
  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      sid       = "DecryptRuns"
      actions   = ["kms:Decrypt"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:EncryptionContext:aws:states:stateMachineArn"
        values   = [local.state_machine_arn]
      }
    }
  }
}

# For runs that ended otherwise; of the others the state machine publishes the digest.
data "aws_iam_policy_document" "send_digests" {
  statement {
    sid       = "SendDigests"
    actions   = ["sns:Publish"]
    resources = [local.topic.arn]
  }

  dynamic "statement" {
    for_each = local.topic.kms_key_arn == null ? [] : [local.topic.kms_key_arn]

    content {
      sid       = "EncryptDigests"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:EncryptionContext:aws:sns:topicArn"
        values   = [local.topic.arn]
      }
    }
  }
}

# A desk carries on what it has begun by invoking itself, and sends at once by invoking the lister.
data "aws_iam_policy_document" "carry_on" {
  for_each = toset(["ledger_admin", "console_operate"])

  statement {
    sid       = "CarryOnAndSend"
    actions   = ["lambda:InvokeFunction"]
    resources = concat(["${local.function_arn_prefix}:${local.names[each.key]}"], var.create ? [module.list_failed[0].arn] : [])
  }
}
