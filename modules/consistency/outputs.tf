output "prefix" {
  description = "What every name begins with."
  value       = "${var.names.name}-${var.names.stage}"

  precondition {
    condition     = terraform_data.first_prefix.output == "${var.names.name}-${var.names.stage}"
    error_message = "name and stage cannot change after the first apply: everything would be replaced and the ledger lost, with its memory of what is under way. They make \"${var.names.name}-${var.names.stage}\" and made \"${terraform_data.first_prefix.output}\". For another name, call the module a second time and remove this call when nothing is under way."
  }
}
