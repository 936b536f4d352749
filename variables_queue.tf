variable "queue" {
  description = <<-EOT
    A delivery queue, for an application that has no queue and workers of its own: docs/queue.md says what it does.
    - enabled: false for none of it.
    - ttl_seconds: how long an entry waits after the first time it could not be sent. Each wait is up to a quarter longer, at random.
    - backoff_rate: how much longer each wait is than the one before.
    - max_receives: how often an entry is tried before it is given up.
    - batch_size: most entries one invocation of the worker gets, which it tries one after the other.
    - max_concurrency: most invocations of the worker at a time.
    - retention_days: how long an entry may be in the queue. Dead letters are kept for 14 days, those that SQS moved itself counted from when they were enqueued.
    - alarm_age_seconds: the age of the oldest entry above which there is an alarm; null for ten minutes more than an entry may take to be tried for the third time.
    - worker.paths: for each operation, such as send.email, where the application is asked to do it, below api.base_url; may hold {primaryId} and {operation}. At least one.
    - worker.method: POST, PUT or PATCH.
    - worker.timeout_seconds: how long the application may take to answer, in place of api.read_timeout_seconds.
    - worker.given_up_path: where the application is told of an entry that was given up; null for nowhere.
    - worker.enabled: false stops it; entries wait in the queue, at most retention_days.
  EOT

  type = object({
    enabled           = optional(bool, false)
    ttl_seconds       = optional(number, 900)
    backoff_rate      = optional(number, 2)
    max_receives      = optional(number, 5)
    batch_size        = optional(number, 10)
    max_concurrency   = optional(number, 5)
    retention_days    = optional(number, 7)
    alarm_age_seconds = optional(number)
    worker = optional(object({
      paths           = optional(map(string), {})
      method          = optional(string, "POST")
      timeout_seconds = optional(number, 20)
      given_up_path   = optional(string)
      enabled         = optional(bool, true)
    }), {})
  })
  default  = {}
  nullable = false
}
