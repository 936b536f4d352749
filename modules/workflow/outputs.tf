# Known before the first apply, yet whoever uses them waits for the state machine.

output "state_machine_arn" {
  description = "ARN of the state machine."
  value       = local.arn
  depends_on  = [aws_sfn_state_machine.this]
}

output "state_machine_name" {
  description = "Name of the state machine."
  value       = var.name
  depends_on  = [aws_sfn_state_machine.this]
}

output "incomplete_error" {
  description = "Error of an execution that failed after it had sent its own notification."
  value       = local.incomplete_error
}

output "log_group_name" {
  description = "Name of the state machine's log group."
  value       = local.log_group_name
  depends_on  = [aws_cloudwatch_log_group.this]
}

output "log_group_arn" {
  description = "ARN of the state machine's log group."
  value       = local.log_group_arn
  depends_on  = [aws_cloudwatch_log_group.this]
}

output "role_arn" {
  description = "ARN of the state machine's role."
  value       = local.role_arn
}

output "role_name" {
  description = "Name of the state machine's role."
  value       = reverse(split("/", local.role_arn))[0]
}

output "role_policy" {
  description = "What the state machine's role has to allow, and who has to be allowed to take it, as JSON."
  value       = { policy = data.aws_iam_policy_document.this.json, assume_role_policy = data.aws_iam_policy_document.trust.json }
}

output "requests_at_a_time" {
  description = "How many requests there are at a time at most: batches side by side, times communications of each."
  value       = local.batches_at_a_time * local.communications_at_a_time
}
