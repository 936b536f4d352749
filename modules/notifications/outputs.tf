output "topic_arn" {
  description = "ARN of the topic; whoever uses it waits until the topic may be published to."
  value       = local.arn
  depends_on  = [aws_sns_topic.this, aws_sns_topic_policy.this]
}

output "topic_policy" {
  description = "What the policy of a topic of the user's has to allow, as JSON."
  value       = data.aws_iam_policy_document.foreign.json
}

output "alerts_topic_policy" {
  description = "What the policy of the topic for alarms alone has to allow, as JSON; null where there is none."
  value       = var.notifications.alerts_topic_arn == null ? null : data.aws_iam_policy_document.topic["alerts"].json
}
