output "settings" {
  description = "What a function is told of the API: as JSON in its environment variable REDRIVE_API."
  value       = local.settings
}

output "policy" {
  description = "IAM policy document (JSON) of those who call the API."
  value       = data.aws_iam_policy_document.call_api.json
}
