output "arns" {
  description = "ARNs of these versions of the layers."
  value       = [aws_lambda_layer_version.this.arn]
}
