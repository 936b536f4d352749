variable "worker" {
  description = <<-EOT
    What asks the application to send each entry.
    - paths: for each operation, such as send.email, where the application is asked to do it, below api.base_url; may hold {primaryId} and {operation}.
    - method: POST, PUT or PATCH.
    - timeout_seconds: how long the application may take to answer, in place of api.read_timeout_seconds.
    - given_up_path: where the application is told of an entry that was given up; null for nowhere.
    - enabled: false pauses it; entries wait in the queue, at most retention_days.
  EOT

  type = object({
    paths           = map(string)
    method          = optional(string, "POST")
    timeout_seconds = optional(number, 20)
    given_up_path   = optional(string)
    enabled         = optional(bool, true)
  })
  nullable = false

  validation {
    condition     = length(var.worker.paths) > 0
    error_message = "worker.paths must say for at least one operation where the application is asked to do it, such as { \"send.email\" = \"/emails/{primaryId}/send\" }."
  }

  validation {
    condition = alltrue([for operation in keys(var.worker.paths) : can(regex("^[A-Za-z][A-Za-z0-9._-]{0,63}$", operation))])
    error_message = format(
      "The keys of worker.paths must be names of operations such as send.email, at most 64 letters, digits, dots, hyphens and underscores; not so: %s.",
      join(", ", [for operation in keys(var.worker.paths) : operation if !can(regex("^[A-Za-z][A-Za-z0-9._-]{0,63}$", operation))]),
    )
  }

  validation {
    condition = alltrue([for path in values(var.worker.paths) : can(regex("^/(\\{primaryId\\}|\\{operation\\}|[^?#\\pC\\pZ{}])*$", path))])
    error_message = format(
      "worker.paths must begin with / and may hold {primaryId} and {operation}, such as /emails/{primaryId}/send; not so for: %s.",
      join(", ", [for operation, path in var.worker.paths : operation if !can(regex("^/(\\{primaryId\\}|\\{operation\\}|[^?#\\pC\\pZ{}])*$", path))]),
    )
  }

  validation {
    condition     = contains(["POST", "PUT", "PATCH"], var.worker.method)
    error_message = "worker.method must be POST, PUT or PATCH; it is \"${var.worker.method}\"."
  }

  validation {
    condition     = var.worker.timeout_seconds > 0 && var.worker.timeout_seconds <= 600
    error_message = "worker.timeout_seconds must be above 0 and at most 600; it is ${var.worker.timeout_seconds}."
  }

  validation {
    condition     = var.worker.given_up_path == null ? true : can(regex("^/(\\{primaryId\\}|\\{operation\\}|[^?#\\pC\\pZ{}])*$", var.worker.given_up_path))
    error_message = "worker.given_up_path must begin with / and may hold {primaryId} and {operation}, such as /communications/{primaryId}/given-up, or be null; it is \"${var.worker.given_up_path == null ? "null" : var.worker.given_up_path}\"."
  }
}

variable "ttl_seconds" {
  description = "How long an entry waits after the first time it could not be sent. Each wait is up to a quarter longer, at random."
  type        = number
  default     = 900
  nullable    = false

  validation {
    condition     = var.ttl_seconds >= 1 && var.ttl_seconds <= 43200 && floor(var.ttl_seconds) == var.ttl_seconds
    error_message = "ttl_seconds must be a whole number from 1 to 43200 (12 hours, the longest SQS lets an entry wait); it is ${var.ttl_seconds}."
  }
}

variable "backoff_rate" {
  description = "How much longer each wait is than the one before."
  type        = number
  default     = 2
  nullable    = false

  validation {
    condition     = var.backoff_rate >= 1 && var.backoff_rate <= 10
    error_message = "backoff_rate must be from 1 to 10; it is ${var.backoff_rate}."
  }
}

variable "max_receives" {
  description = "How often an entry is tried before it is given up."
  type        = number
  default     = 5
  nullable    = false

  validation {
    condition     = var.max_receives >= 1 && var.max_receives <= 100 && floor(var.max_receives) == var.max_receives
    error_message = "max_receives must be a whole number from 1 to 100; it is ${var.max_receives}."
  }
}

