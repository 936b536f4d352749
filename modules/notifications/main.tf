locals {
  arn = var.create_topic ? "arn:${var.context.account.partition}:sns:${var.context.account.region}:${var.context.account.id}:${var.name}" : var.notifications.topic_arn

  subscriptions = merge(
    { for email in var.notifications.emails : "email ${email}" => {
      protocol              = "email"
      endpoint              = email
      raw_message_delivery  = null
      subscription_role_arn = null
    } },
    # by number: the ARN of an endpoint made in the same apply is not known yet
    { for number, subscription in var.notifications.subscriptions : "${subscription.protocol} ${number}" => subscription },
  )
}

resource "aws_sns_topic" "this" {
  #checkov:skip=CKV_AWS_26:Under alias/aws/sns EventBridge and CloudWatch may not publish: failures would be silent. A key of the user's may let them.
  count = var.create_topic ? 1 : 0

  name              = var.name
  display_name      = var.display_name # whom the mails are from
  kms_master_key_id = var.kms_key_arn  # without a key of the user's none at all: see the line above
  tags              = var.context.tags
}

data "aws_iam_policy_document" "topic" {
  statement {
    sid       = "RulesReportFailures"
    actions   = ["sns:Publish"]
    resources = [local.arn]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.context.account.id]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = var.rule_arns
    }
  }

  statement {
    sid       = "AlarmsReportFailures"
    actions   = ["sns:Publish"]
    resources = [local.arn]

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

# The state machine is not named here: its role's own policy lets it publish.
resource "aws_sns_topic_policy" "this" {
  count = var.create_topic ? 1 : 0

  arn    = local.arn
  policy = data.aws_iam_policy_document.topic.json

  depends_on = [aws_sns_topic.this]
}

resource "aws_sns_topic_subscription" "this" {
  for_each = local.subscriptions

  topic_arn             = local.arn
  protocol              = each.value.protocol
  endpoint              = each.value.endpoint
  raw_message_delivery  = each.value.raw_message_delivery
  subscription_role_arn = each.value.subscription_role_arn

  depends_on = [aws_sns_topic.this]
}
