output "arns" {
  description = "ARNs of these versions of the layers."
  value       = [for package in keys(local.packages) : aws_lambda_layer_version.this[package].arn]
}
