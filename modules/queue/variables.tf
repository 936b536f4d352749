# What every instance has, whether it is the whole module or modules/queue alone: the same file in both, which `make docs`
# copies. Terraform names all wrong inputs in one plan, and at the user's own line, only where he gives them.

variable "name" {
  description = "Name of this instance of the module; the name of everything on AWS begins with it."
  type        = string
  default     = "communications-redrive"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]*[a-z0-9])?$", var.name))
    error_message = "name must be lower-case letters, digits and hyphens, beginning with a letter and not ending with a hyphen, such as communications-redrive; it is \"${var.name}\"."
  }
}

variable "stage" {
  description = "The environment, such as production; the second part of every name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", var.stage))
    error_message = "stage must be lower-case letters, digits and hyphens, not beginning or ending with a hyphen, such as production; it is \"${var.stage}\"."
  }
}

variable "vpc" {
  description = <<-EOT
    The VPC of the functions that call the API, where the API can only be reached from there; null for none.
    - subnet_ids: private subnets with a way to the API and to the AWS services (NAT, or endpoints for states, lambda, dynamodb, secretsmanager and, with queue, sqs).
    - security_group_ids: groups that let that traffic out.
  EOT

  type = object({
    subnet_ids         = set(string)
    security_group_ids = set(string)
  })
  default = null

  validation {
    condition     = var.vpc == null ? true : try(length(var.vpc.subnet_ids) > 0 && length(var.vpc.subnet_ids) <= 16 && alltrue([for id in var.vpc.subnet_ids : can(regex("^subnet-[0-9a-f]+$", id))]), false)
    error_message = "vpc.subnet_ids must be one or more ids of subnets, at most 16, such as subnet-0123456789abcdef0; better two, in different availability zones."
  }

  validation {
    condition     = var.vpc == null ? true : try(length(var.vpc.security_group_ids) > 0 && length(var.vpc.security_group_ids) <= 5 && alltrue([for id in var.vpc.security_group_ids : can(regex("^sg-[0-9a-f]+$", id))]), false)
    error_message = "vpc.security_group_ids must be one or more ids of security groups, at most 5, such as sg-0123456789abcdef0."
  }
}

variable "tracing" {
  description = "Trace runs, batches and every invocation with X-Ray."
  type        = bool
  default     = true
  nullable    = false
}

variable "log_retention_days" {
  description = "Days every log is kept; 0 for no limit."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = contains([0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be what CloudWatch Logs offers: 0 (no limit), 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653; it is ${var.log_retention_days}."
  }
}

variable "kms_key_arn" {
  description = "KMS key for everything that holds data: logs, environment, executions, topic, ledger and queues. Its policy must let these services use it. With null, keys of AWS encrypt all but the topic, which has none: with a key of AWS, CloudWatch alarms could not publish to it."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null ? true : can(regex("^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a KMS key, not of an alias, such as arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab; it is \"${var.kms_key_arn == null ? "null" : var.kms_key_arn}\"."
  }
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of every role, where your organisation asks for one."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null ? true : can(regex("^arn:[^:]+:iam::([0-9]{12}|aws):policy/[A-Za-z0-9_+=,.@/-]+$", var.permissions_boundary_arn))
    error_message = "permissions_boundary_arn must be the ARN of an IAM policy, such as arn:aws:iam::123456789012:policy/boundary; it is \"${var.permissions_boundary_arn == null ? "null" : var.permissions_boundary_arn}\"."
  }
}

variable "tags" {
  description = "Tags of every resource that can carry some."
  type        = map(string)
  default     = {}
  nullable    = false

  # What every service takes: IAM and Step Functions take no other characters, and to IAM "Owner" and "owner" are one key.
  validation {
    condition = alltrue([for key in keys(var.tags) : !startswith(lower(key), "aws:") && can(regex("^[\\pL\\pZ\\pN_.:/=+@-]{1,128}$", key))])
    error_message = format(
      "The keys of tags must have 1 to 128 characters (letters, digits, spaces and _ . : / = + - @) and not begin with aws:, which is reserved; not so: %s.",
      join(", ", [for key in keys(var.tags) : "\"${key}\"" if startswith(lower(key), "aws:") || !can(regex("^[\\pL\\pZ\\pN_.:/=+@-]{1,128}$", key))]),
    )
  }

  validation {
    condition = alltrue([for value in values(var.tags) : can(regex("^[\\pL\\pZ\\pN_.:/=+@-]{0,256}$", value == null ? "" : value))])
    error_message = format(
      "The values of tags must have at most 256 characters (letters, digits, spaces and _ . : / = + - @); not so: %s.",
      join(", ", [for key, value in var.tags : "\"${key}\"" if !can(regex("^[\\pL\\pZ\\pN_.:/=+@-]{0,256}$", value == null ? "" : value))]),
    )
  }

  validation {
    condition     = length(var.tags) <= 50 && length(distinct([for key in keys(var.tags) : lower(key)])) == length(var.tags)
    error_message = "tags must be at most 50, and no two keys may differ in upper and lower case alone, as IAM takes them for one; there are ${length(var.tags)}."
  }
}
