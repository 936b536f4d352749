output "function_names" {
  description = "The functions of each stage, by stage: list_failed starts a run by hand, ledger_admin is for operators."
  value       = { for stage, redrive in module.communications_redrive : stage => redrive.function_names }
}

output "state_machine_arns" {
  description = "The state machine of each stage, by stage; one execution is one run."
  value       = { for stage, redrive in module.communications_redrive : stage => redrive.state_machine_arn }
}

output "ledger_table_names" {
  description = "The ledger's table of each stage, by stage."
  value       = { for stage, redrive in module.communications_redrive : stage => redrive.ledger_table_name }
}
