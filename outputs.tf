output "state_machine_arn" {
  description = "ARN of the state machine; one execution is one run."
  value       = module.workflow.state_machine_arn
}

output "state_machine_name" {
  description = "Name of the state machine."
  value       = module.workflow.state_machine_name
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
  value       = module.notifications.topic_arn
}

output "topic_name" {
  description = "Name of the topic that notifications go to."
  value       = element(split(":", module.notifications.topic_arn), 5)
}

output "topic_policy" {
  description = "What the topic's policy has to allow, as JSON: for notifications.topic_arn; the module's own topic has it."
  value       = module.notifications.topic_policy
}

output "alerts_topic_policy" {
  description = "What the policy of notifications.alerts_topic_arn has to allow, as JSON; null where there is none."
  value       = module.notifications.alerts_topic_policy
}

output "ledger_table_name" {
  description = "Name of the ledger's table."
  value       = module.ledger.table_name
}

output "ledger_table_arn" {
  description = "ARN of the ledger's table."
  value       = module.ledger.table_arn
}

output "schedule_arn" {
  description = "ARN of the schedule."
  value       = module.schedule.arn
}

output "schedule_name" {
  description = "Name of the schedule."
  value       = module.schedule.name
}

output "schedule_group_name" {
  description = "Name of the schedule's group."
  value       = module.schedule.group_name
}

output "schedule_group_arn" {
  description = "ARN of the schedule's group."
  value       = module.schedule.group_arn
}

output "role_arns" {
  description = "ARNs of the roles, by who takes them: the functions, run (the state machine) and schedule."
  value       = { for owner, submodule in local.roles : owner => submodule.role_arn }
}

output "role_names" {
  description = "Names of the roles, by who takes them."
  value       = { for owner, submodule in local.roles : owner => submodule.role_name }
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
  value       = merge(module.alerts.alarm_names, module.queue[*].alarm_names...)
}

output "alarm_arns" {
  description = "ARNs of the alarms, by what they watch."
  value       = merge(module.alerts.alarm_arns, module.queue[*].alarm_arns...)
}

output "rule_arns" {
  description = "ARNs of the EventBridge rules that report failures, by what they report."
  value       = module.alerts.rule_arns
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
  description = "The first loop; null where it is not enabled. Entries go to url, by whoever has enqueue_policy (JSON)."
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

locals {
  functions = merge({
    list_failed           = module.list_failed
    requeue_communication = module.requeue_communication
    batch                 = module.batch
    conclude              = module.conclude
    ledger_admin          = module.ledger_admin
  }, { for view in module.console_view : "console_view" => view }, { for operate in module.console_operate : "console_operate" => operate }, { for queue in module.queue : "worker" => queue.worker })
  logs  = merge(local.functions, { run = module.workflow })
  roles = merge(local.logs, { schedule = module.schedule })
}
