# What sends no event. An alarm is there whether or not it mails: it also shows in the console.

locals {
  alarm_actions = var.notify ? [var.topic_arn] : []

  # An alarm looks back one day at most, or seven days where its period is an hour or more:
  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
  missed_periods    = 3
  schedule_period_s = var.schedule.period_minutes == null ? null : var.schedule.period_minutes * 60
  longest_alarm_s   = local.schedule_period_s == null ? 0 : local.schedule_period_s < 3600 ? 86400 : 604800
  watch_schedule    = local.schedule_period_s == null ? false : local.missed_periods * local.schedule_period_s <= local.longest_alarm_s
}

# Three windows of five minutes in a row: a throttle that a retry got past is no mail.
resource "aws_cloudwatch_metric_alarm" "throttled" {
  for_each = var.throttled_functions

  alarm_name        = each.value.alarm_name
  alarm_description = "Lambda has refused to run ${each.value.function_name} for 15 minutes because too many invocations run at a time. Runs are slow, or leave communications to the next run. Raise the account's concurrency or lambda.reserved_concurrency, or lower max_concurrency."

  namespace           = "AWS/Lambda"
  metric_name         = "Throttles"
  dimensions          = { FunctionName = each.value.function_name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 3
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"

  alarm_actions = local.alarm_actions
  tags          = var.context.tags
}

# Conclude sends the digests, so nobody but an alarm can say that it failed. Not its errors: it is also retried, by the
# state machine and by Lambda, and the last to give up is Lambda, which drops the event of the run's end:
# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
resource "aws_cloudwatch_metric_alarm" "conclude_failed" {
  alarm_name        = var.conclude.alarm_name
  alarm_description = "${var.conclude.function_name} failed each time it was tried, so a run has ended without its digest. The next run concludes it. Check the function's log for the error."

  namespace           = "AWS/Lambda"
  metric_name         = "AsyncEventsDropped"
  dimensions          = { FunctionName = var.conclude.function_name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"

  alarm_actions = local.alarm_actions
  tags          = var.context.tags
}

# Events received rather than invocations: a firing that Lambda throttles has fired, and its failure is an event.
# A schedule that stops leaves no zeros but nothing, and the alarm goes from OK to INSUFFICIENT_DATA. That is what mails:
# an alarm that took missing data for a breach would also mail when it is made, before the first run.
resource "aws_cloudwatch_metric_alarm" "schedule_missed" {
  count = local.watch_schedule ? 1 : 0

  alarm_name        = var.schedule.alarm_name
  alarm_description = "The schedule ${var.schedule.name} has not started ${var.lister.name} for ${local.missed_periods} of its periods of ${var.schedule.period_minutes} minutes, so no failed communication is sent again. Check that the schedule is enabled and that its role may invoke the function."

  namespace           = "AWS/Lambda"
  metric_name         = "AsyncEventsReceived"
  dimensions          = { FunctionName = var.lister.name }
  statistic           = "Sum"
  period              = local.schedule_period_s
  evaluation_periods  = local.missed_periods
  threshold           = 1
  comparison_operator = "LessThanThreshold"
  treat_missing_data  = "missing"

  alarm_actions             = local.alarm_actions
  insufficient_data_actions = local.alarm_actions
  tags                      = var.context.tags
}
