output "alarm_names" {
  description = "Names of the alarms, by what they watch."
  value = merge(
    { for function, alarm in aws_cloudwatch_metric_alarm.throttled : "${function}_throttled" => alarm.alarm_name },
    { for alarm in aws_cloudwatch_metric_alarm.schedule_missed : "schedule_missed" => alarm.alarm_name },
  )
}

output "alarm_arns" {
  description = "ARNs of the alarms, by what they watch."
  value = merge(
    { for function, alarm in aws_cloudwatch_metric_alarm.throttled : "${function}_throttled" => alarm.arn },
    { for alarm in aws_cloudwatch_metric_alarm.schedule_missed : "schedule_missed" => alarm.arn },
  )
}

output "rule_arns" {
  description = "ARNs of the EventBridge rules, by what they report."
  value = merge(
    { for rule in aws_cloudwatch_event_rule.run_failed : "run_failed" => rule.arn },
    { for rule in aws_cloudwatch_event_rule.batch_failed : "batch_failed" => rule.arn },
  )
}
