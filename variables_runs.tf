variable "create" {
  description = "Whether there is anything at all; false creates nothing, and destroys what is there. The ledger goes too, unless ledger.deletion_protection refuses."
  type        = bool
  default     = true
  nullable    = false
}

variable "mode" {
  description = "What the schedule does with what it finds: redrive sends it; report lists and decides, mails by source and reason what would be sent, and sends nothing. A person's call of list_failed sends in both modes."
  type        = string
  default     = "redrive"
  nullable    = false

  validation {
    condition     = contains(["redrive", "report"], var.mode)
    error_message = "mode must be redrive or report; it is \"${var.mode}\"."
  }
}

variable "schedule" {
  description = <<-EOT
    When a run starts.
    - expression: rate() or cron() of EventBridge Scheduler, such as rate(15 minutes) or cron(0 7 ? * MON-FRI *).
    - timezone: IANA time zone in which a cron() is read, such as Europe/Berlin.
    - enabled: false turns it off.
    - flexible_window_minutes: by how much a run may start late, to spread load; 0 for on time.
    - period_minutes: the longest time between two runs, for the alarm when the schedule misses three. Read from rate(), and a day for a cron() that fires every day; for any other cron() there is no alarm unless this is given, and none where it is more than seven days.
  EOT

  type = object({
    expression              = optional(string, "rate(1 hour)")
    timezone                = optional(string, "UTC")
    enabled                 = optional(bool, true)
    flexible_window_minutes = optional(number, 0)
    period_minutes          = optional(number)
  })
  default  = {}
  nullable = false

  validation {
    condition = anytrue([
      can(regex("^rate\\((1 (minute|hour|day)|([2-9]|[1-9][0-9]+) (minutes|hours|days))\\)$", var.schedule.expression)),
      can(regex("^cron\\([^\\s()]+( [^\\s()]+){5}\\)$", var.schedule.expression)),
    ])
    error_message = "schedule.expression must be rate(value unit), such as rate(1 hour) or rate(15 minutes), or cron() with six fields, such as cron(0 7 ? * MON-FRI *); it is \"${var.schedule.expression}\"."
  }

  # What each field may hold: of what is counted there, and of marks for the month's end, its weekdays and the like. EventBridge
  # wants one of the days to be ?, which says that the other one decides.
  validation {
    condition = alltrue([
      for field, kinds in [
        ["[0-9]+", "\\*"],
        ["[0-9]+", "\\*"],
        ["[0-9]+", "\\?|LW?|L-[0-9]+|[0-9]+W"],
        ["[0-9]+|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC", "\\*"],
        ["[0-9]+|SUN|MON|TUE|WED|THU|FRI|SAT", "\\?|([0-9]|[A-Z]{3})?L|([0-9]|[A-Z]{3})#[1-5]"],
        ["[0-9]+", "\\*"],
      ] :
      alltrue([for item in split(",", try(split(" ", regex("^cron\\((.*)\\)$", var.schedule.expression)[0])[field], "*")) :
        can(regex("(?i)^(${kinds[1]}|(\\*|(${kinds[0]})(-(${kinds[0]}))?)(/[1-9][0-9]*)?)$", item))
      ])
    ]) && length([for field in [2, 4] : field if try(split(" ", regex("^cron\\((.*)\\)$", var.schedule.expression)[0])[field], field == 2 ? "?" : "*") == "?"]) == 1
    error_message = "schedule.expression must have numbers, names such as JAN and MON, and * , - / in the fields of a cron(), and a ? either for the days of the month or for the days of the week, such as cron(0 7 * * ? *) or cron(0 7 ? * MON-FRI *); it is \"${var.schedule.expression}\"."
  }

  # Not the numbers behind / and #, which count something else.
  validation {
    condition = alltrue([
      for field, range in [[0, 59], [0, 23], [1, 31], [1, 12], [1, 7], [1970, 2199]] : alltrue([
        for number in flatten(regexall("(?:^|[^/#0-9])([0-9]+)", try(split(" ", regex("^cron\\((.*)\\)$", var.schedule.expression)[0])[field], ""))) :
        tonumber(number) >= range[0] && tonumber(number) <= range[1]
      ])
    ])
    error_message = "schedule.expression must have minutes from 0 to 59, hours from 0 to 23, days of the month from 1 to 31, months from 1 to 12, days of the week from 1 to 7 and years from 1970 to 2199 in a cron(); it is \"${var.schedule.expression}\"."
  }

  validation {
    condition     = can(regex("^(UTC|[A-Z][A-Za-z_]+(/[A-Za-z0-9_+-]+){1,2})$", var.schedule.timezone))
    error_message = "schedule.timezone must be UTC or the name of an IANA time zone, such as Europe/Berlin; it is \"${var.schedule.timezone}\"."
  }

  validation {
    condition     = var.schedule.flexible_window_minutes >= 0 && var.schedule.flexible_window_minutes <= 1440 && floor(var.schedule.flexible_window_minutes) == var.schedule.flexible_window_minutes
    error_message = "schedule.flexible_window_minutes must be a whole number from 0 (off) to 1440; it is ${var.schedule.flexible_window_minutes}."
  }

  validation {
    condition     = var.schedule.period_minutes == null ? true : var.schedule.period_minutes >= 1 && floor(var.schedule.period_minutes) == var.schedule.period_minutes
    error_message = "schedule.period_minutes must be a whole number of minutes, at least 1, or null; it is ${coalesce(var.schedule.period_minutes, 0)}."
  }
}

