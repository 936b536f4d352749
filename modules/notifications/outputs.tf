output "topic_arn" {
  description = "ARN of the topic; whoever uses it waits until the topic may be published to."
  value       = local.arn
  depends_on  = [aws_sns_topic.this, aws_sns_topic_policy.this]
}

output "topic_policy" {
  description = "What the topic's policy has to allow, as JSON; attached already where the topic is the module's own."
  value       = data.aws_iam_policy_document.topic.json
}
