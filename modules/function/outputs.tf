# Known before the first apply, yet whoever uses them waits for the function and for what it may do.

output "arn" {
  description = "ARN of the function."
  value       = local.arn
  depends_on  = [aws_lambda_function.this, aws_lambda_function_event_invoke_config.this]
}

output "name" {
  description = "Name of the function."
  value       = var.name
  depends_on  = [aws_lambda_function.this, aws_lambda_function_event_invoke_config.this]
}

output "log_group_name" {
  description = "Name of the function's log group."
  value       = local.log_group_name
  depends_on  = [aws_cloudwatch_log_group.this]
}

output "log_group_arn" {
  description = "ARN of the function's log group."
  value       = local.log_group_arn
  depends_on  = [aws_cloudwatch_log_group.this]
}

output "role_arn" {
  description = "ARN of the function's role."
  value       = local.role_arn
}

output "role_name" {
  description = "Name of the function's role."
  value       = reverse(split("/", local.role_arn))[0]
}

output "role_policy" {
  description = "What the function's role has to allow, and who has to be allowed to take it, as JSON."
  value       = { policy = data.aws_iam_policy_document.this.json, assume_role_policy = data.aws_iam_policy_document.trust.json }
}
