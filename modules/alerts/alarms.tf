# What wakes people. What no code can say itself is said by an alarm alone, and mailed. What a digest says, too, mails nobody
# twice: its alarm is published only where digests are not, to a topic of its own and to further actions. These also learn
# when an alarm is over; mails say that in a digest. An alarm is there whether or not it tells anybody: it also shows in the
# console.

locals {
  where = "${var.dashboard_url == null ? "" : "Dashboard: ${var.dashboard_url} "}Runbook: ${var.alarms.runbook}"

  own_channel   = compact(concat([var.channel.has_own_topic ? var.channel.topic_arn : null], var.alarms.actions))
  alarm_actions = compact(concat([var.channel.notifies ? var.channel.topic_arn : null], var.alarms.actions))

  # An alarm looks back one day at most, or seven days where its period is an hour or more:
  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
  week_s            = 604800
  schedule_period_s = var.schedule.period_minutes == null ? null : var.schedule.period_minutes * 60
  watch_schedule    = var.alarms.enabled && (local.schedule_period_s == null ? false : local.schedule_period_s <= local.week_s)

  # A run publishes one value, so that so many runs are so many periods; as many as seven days have. Where there are two in one
  # period, the better one counts.
  run_period_s = min(local.schedule_period_s == null ? 86400 : local.schedule_period_s, local.week_s)
  most_runs    = max(1, floor(local.week_s / local.run_period_s))
}

