# Known before the first apply, yet whoever uses them waits for the table.

output "table_name" {
  description = "Name of the table."
  value       = var.name
  depends_on  = [aws_dynamodb_table.this]
}

output "table_arn" {
  description = "ARN of the table."
  value       = local.arn
  depends_on  = [aws_dynamodb_table.this]
}

output "policies" {
  description = "IAM policy documents (JSON) of those who use the table: list, batch, requeue, conclude, administer and look."
  value       = { for user, policy in data.aws_iam_policy_document.use : user => [policy.json, data.aws_iam_policy_document.key.json] }
}
