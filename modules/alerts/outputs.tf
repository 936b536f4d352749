output "alarm_names" {
  description = "Names of the alarms, by what they watch."
  value = merge(
    { for function, alarm in aws_cloudwatch_metric_alarm.throttled : "${function}_throttled" => alarm.alarm_name },
    { for alarm in aws_cloudwatch_metric_alarm.schedule_missed : "schedule_missed" => alarm.alarm_name },
    { conclude_failed = aws_cloudwatch_metric_alarm.conclude_failed.alarm_name },
  )
}

output "alarm_arns" {
  description = "ARNs of the alarms, by what they watch."
  value = merge(
    { for function, alarm in aws_cloudwatch_metric_alarm.throttled : "${function}_throttled" => alarm.arn },
    { for alarm in aws_cloudwatch_metric_alarm.schedule_missed : "schedule_missed" => alarm.arn },
    { conclude_failed = aws_cloudwatch_metric_alarm.conclude_failed.arn },
  )
}

output "rule_arns" {
  description = "ARNs of the EventBridge rules, by what they report."
  value       = { run_ended = aws_cloudwatch_event_rule.run_ended.arn }
}
