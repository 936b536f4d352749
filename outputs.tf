output "state_machine_arn" {
  description = "ARN of the state machine; one execution is one run."
  value       = var.create ? module.workflow[0].state_machine_arn : null
}

output "state_machine_name" {
  description = "Name of the state machine."
  value       = var.create ? module.workflow[0].state_machine_name : null
}

output "function_arns" {
  description = "ARNs of the functions, by function: list_failed (invoke it for a run by hand), batch, requeue_communication, conclude, ledger_admin and, with dashboard, console_view and console_operate, with queue, worker."
  value       = { for function, submodule in local.functions : function => submodule.arn }
}

output "function_names" {
  description = "Names of the functions, by function."
  value       = { for function, submodule in local.functions : function => submodule.name }
}

output "topic_arn" {
  description = "ARN of the topic that notifications go to."
  value       = var.create ? module.notifications[0].topic_arn : null
}

output "topic_name" {
  description = "Name of the topic that notifications go to."
  value       = var.create ? element(split(":", module.notifications[0].topic_arn), 5) : null
}

output "topic_policy" {
  description = "What the topic's policy has to allow, as JSON: for notifications.topic_arn; the module's own topic has it."
  value       = var.create ? module.notifications[0].topic_policy : null
}

output "alerts_topic_policy" {
  description = "What the policy of notifications.alerts_topic_arn has to allow, as JSON; null where there is none."
  value       = var.create ? module.notifications[0].alerts_topic_policy : null
}

output "ledger_table_name" {
  description = "Name of the ledger's table."
  value       = var.create ? module.ledger[0].table_name : null
}

output "ledger_table_arn" {
  description = "ARN of the ledger's table."
  value       = var.create ? module.ledger[0].table_arn : null
}

output "schedule_arn" {
  description = "ARN of the schedule."
  value       = var.create ? module.schedule[0].arn : null
}

output "schedule_name" {
  description = "Name of the schedule."
  value       = var.create ? module.schedule[0].name : null
}

output "schedule_group_name" {
  description = "Name of the schedule's group."
  value       = var.create ? module.schedule[0].group_name : null
}

output "schedule_group_arn" {
  description = "ARN of the schedule's group."
  value       = var.create ? module.schedule[0].group_arn : null
}

output "role_arns" {
  description = "ARNs of the roles, by who takes them: the functions, run (the state machine) and schedule."
  value       = { for owner, submodule in local.roles : owner => submodule.role_arn }
}

output "role_names" {
  description = "Names of the roles, by who takes them."
  value       = { for owner, submodule in local.roles : owner => submodule.role_name }
}

output "role_policies" {
  description = "What each role has to allow (policy) and who may take it (assume_role_policy), as JSON, by who takes it: for lambda.role_arns; the module's own roles have it."
  value       = { for owner, submodule in local.roles : owner => submodule.role_policy }
}

output "log_group_names" {
  description = "Names of the log groups, by who writes them: the functions and run (the state machine)."
  value       = { for writer, submodule in local.logs : writer => submodule.log_group_name }
}

output "log_group_arns" {
  description = "ARNs of the log groups, by who writes them."
  value       = { for writer, submodule in local.logs : writer => submodule.log_group_arn }
}

output "alarm_names" {
  description = "Names of the alarms, by what they watch."
  value       = merge(var.create ? module.alerts[0].alarm_names : {}, module.queue[*].alarm_names...)
}

output "alarm_arns" {
  description = "ARNs of the alarms, by what they watch."
  value       = merge(var.create ? module.alerts[0].alarm_arns : {}, module.queue[*].alarm_arns...)
}

output "rule_arns" {
  description = "ARNs of the EventBridge rules that report failures, by what they report."
  value       = var.create ? module.alerts[0].rule_arns : {}
}

output "dashboard" {
  description = "The dashboard; null where it is not enabled. Its name, where it is looked at, and what a person must be allowed (IAM policies, JSON) who looks at it, or operates by it."
  value = one([for dashboard in module.dashboard : {
    name            = dashboard.name
    arn             = dashboard.arn
    url             = local.dashboard_url
    viewer_policy   = dashboard.viewer_policy
    operator_policy = dashboard.operator_policy
  }])
}

output "queue" {
  description = "The delivery queue; null where it is not enabled. Entries go to url, by whoever has enqueue_policy (JSON)."
  value = one([for queue in module.queue : {
    url                       = queue.url
    arn                       = queue.arn
    name                      = queue.name
    dead_letter_url           = queue.dead_letter_url
    dead_letter_arn           = queue.dead_letter_arn
    dead_letter_name          = queue.dead_letter_name
    enqueue_policy            = queue.enqueue_policy
    event_source_mapping_uuid = queue.event_source_mapping_uuid
  }])
}

# What there is, by who it is: none of it where nothing is created.
locals {
  functions = merge(
    { for submodule in module.list_failed : "list_failed" => submodule },
    { for submodule in module.requeue_communication : "requeue_communication" => submodule },
    { for submodule in module.batch : "batch" => submodule },
    { for submodule in module.conclude : "conclude" => submodule },
    { for submodule in module.ledger_admin : "ledger_admin" => submodule },
    { for submodule in module.console_view : "console_view" => submodule },
    { for submodule in module.console_operate : "console_operate" => submodule },
    { for submodule in module.queue : "worker" => submodule.worker },
  )
  logs  = merge(local.functions, { for submodule in module.workflow : "run" => submodule })
  roles = merge(local.logs, { for submodule in module.schedule : "schedule" => submodule })
}
