output "redrive" {
  description = "Everything the module gives back."
  value       = module.redrive
}

output "application_role_arn" {
  description = "ARN of the role with which the application enqueues; null without the module's queue."
  value       = one(aws_iam_role.application[*].arn)
}
