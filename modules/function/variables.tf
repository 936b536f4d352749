variable "name" {
  description = "Name of the function and of its role."
  type        = string
}

variable "description" {
  description = "What the function does, as the console shows it."
  type        = string
}

variable "account" {
  description = "Where the module is: the AWS partition, the region and the account's id."

  type = object({
    partition = string
    region    = string
    id        = string
  })
}

variable "package" {
  description = "Path of the zip with the function's code."
  type        = string
}

variable "handler" {
  description = "Where Lambda enters the code: module.function."
  type        = string
}

variable "layers" {
  description = "ARNs of the layers the code imports from."
  type        = list(string)
  default     = []
}

variable "runtime" {
  description = "Lambda runtime."
  type        = string
}

variable "architecture" {
  description = "Instruction set: arm64 or x86_64."
  type        = string
}

variable "memory_mb" {
  description = "Memory in MB; CPU comes in proportion."
  type        = number
}

variable "timeout_seconds" {
  description = "Seconds after which Lambda ends an invocation."
  type        = number
}

variable "reserved_concurrency" {
  description = "Invocations at a time reserved for the function, which is also its limit; null for none."
  type        = number
  default     = null
}

variable "environment" {
  description = "Environment variables."
  type        = map(string)
}

variable "environment_source" {
  description = "What a user shortens when the environment is too long, as the error message says it."
  type        = string
}

variable "policy_documents" {
  description = "IAM policy documents (JSON) of what the code uses, beyond logs, traces and network."
  type        = list(string)
  default     = []
}

variable "asynchronous" {
  description = "How asynchronous invocations are retried and where their failures go; null leaves Lambda's defaults."
  default     = null

  type = object({
    maximum_retry_attempts    = number
    maximum_event_age_seconds = number
    failure_event_bus_arn     = string
  })
}

variable "vpc" {
  description = "Subnets and security groups of the function; null leaves it outside a VPC."
  default     = null

  type = object({
    subnet_ids         = set(string)
    security_group_ids = set(string)
  })
}

variable "tracing" {
  description = "Trace every invocation with X-Ray."
  type        = bool
}

variable "log_retention_days" {
  description = "Days the log is kept."
  type        = number
}

variable "kms_key_arn" {
  description = "KMS key for log and environment; null for keys of AWS."
  type        = string
  default     = null
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of the role."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}
