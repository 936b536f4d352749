output "arn" {
  description = "ARN of the schedule."
  value       = local.arn
  depends_on  = [aws_scheduler_schedule.this]
}

output "name" {
  description = "Name of the schedule."
  value       = var.name
  depends_on  = [aws_scheduler_schedule.this]
}

output "group_name" {
  description = "Name of the schedule's group."
  value       = var.group_name
  depends_on  = [aws_scheduler_schedule_group.this]
}

output "group_arn" {
  description = "ARN of the schedule's group."
  value       = local.group_arn
  depends_on  = [aws_scheduler_schedule_group.this]
}

output "role_arn" {
  description = "ARN of the schedule's role."
  value       = local.role_arn
}

output "role_name" {
  description = "Name of the schedule's role."
  value       = reverse(split("/", local.role_arn))[0]
}

output "role_policy" {
  description = "What the schedule's role has to allow, and who has to be allowed to take it, as JSON."
  value       = { policy = data.aws_iam_policy_document.this.json, assume_role_policy = data.aws_iam_policy_document.trust.json }
}
