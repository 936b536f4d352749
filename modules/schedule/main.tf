locals {
  role_arn  = var.role == null ? one(aws_iam_role.this[*].arn) : var.role.arn
  group_arn = "arn:${var.context.account.partition}:scheduler:${var.context.account.region}:${var.context.account.id}:schedule-group/${var.group_name}"
  arn       = "arn:${var.context.account.partition}:scheduler:${var.context.account.region}:${var.context.account.id}:schedule/${var.group_name}/${var.name}"
}

# A group of its own: only a group carries tags, and a group is the narrowest thing a role's trust may name.
resource "aws_scheduler_schedule_group" "this" {
  name = var.group_name
  tags = var.context.tags
}

resource "aws_scheduler_schedule" "this" {
  #checkov:skip=CKV_AWS_297:The schedule holds no data, only the fixed text below.
  name        = var.name
  group_name  = aws_scheduler_schedule_group.this.name
  description = "Starts a run that sends failed communications again"
  state       = var.timing.enabled ? "ENABLED" : "DISABLED"

  schedule_expression          = var.timing.expression
  schedule_expression_timezone = var.timing.timezone

  flexible_time_window {
    mode                      = var.timing.flexible_window_minutes == 0 ? "OFF" : "FLEXIBLE"
    maximum_window_in_minutes = var.timing.flexible_window_minutes == 0 ? null : var.timing.flexible_window_minutes
  }

  target {
    arn      = var.function_arn
    role_arn = local.role_arn

    # jsonencode writes < and > as escapes, in which Scheduler does not find its context attributes.
    input = replace(replace(jsonencode(var.input), "\\u003c", "<"), "\\u003e", ">")

    # The same firing again, with the same scheduled time. One that never gets through shows as a missed schedule.
    retry_policy {
      maximum_event_age_in_seconds = var.maximum_age_seconds
      maximum_retry_attempts       = 20
    }
  }

  depends_on = [aws_iam_role_policy.this]
}

data "aws_iam_policy_document" "trust" {
  statement {
    sid     = "SchedulerStartsTheRun"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.context.account.id]
    }

    # The group, not the schedule: https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [local.group_arn]
    }
  }
}

data "aws_iam_policy_document" "this" {
  statement {
    sid       = "InvokeLister"
    actions   = ["lambda:InvokeFunction"]
    resources = [var.function_arn]
  }
}

resource "aws_iam_role" "this" {
  count = var.role == null ? 1 : 0

  name                 = var.name
  description          = "Lets EventBridge Scheduler start a run"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.context.tags
}

resource "aws_iam_role_policy" "this" {
  count = var.role == null ? 1 : 0

  name   = "work"
  role   = aws_iam_role.this[0].id
  policy = data.aws_iam_policy_document.this.json
}
