# Each says what to do, for whoever it wakes. An alarm is there whether or not it mails: it also shows in the console.

locals {
  alarm_actions = compact(concat([var.alarm_topic_arn], var.alarm_actions))

  # SQS leaves out of this metric what was received three times and is still there, so it shows two waits at most:
  # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
  # Ten minutes more are for its turn to come.
  two_waits_seconds = ceil(sum(concat([0], slice(local.waits, 0, min(2, length(local.waits))))))
  alarm_age_seconds = var.alarm_age_seconds != null ? var.alarm_age_seconds : local.two_waits_seconds + 600
}

resource "aws_cloudwatch_metric_alarm" "queue_age" {
  count = var.alarms_enabled ? 1 : 0

  alarm_name        = "${local.prefix}-queue-age"
  alarm_description = "The oldest entry of the queue ${local.names.queue} has waited for more than ${local.alarm_age_seconds} seconds, so communications are sent late. Nothing is lost for ${var.retention_days} days. Check that the event source mapping of ${local.worker_name} is enabled, look into its log for what the application answers, and raise max_concurrency if it only has too much to do. Runbook: docs/queue.md of the module."

  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = local.names.queue }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  threshold           = local.alarm_age_seconds
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching" # an idle queue has no age

  alarm_actions = local.alarm_actions
  ok_actions    = var.alarm_actions
  tags          = var.tags

  lifecycle {
    precondition {
      condition     = length(distinct(local.alarm_actions)) <= 5
      error_message = "${local.prefix}: alarm_actions, and alarm_topic_arn with them, must be at most 5, as an alarm of CloudWatch tells five; they are ${length(distinct(local.alarm_actions))}."
    }

    precondition {
      condition     = local.alarm_age_seconds < local.retention_seconds
      error_message = "${local.prefix}: alarm_age_seconds must be below retention_days (${local.retention_seconds} seconds), as no entry gets older; it is ${local.alarm_age_seconds}."
    }
  }

  depends_on = [aws_sqs_queue.this]
}

# What is in the queue, as SQS does not count what it moves there itself as sent.
resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  count = var.alarms_enabled ? 1 : 0

  alarm_name        = "${local.prefix}-dead-letters"
  alarm_description = "The queue ${local.names.dead_letters} holds communications that were given up: nobody sends them any more, and SQS deletes them after ${local.dead_letter_days} days. Check why, without taking them out: each carries its Reason as an attribute. Then put right what was wrong and move them back, or drop them. The commands are in the runbook: docs/queue.md of the module."

  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = local.names.dead_letters }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"

  alarm_actions = local.alarm_actions
  ok_actions    = var.alarm_actions
  tags          = var.tags

  depends_on = [aws_sqs_queue.dead_letters]
}

resource "aws_cloudwatch_metric_alarm" "worker_errors" {
  count = var.alarms_enabled ? 1 : 0

  alarm_name        = "${local.prefix}-worker-errors"
  alarm_description = "The function ${local.worker_name} failed as a whole: the credentials in the secret of api.auth are refused, a setting is wrong, or it was ended in the middle of a batch. The entries come back by themselves, ${var.max_receives} times at most, under the same idempotency keys. Check the last error in the log group ${module.worker.log_group_name} and put it right before they are used up. Runbook: docs/queue.md of the module."

  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = module.worker.name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"

  alarm_actions = local.alarm_actions
  ok_actions    = var.alarm_actions
  tags          = var.tags
}
