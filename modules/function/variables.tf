variable "name" {
  description = "Name of the function and of its role."
  type        = string
}

variable "description" {
  description = "What the function does, as the console shows it."
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

variable "execution" {
  description = "What everything that runs shares: whether it is traced, the days its log is kept, the KMS key (null for keys of AWS), and its role's permissions boundary (null for none)."

  type = object({
    tracing                  = bool
    log_retention_days       = number
    kms_key_arn              = string
    permissions_boundary_arn = string
  })
}

variable "package" {
  description = "Path of the zip with the function's code: conclude.zip is entered at conclude.handler.handler."
  type        = string
}

variable "lambda" {
  description = "What the function runs on; a reserved_concurrency of null reserves nothing. Null makes a role and a log group for it, and leaves Lambda the log's format."

  type = object({
    runtime              = string
    architecture         = string
    layers               = list(string)
    memory_mb            = number
    timeout_seconds      = number
    reserved_concurrency = number
    role                 = object({ arn = string })
    log_group            = object({ name = string })
    log_format           = string
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
    failure_function_arn      = string
  })
}
