locals {
  arn = var.create_topic ? "arn:${var.context.account.partition}:sns:${var.context.account.region}:${var.context.account.id}:${var.name}" : var.notifications.topic_arn

  # Addresses may be sensitive: keys are a part of their hash, which also does not change when the list does.
  email_keys = nonsensitive([for email in var.notifications.emails : substr(sha256(email), 0, 8)])
  emails     = zipmap(local.email_keys, tolist(var.notifications.emails))

  # By number: the ARN of an endpoint made in the same apply is not known yet, and a URL may be sensitive.
  subscription_keys = nonsensitive([for number, subscription in var.notifications.subscriptions : "${subscription.protocol} ${number}"])
  subscriptions     = zipmap(local.subscription_keys, var.notifications.subscriptions)
}

resource "aws_sns_topic" "this" {
  #checkov:skip=CKV_AWS_26:Under alias/aws/sns CloudWatch may not publish: alarms would be silent. A key of the user's may let it.
  count = var.create_topic ? 1 : 0

  name              = var.name
  display_name      = var.display_name # whom the mails are from
  kms_master_key_id = var.kms_key_arn  # without a key of the user's none at all: see the line above
  tags              = var.context.tags
}

# Of the topic, and of one for alarms alone, which may be made in the same apply.
data "aws_iam_policy_document" "topic" {
  for_each = { digests = local.arn, alerts = var.notifications.alerts_topic_arn == null ? local.arn : var.notifications.alerts_topic_arn }

  statement {
    sid       = "AlarmsReportFailures"
    actions   = ["sns:Publish"]
    resources = [each.value]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.context.account.id]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = var.alarm_arns
    }
  }
}

# A topic of another account must also name who publishes digests; inside one account the roles' own policies do.
data "aws_iam_policy_document" "foreign" {
  source_policy_documents = [data.aws_iam_policy_document.topic["digests"].json]

  statement {
    sid       = "RunsSendDigests"
    actions   = ["sns:Publish"]
    resources = [local.arn]

    principals {
      type        = "AWS"
      identifiers = ["arn:${var.context.account.partition}:iam::${var.context.account.id}:root"]
    }

    # Not as principals: SNS refuses a policy that names a role before it exists.
    condition {
      test     = "ArnEquals"
      variable = "aws:PrincipalArn"
      values   = var.publisher_arns
    }
  }
}

resource "aws_sns_topic_policy" "this" {
  count = var.create_topic ? 1 : 0

  arn    = local.arn
  policy = data.aws_iam_policy_document.topic["digests"].json

  depends_on = [aws_sns_topic.this]
}

resource "aws_sns_topic_subscription" "email" {
  for_each = toset(local.email_keys)

  topic_arn = local.arn
  protocol  = "email"
  endpoint  = local.emails[each.key]

  depends_on = [aws_sns_topic.this]
}

resource "aws_sns_topic_subscription" "this" {
  for_each = toset(local.subscription_keys)

  topic_arn             = local.arn
  protocol              = local.subscriptions[each.key].protocol
  endpoint              = local.subscriptions[each.key].endpoint
  raw_message_delivery  = local.subscriptions[each.key].raw_message_delivery
  subscription_role_arn = local.subscriptions[each.key].subscription_role_arn
  filter_policy         = local.subscriptions[each.key].filter_policy == null ? null : jsonencode(local.subscriptions[each.key].filter_policy)

  depends_on = [aws_sns_topic.this]
}
