output "name" {
  description = "Name of the dashboard."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}

output "arn" {
  description = "ARN of the dashboard."
  value       = local.arn
  depends_on  = [aws_cloudwatch_dashboard.this]
}

output "viewer_policy" {
  description = "IAM policy document (JSON) of what a person needs who looks at the dashboard."
  value       = data.aws_iam_policy_document.view.json
}

output "operator_policy" {
  description = "IAM policy document (JSON) of what an operator needs; null where there is no widget for operators."
  value       = one(data.aws_iam_policy_document.operate[*].json)
}
