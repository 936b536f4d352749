# Known before the first apply, but for the last ones; yet whoever uses them waits for what they name.

output "url" {
  description = "URL of the queue: where entries are sent."
  value       = local.urls.queue
  depends_on  = [aws_sqs_queue.this]
}

output "arn" {
  description = "ARN of the queue."
  value       = local.arns.queue
  depends_on  = [aws_sqs_queue.this]
}

output "name" {
  description = "Name of the queue."
  value       = local.names.queue
  depends_on  = [aws_sqs_queue.this]
}

output "dead_letter_url" {
  description = "URL of the dead-letter queue."
  value       = local.urls.dead_letters
  depends_on  = [aws_sqs_queue.dead_letters]
}

output "dead_letter_arn" {
  description = "ARN of the dead-letter queue."
  value       = local.arns.dead_letters
  depends_on  = [aws_sqs_queue.dead_letters]
}

output "dead_letter_name" {
  description = "Name of the dead-letter queue."
  value       = local.names.dead_letters
  depends_on  = [aws_sqs_queue.dead_letters]
}

output "enqueue_policy" {
  description = "IAM policy document (JSON) of what the application may do: send entries to the queue."
  value       = data.aws_iam_policy_document.enqueue.json
}

output "worker" {
  description = "The worker function, its role and its log group: names and ARNs."
  value       = module.worker
}

output "event_source_mapping_uuid" {
  description = "Id of the event source mapping that hands the queue's entries to the worker."
  value       = aws_lambda_event_source_mapping.this.uuid
}

output "alarm_names" {
  description = "Names of the alarms, by what they watch: queue_age, dead_letters, worker_errors."
  value       = { for watched, alarm in local.alarms : watched => alarm.alarm_name }
}

output "alarm_arns" {
  description = "ARNs of the alarms, by what they watch."
  value       = { for watched, alarm in local.alarms : watched => alarm.arn }
}

locals {
  alarms = {
    for watched, alarm in {
      queue_age     = one(aws_cloudwatch_metric_alarm.queue_age)
      dead_letters  = one(aws_cloudwatch_metric_alarm.dead_letters)
      worker_errors = one(aws_cloudwatch_metric_alarm.worker_errors)
    } : watched => alarm if var.alarms_enabled
  }
}
