output "list_failed" {
  description = "Invoke this function to start a run by hand."
  value       = module.communications_redrive.function_names["list_failed"]
}

output "state_machine_arn" {
  description = "For a dashboard of batches."
  value       = module.communications_redrive.state_machine_arn
}

output "queue" {
  description = "Where the application sends its queue entries, and the policy that lets it."
  value       = module.communications_redrive.queue
}

output "alarm_arns" {
  description = "For a composite alarm of the platform's."
  value       = module.communications_redrive.alarm_arns
}

output "dashboard" {
  description = "The dashboard's name, and what viewers and operators must be allowed."
  value       = module.communications_redrive.dashboard
}