variable "batch_size" {
  description = "Most entries one invocation of the worker gets, which it tries one after the other."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.batch_size >= 1 && var.batch_size <= 10 && floor(var.batch_size) == var.batch_size
    error_message = "batch_size must be a whole number from 1 to 10; it is ${var.batch_size}."
  }
}

variable "max_concurrency" {
  description = "Most invocations of the worker at a time, which is the most requests the application gets at a time."
  type        = number
  default     = 5
  nullable    = false

  validation {
    condition     = var.max_concurrency >= 2 && var.max_concurrency <= 1000 && floor(var.max_concurrency) == var.max_concurrency
    error_message = "max_concurrency must be a whole number from 2 to 1000, which is what Lambda offers for a queue; it is ${var.max_concurrency}."
  }
}

variable "retention_days" {
  description = "Days an entry may be in the queue. Dead letters are kept for 14 days, those that SQS moved itself counted from when they were enqueued."
  type        = number
  default     = 7
  nullable    = false

  validation {
    condition     = var.retention_days >= 1 && var.retention_days <= 13 && floor(var.retention_days) == var.retention_days
    error_message = "retention_days must be a whole number from 1 to 13, less than the 14 days that dead letters are kept; it is ${var.retention_days}."
  }
}

variable "alarm_age_seconds" {
  description = "The age of the oldest entry above which there is an alarm; null for ten minutes more than an entry may take to be tried for the third time."
  type        = number
  default     = null

  validation {
    condition     = var.alarm_age_seconds == null ? true : var.alarm_age_seconds >= 60 && floor(var.alarm_age_seconds) == var.alarm_age_seconds
    error_message = "alarm_age_seconds must be a whole number from 60, or null; it is ${coalesce(var.alarm_age_seconds, 0)}."
  }
}

variable "alarms_enabled" {
  description = "Whether there are alarms."
  type        = bool
  default     = true
  nullable    = false
}

variable "alarm_actions" {
  description = "ARNs of what each alarm also tells, when it begins and when it is over: with alarm_topic_arn five at most."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition = alltrue([for arn in var.alarm_actions : can(regex("^arn:[^:]+:[^:]+:[^:]*:[^:]*:\\S+$", arn)) && !can(regex("[.]fifo$", arn))])
    error_message = format(
      "alarm_actions must be ARNs, and no FIFO topics, to which alarms cannot publish; not so: %s.",
      join(", ", [for arn in var.alarm_actions : arn == null ? "null" : arn if !can(regex("^arn:[^:]+:[^:]+:[^:]*:[^:]*:\\S+$", arn)) || can(regex("[.]fifo$", arn))]),
    )
  }
}

variable "alarm_topic_arn" {
  description = "SNS topic the alarms publish to; its policy must let cloudwatch.amazonaws.com do so. Null for none: the alarms only show in the console."
  type        = string
  default     = null

  validation {
    condition     = var.alarm_topic_arn == null ? true : can(regex("^arn:[^:]+:sns:[^:]+:[0-9]{12}:[A-Za-z0-9_-]+$", var.alarm_topic_arn))
    error_message = "alarm_topic_arn must be the ARN of a standard SNS topic (alarms cannot publish to a FIFO topic), such as arn:aws:sns:eu-west-1:123456789012:operations; it is \"${var.alarm_topic_arn == null ? "null" : var.alarm_topic_arn}\"."
  }
}

