output "alarm_names" {
  description = "Names of the alarms, by what they watch."
  value       = { for watched, alarm in local.made : watched => alarm.alarm_name }
}

output "alarm_arns" {
  description = "ARNs of the alarms, by what they watch."
  value       = { for watched, alarm in local.made : watched => alarm.arn }
}

locals {
  made = merge(
    aws_cloudwatch_metric_alarm.gauge,
    { for function, alarm in aws_cloudwatch_metric_alarm.throttled : "${function}_throttled" => alarm },
    { for which, alarm in aws_cloudwatch_metric_alarm.ledger_throttled : "ledger_${which}_throttled" => alarm },
    { for alarm in aws_cloudwatch_metric_alarm.conclude_failed : "conclude_failed" => alarm },
    { for alarm in aws_cloudwatch_metric_alarm.schedule_missed : "schedule_missed" => alarm },
    { for alarm in aws_cloudwatch_composite_alarm.schedule_silent : "schedule_silent" => alarm },
  )
}

output "rule_arns" {
  description = "ARNs of the EventBridge rules, by what they report."
  value       = { run_ended = aws_cloudwatch_event_rule.run_ended.arn }
}