# What the functions publish of how it stands: a value for each run. Missing values leave an alarm as it is: between two
# runs nothing has changed, and that none comes any more the schedule's alarm says.
locals {
  gauges = {
    waiting_too_long = {
      metric_name = "OldestWaitingAge"
      statistic   = "Maximum"
      threshold   = var.alarms.waiting_days * 86400
      is_on       = var.alarms.waiting_days > 0
      period      = 300
      runs        = 1
      actions     = local.alarm_actions
      description = "A communication has waited for a person for more than ${var.alarms.waiting_days} days, and no run sends it again. Check what waits ${var.dashboard_url == null ? "with the function ledger-admin" : "on the dashboard"}, then release or discard it."
    }
    failed_too_long = {
      metric_name = "OldestFailedAge"
      statistic   = "Maximum"
      threshold   = var.alarms.failed_hours * 3600
      is_on       = var.alarms.failed_hours > 0
      period      = 300
      runs        = 1
      actions     = local.alarm_actions
      description = "A communication has failed for more than ${var.alarms.failed_hours} hours although runs go, and its recipient still waits. Check the last digests for what the API answers, and whether runs are too slow for what fails."
    }
    runs_skipped = {
      metric_name = "RunsSkipped"
      statistic   = "Minimum"
      threshold   = 0
      is_on       = var.alarms.skipped_runs > 0
      period      = local.run_period_s
      runs        = min(var.alarms.skipped_runs, local.most_runs)
      actions     = local.alarm_actions
      description = "The schedule has found another run on ${min(var.alarms.skipped_runs, local.most_runs)} times in a row, so nothing new is listed. Check whether that run is paused, hangs or only has much to send."
    }
    lists_truncated = {
      metric_name = "Truncated"
      statistic   = "Minimum"
      threshold   = 0
      is_on       = var.alarms.truncated_runs > 0
      period      = local.run_period_s
      runs        = min(var.alarms.truncated_runs, local.most_runs)
      actions     = local.own_channel
      description = "${min(var.alarms.truncated_runs, local.most_runs)} runs in a row had no time to read every list to its end. Raise the page size or lambda.timeout_seconds.list_failed, or split the sources over two instances."
    }
    breaker_open = {
      metric_name = "BreakerOpen"
      statistic   = "Maximum"
      threshold   = 0
      is_on       = true
      period      = 300
      runs        = 1
      actions     = local.own_channel
      description = "The API turned away so many communications in a row that a run left a source out. Nothing is lost, later runs try it again with one batch. Check the API's health and what the digest says it answers."
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "gauge" {
  for_each = { for name in nonsensitive([for name, gauge in local.gauges : name if gauge.is_on && var.alarms.enabled]) : name => local.gauges[name] }

  alarm_name        = var.alarm_names[each.key]
  alarm_description = "${each.value.description} ${local.where}#${replace(each.key, "_", "-")}"

  namespace           = var.metrics.namespace
  metric_name         = each.value.metric_name
  dimensions          = { service = var.metrics.service }
  statistic           = each.value.statistic
  period              = each.value.period
  evaluation_periods  = each.value.runs
  threshold           = each.value.threshold
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "ignore"

  alarm_actions = each.value.actions
  ok_actions    = local.own_channel
  tags          = var.context.tags
}

# Three windows of five minutes in a row, for DynamoDB throttles a table for a while whose load has doubled, and is asked
# again. Alarms may leave their state when a metric of DynamoDB is missing, whatever they are told, and these are missing
# whenever nothing is throttled; so the windows without a value are filled where there is one with a value:
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
resource "aws_cloudwatch_metric_alarm" "ledger_throttled" {
  for_each = nonsensitive(var.alarms.enabled) ? { reads = "ReadThrottleEvents", writes = "WriteThrottleEvents" } : {}

  alarm_name        = var.alarm_names["ledger_${each.key}_throttled"]
  alarm_description = "DynamoDB has throttled ${each.key} of the table ${var.ledger.name} for 15 minutes. Runs are slow, or leave communications to the next run; nothing is sent twice. Lower max_concurrency, and check whether the account has a limit for tables on demand. ${local.where}#ledger-${each.key}-throttled"

  evaluation_periods  = 3
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"

  metric_query {
    id          = "filled"
    expression  = "FILL(throttled, 0)"
    label       = each.value
    return_data = true
  }

  metric_query {
    id = "throttled"

    metric {
      namespace   = "AWS/DynamoDB"
      metric_name = each.value
      dimensions  = { TableName = var.ledger.name }
      stat        = "Sum"
      period      = 300
    }
  }

  alarm_actions = local.alarm_actions
  ok_actions    = local.own_channel
  tags          = var.context.tags
}

# Three windows of five minutes in a row: a throttle that a retry got past is no mail.
resource "aws_cloudwatch_metric_alarm" "throttled" {
  for_each = nonsensitive(var.alarms.enabled) ? var.throttled_functions : {}

  alarm_name        = var.alarm_names["${each.key}_throttled"]
  alarm_description = "Lambda has refused to run ${each.value} for 15 minutes because too many invocations run at a time. Runs are slow, or leave communications to the next run. Raise the account's concurrency or lambda.reserved_concurrency, or lower max_concurrency. ${local.where}#${replace(each.key, "_", "-")}-throttled"

  namespace           = "AWS/Lambda"
  metric_name         = "Throttles"
  dimensions          = { FunctionName = each.value }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 3
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"

  alarm_actions = local.alarm_actions
  ok_actions    = local.own_channel
  tags          = var.context.tags
}

# Conclude sends the digests, so nobody but an alarm can say that it failed. Not its errors: it is also retried, by the
# state machine and by Lambda, and the last to give up is Lambda, which drops the event of the run's end:
# https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
resource "aws_cloudwatch_metric_alarm" "conclude_failed" {
  count = var.alarms.enabled ? 1 : 0

  alarm_name        = var.alarm_names.conclude_failed
  alarm_description = "${var.conclude.name} failed each time it was tried, so a run has ended without its digest. The next run concludes it. Check the function's log for the error. ${local.where}#conclude-failed"

  namespace           = "AWS/Lambda"
  metric_name         = "AsyncEventsDropped"
  dimensions          = { FunctionName = var.conclude.name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"

  alarm_actions = local.alarm_actions
  ok_actions    = local.own_channel
  tags          = var.context.tags
}

# Events received rather than invocations: a firing that Lambda throttles has fired, and its failure is an event. A schedule
# that is silent leaves no zeros but nothing. Nothing is a breach here, or one that has never fired would never be told.
resource "aws_cloudwatch_metric_alarm" "schedule_missed" {
  count = local.watch_schedule ? 1 : 0

  alarm_name        = var.alarm_names.schedule_missed
  alarm_description = "The schedule ${var.schedule.name} has not started ${var.lister.name} for a period of ${var.schedule.period_minutes} minutes, or not yet. It tells nobody: ${var.alarm_names.schedule_silent} does, when it lasts. Check nothing before. ${local.where}#schedule-silent"

  namespace           = "AWS/Lambda"
  metric_name         = "AsyncEventsReceived"
  dimensions          = { FunctionName = var.lister.name }
  statistic           = "Sum"
  period              = local.schedule_period_s
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "LessThanThreshold"
  treat_missing_data  = "breaching"

  tags = var.context.tags
}

# An alarm for which missing data is a breach is in ALARM as soon as it is made, before the first firing was due and before
# anybody has confirmed a subscription. This one waits two periods before it acts, and does not if the schedule fires
# meanwhile. Its suppressor is never waited for in earnest: only with one does an alarm wait, and that of conclude, which
# tells people itself, is in ALARM for minutes at most:
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html
resource "aws_cloudwatch_composite_alarm" "schedule_silent" {
  count = local.watch_schedule ? 1 : 0

  alarm_name        = var.alarm_names.schedule_silent
  alarm_description = "The schedule ${var.schedule.name} has not started ${var.lister.name} for three of its periods of ${var.schedule.period_minutes} minutes, or not once since it was made, so no failed communication is sent again. Check that the schedule is enabled and that its role may invoke the function. ${local.where}#schedule-silent"
  alarm_rule        = "ALARM(\"${aws_cloudwatch_metric_alarm.schedule_missed[0].alarm_name}\")"

  actions_suppressor {
    alarm            = aws_cloudwatch_metric_alarm.conclude_failed[0].alarm_name
    wait_period      = 2 * local.schedule_period_s
    extension_period = 60
  }

  alarm_actions = local.alarm_actions
  ok_actions    = local.own_channel
  tags          = var.context.tags
}