variable "lambda" {
  description = <<-EOT
    The worker function.
    - runtime: python3.11, python3.12 or python3.13.
    - architecture: arm64 or x86_64.
    - memory_mb: CPU comes in proportion.
    - log_level: DEBUG, INFO, WARNING, ERROR or CRITICAL.
    - log_format: Text or JSON, as Lambda writes its own lines; null leaves the function what it has, which is Text for a new one.
    - reserved_concurrency: invocations at a time taken from the account's, at least max_concurrency; null for none.
    - role_arns: { worker = … } for a role that is there already; then none is made.
  EOT

  type = object({
    runtime              = optional(string, "python3.13")
    architecture         = optional(string, "arm64")
    memory_mb            = optional(number, 256)
    log_level            = optional(string, "INFO")
    log_format           = optional(string)
    reserved_concurrency = optional(number)
    role_arns            = optional(map(string))
  })
  default  = {}
  nullable = false

  validation {
    condition     = contains(["python3.11", "python3.12", "python3.13"], var.lambda.runtime)
    error_message = "lambda.runtime must be python3.11, python3.12 or python3.13; it is \"${var.lambda.runtime}\"."
  }

  validation {
    condition     = contains(["arm64", "x86_64"], var.lambda.architecture)
    error_message = "lambda.architecture must be arm64 or x86_64; it is \"${var.lambda.architecture}\"."
  }

  validation {
    condition     = var.lambda.memory_mb >= 128 && var.lambda.memory_mb <= 10240 && floor(var.lambda.memory_mb) == var.lambda.memory_mb
    error_message = "lambda.memory_mb must be a whole number from 128 to 10240; it is ${var.lambda.memory_mb}."
  }

  validation {
    condition     = contains(["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], var.lambda.log_level)
    error_message = "lambda.log_level must be DEBUG, INFO, WARNING, ERROR or CRITICAL; it is \"${var.lambda.log_level}\"."
  }

  validation {
    condition     = var.lambda.log_format == null ? true : contains(["Text", "JSON"], var.lambda.log_format)
    error_message = "lambda.log_format must be Text or JSON, or null; it is \"${var.lambda.log_format == null ? "null" : var.lambda.log_format}\"."
  }

  validation {
    condition     = var.lambda.role_arns == null ? true : join(", ", keys(var.lambda.role_arns)) == "worker"
    error_message = "lambda.role_arns must have worker and nothing else; it has ${join(", ", try(keys(var.lambda.role_arns), []))}."
  }

  validation {
    condition     = alltrue([for arn in try(values(var.lambda.role_arns), []) : can(regex("^arn:[^:]+:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]+$", arn))])
    error_message = "lambda.role_arns.worker must be the ARN of an IAM role, such as arn:aws:iam::123456789012:role/redrive-worker."
  }

  validation {
    condition     = var.lambda.reserved_concurrency == null ? true : var.lambda.reserved_concurrency >= 1 && floor(var.lambda.reserved_concurrency) == var.lambda.reserved_concurrency
    error_message = "lambda.reserved_concurrency must be a whole number from 1, or null for none (to pause, set worker.enabled = false); it is ${coalesce(var.lambda.reserved_concurrency, 0)}."
  }
}

variable "log_groups" {
  description = "{ worker = … } for a log group that is there already, by its name; then none is made. Its retention and its key are its owner's. Whoever takes it out again sets lambda.log_format, or Lambda goes on writing there."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = length(setsubtract(keys(var.log_groups), ["worker"])) == 0
    error_message = "log_groups may have worker; it also has ${join(", ", setsubtract(keys(var.log_groups), ["worker"]))}."
  }

  validation {
    condition     = alltrue([for name in values(var.log_groups) : can(regex("^[A-Za-z0-9_/.#-]{1,512}$", name))])
    error_message = "log_groups.worker must be the name of a log group, such as /organisation/redrive, and no ARN."
  }
}

variable "layers" {
  description = "ARNs of the layers with the libraries that the worker imports, where they are there already; null to make them."
  type        = list(string)
  default     = null

  validation {
    condition     = var.layers == null ? true : length(var.layers) > 0 && alltrue([for arn in var.layers : can(regex("^arn:[^:]+:lambda:[^:]+:[0-9]{12}:layer:[^:]+:[0-9]+$", arn))])
    error_message = "layers must be ARNs of versions of layers, at least one, such as arn:aws:lambda:eu-west-1:123456789012:layer:libraries:1, or null to make them."
  }
}