variable "batch_size" {
  description = "Most communications of one batch, which is one child execution of a run."
  type        = number
  default     = 20
  nullable    = false

  validation {
    condition     = var.batch_size >= 1 && var.batch_size <= 100 && floor(var.batch_size) == var.batch_size
    error_message = "batch_size must be a whole number from 1 to 100; it is ${var.batch_size}."
  }
}

variable "max_per_run" {
  description = "Most communications of one run; the rest waits for the next."
  type        = number
  default     = 10000
  nullable    = false

  validation {
    condition     = var.max_per_run >= 1 && var.max_per_run <= 100000 && floor(var.max_per_run) == var.max_per_run
    error_message = "max_per_run must be a whole number from batch_size to 100000; it is ${var.max_per_run}."
  }
}

variable "max_concurrency" {
  description = "Most requests to the API at a time, over the whole run; they are split into batches side by side and communications of each."
  type        = number
  default     = 10
  nullable    = false

  validation {
    condition     = var.max_concurrency >= 1 && var.max_concurrency <= 1000 && floor(var.max_concurrency) == var.max_concurrency
    error_message = "max_concurrency must be a whole number from 1 to 1000; it is ${var.max_concurrency}."
  }
}

variable "max_requests_per_second" {
  description = "Most requeue requests a second, over the whole run, retries included, on average: one more may fall into a single second. Below 1 for less than one a second, null for no limit. Each costs a write to the ledger's table. Lists are read one request at a time, whatever it says."
  type        = number
  default     = null

  validation {
    condition     = var.max_requests_per_second == null ? true : var.max_requests_per_second >= 0.001 && var.max_requests_per_second <= 500
    error_message = "max_requests_per_second must be from 0.001, as slowDown takes it, to 500, or null for no limit; it is ${coalesce(var.max_requests_per_second, 0)}."
  }
}

variable "run_hours" {
  description = "Hours after which a run opens no further batch, and leaves the rest to the next run; null for no such deadline."
  type        = number
  default     = null

  validation {
    condition     = var.run_hours == null ? true : var.run_hours > 0 && var.run_hours <= 168
    error_message = "run_hours must be above 0 and at most 168, or null for no deadline; it is ${coalesce(var.run_hours, 0)}."
  }
}

variable "breaker" {
  description = <<-EOT
    The circuit breaker of a run, one for each source.
    - turned_away: after so many communications in a row that the API does not take, the source is left out for the rest of the run. It is counted by whole batches.
  EOT

  type = object({
    turned_away = optional(number, 50)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.breaker.turned_away >= 1 && var.breaker.turned_away <= 10000 && floor(var.breaker.turned_away) == var.breaker.turned_away
    error_message = "breaker.turned_away must be a whole number from 1 to 10000; it is ${var.breaker.turned_away}."
  }
}
