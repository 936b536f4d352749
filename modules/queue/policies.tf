# Neither queue takes a request that did not come by TLS, whoever it is from. Nobody is allowed anything here: in this
# account the roles' own policies do that.
data "aws_iam_policy_document" "queue" {
  for_each = local.arns

  statement {
    sid       = "OnlyByTls"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [each.value]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

# What the worker does; Lambda polls the queue with the same role.
data "aws_iam_policy_document" "work" {
  source_policy_documents = [data.aws_iam_policy_document.key.json]

  statement {
    sid = "WorkOffTheQueue"
    actions = [
      "sqs:ChangeMessageVisibility",
      "sqs:DeleteMessage",
      "sqs:GetQueueAttributes",
      "sqs:ReceiveMessage",
    ]
    resources = [local.arns.queue]
  }

  statement {
    sid       = "GiveUp"
    actions   = ["sqs:SendMessage"]
    resources = [local.arns.dead_letters]
  }
}

# What the application does.
data "aws_iam_policy_document" "enqueue" {
  source_policy_documents = [data.aws_iam_policy_document.key.json]

  statement {
    sid       = "Enqueue"
    actions   = ["sqs:SendMessage"]
    resources = [local.arns.queue]
  }
}

# Who sends asks for a new data key and decrypts it; who receives decrypts:
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
# SQS documents no encryption context to narrow it to one queue. It is by the other statements: whoever has these may use
# the key through SQS alone, and SQS for these queues alone.
data "aws_iam_policy_document" "key" {
  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      sid       = "UseTheQueuesKey"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["sqs.${local.account.region}.amazonaws.com"]
      }
    }
  }
}
