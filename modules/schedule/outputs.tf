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
  value       = aws_iam_role.this.arn
}

output "role_name" {
  description = "Name of the schedule's role."
  value       = aws_iam_role.this.name
}
