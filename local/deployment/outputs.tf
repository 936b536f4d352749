output "redrive" {
  description = "Everything the module gives back."
  value       = module.redrive
}
