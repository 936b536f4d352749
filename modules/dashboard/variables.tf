variable "name" {
  description = "Name of the dashboard, and of the service in the metrics' dimensions."
  type        = string
}

variable "namespace" {
  description = "Namespace of the metrics that the functions publish."
  type        = string
}

variable "context" {
  description = "What all submodules share: the AWS partition, region and account they are in, and the tags of every resource."

  type = object({
    account = object({
      partition = string
      region    = string
      id        = string
    })
    tags = map(string)
  })
}

variable "sources" {
  description = "Names of the sources."
  type        = list(string)
}

variable "functions" {
  description = "The functions, each by its name and the name of its log group."
  type        = map(object({ name = string, log_group_name = string }))
}

variable "alarm_arns" {
  description = "ARNs of the alarms whose states are shown."
  type        = list(string)
}

variable "state_machine_arn" {
  description = "ARN of the state machine of runs."
  type        = string
}

variable "table_name" {
  description = "Name of the ledger's table."
  type        = string
}

variable "view_arn" {
  description = "ARN of the function that shows the console."
  type        = string
}

variable "operate_arn" {
  description = "ARN of the function that operators use; null for no such widget."
  type        = string
}

variable "queue" {
  description = "The delivery queue, where there is one: its queues, and its operations."

  type = object({
    name             = string
    dead_letter_name = string
    operations       = list(string)
  })
}
