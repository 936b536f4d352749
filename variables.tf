variable "name" {
  description = "What this instance of the module is called; the names of everything on AWS begin with it."
  type        = string
  default     = "communications-redrive"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]([a-z0-9-]*[a-z0-9])?$", var.name))
    error_message = "name must be lower-case letters, digits and hyphens, beginning with a letter and not ending with a hyphen, such as communications-redrive; it is \"${var.name}\"."
  }
}

variable "stage" {
  description = "Which of your environments this is, such as production; the second part of every name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", var.stage))
    error_message = "stage must be lower-case letters, digits and hyphens, not beginning or ending with a hyphen, such as production; it is \"${var.stage}\"."
  }
}

variable "api" {
  description = <<-EOT
    The application's API and how to log in to it. Secrets only by the ARN of a Secrets Manager secret.
    - base_url: https:// with host and, if there is one, the path before every other path (http:// only for this machine itself).
    - auth.type: none, bearer, api_key, basic, oauth2_client_credentials or aws_iam.
    - auth.secret_arn: the secret; needed by every type but none and aws_iam.
    - auth.header: the header that carries the key of api_key.
    - auth.token_url, auth.scope, auth.audience: where oauth2_client_credentials gets its token, and for what.
    - auth.client_in: where the token endpoint wants the client's id and secret: header (HTTP Basic) or body.
    - auth.service, auth.region: what aws_iam signs requests for: execute-api (API Gateway) or lambda (a function URL); the region is read from an API Gateway URL, else the provider's.
    - auth.resource_arns: what the functions may call by aws_iam, such as arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/*; read from an API Gateway URL, else needed.
    - headers: further headers of every request; no credentials.
    - connect_timeout_seconds, read_timeout_seconds: timeouts per request.
    - ca_bundle_secret_arn: a secret with the PEM certificates that sign the API's, where no public authority does.
    - secrets_kms_key_arn: the key these secrets are encrypted with, if it is one of your own.
  EOT

  type = object({
    base_url = string
    auth = optional(object({
      type          = optional(string, "none")
      secret_arn    = optional(string)
      header        = optional(string, "X-Api-Key")
      token_url     = optional(string)
      scope         = optional(string)
      audience      = optional(string)
      client_in     = optional(string, "header")
      service       = optional(string, "execute-api")
      region        = optional(string)
      resource_arns = optional(list(string), [])
    }), {})
    headers                 = optional(map(string), {})
    connect_timeout_seconds = optional(number, 5)
    read_timeout_seconds    = optional(number, 20)
    ca_bundle_secret_arn    = optional(string)
    secrets_kms_key_arn     = optional(string)
  })
  nullable = false

  validation {
    condition     = can(regex("^(https://([^/?#@:%\\[\\]\\\\\\s]+|\\[[0-9A-Fa-f:.]+\\])(:[0-9]+)?|http://(localhost|127\\.[0-9]+\\.[0-9]+\\.[0-9]+|\\[::1\\])(:[0-9]+)?)(/[^?#\\\\\\s]*)?$", var.api.base_url))
    error_message = "api.base_url must be https://host or https://host/path, without user, query or fragment (http:// only for localhost, 127.0.0.1 and [::1]), such as https://app.example.com/api; it is \"${var.api.base_url}\"."
  }

  validation {
    condition     = contains(["none", "bearer", "api_key", "basic", "oauth2_client_credentials", "aws_iam"], var.api.auth.type)
    error_message = "api.auth.type must be none, bearer, api_key, basic, oauth2_client_credentials or aws_iam; it is \"${var.api.auth.type}\"."
  }

  validation {
    condition     = var.api.auth.secret_arn != null || !contains(["bearer", "api_key", "basic", "oauth2_client_credentials"], var.api.auth.type)
    error_message = "api.auth.secret_arn must be the ARN of a Secrets Manager secret where api.auth.type is ${var.api.auth.type}."
  }

  validation {
    condition = alltrue([
      for arn in [var.api.auth.secret_arn, var.api.ca_bundle_secret_arn] :
      arn == null ? true : can(regex("^arn:[^:]+:secretsmanager:[^:]+:[0-9]{12}:secret:.+-[A-Za-z0-9]{6}$", arn))
    ])
    error_message = "api.auth.secret_arn and api.ca_bundle_secret_arn must be whole ARNs of Secrets Manager secrets, with the six characters at the end, such as arn:aws:secretsmanager:eu-west-1:123456789012:secret:application/api-AbC123."
  }

  validation {
    condition     = can(regex("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", var.api.auth.header))
    error_message = "api.auth.header must be the name of an HTTP header, such as X-Api-Key; it is \"${var.api.auth.header}\"."
  }

  validation {
    condition     = var.api.auth.type != "oauth2_client_credentials" || can(regex("^(https://([^/?#@:%\\[\\]\\\\\\s]+|\\[[0-9A-Fa-f:.]+\\])(:[0-9]+)?|http://(localhost|127\\.[0-9]+\\.[0-9]+\\.[0-9]+|\\[::1\\])(:[0-9]+)?)(/[^#\\\\\\s]*)?$", var.api.auth.token_url))
    error_message = "api.auth.token_url must be the https:// URL that gives tokens where api.auth.type is oauth2_client_credentials, such as https://login.example.com/oauth2/token."
  }

  validation {
    condition     = contains(["header", "body"], var.api.auth.client_in)
    error_message = "api.auth.client_in must be header or body; it is \"${var.api.auth.client_in}\"."
  }

  validation {
    condition     = contains(["execute-api", "lambda"], var.api.auth.service)
    error_message = "api.auth.service must be execute-api (API Gateway) or lambda (a function URL); it is \"${var.api.auth.service}\"."
  }

  validation {
    condition     = var.api.auth.type != "aws_iam" || length(var.api.auth.resource_arns) > 0 || can(regex("^https://[a-z0-9]+\\.execute-api\\.[a-z0-9-]+\\.", var.api.base_url))
    error_message = "api.auth.resource_arns must say what the functions may call where api.auth.type is aws_iam and api.base_url is not https://<id>.execute-api.<region>…, such as [\"arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/*\"]."
  }

  validation {
    condition     = alltrue([for arn in var.api.auth.resource_arns : can(regex("^arn:[^:]+:[^:]+:[^:]*:[^:]*:.+$", arn))])
    error_message = "api.auth.resource_arns must be ARNs; not so: ${join(", ", [for arn in var.api.auth.resource_arns : arn if !can(regex("^arn:[^:]+:[^:]+:[^:]*:[^:]*:.+$", arn))])}."
  }

  validation {
    condition     = alltrue([for name in keys(var.api.headers) : !can(regex("(?i)auth|token|secret|key|password|credential|cookie|session", name))])
    error_message = "api.headers must hold no credentials, as they would stand in plan and state: use api.auth instead of ${join(", ", [for name in keys(var.api.headers) : name if can(regex("(?i)auth|token|secret|key|password|credential|cookie|session", name))])}."
  }

  validation {
    condition     = length(setintersection([for name in keys(var.api.headers) : lower(name)], ["host", "content-length", "content-type", "transfer-encoding", "connection"])) == 0
    error_message = "api.headers must leave out what every request sets for itself: ${join(", ", [for name in keys(var.api.headers) : name if contains(["host", "content-length", "content-type", "transfer-encoding", "connection"], lower(name))])}."
  }

  validation {
    condition     = alltrue([for name, value in var.api.headers : can(regex("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", name)) && can(regex("^[\\x20-\\x7e]*$", value))])
    error_message = "api.headers must have header names (letters, digits, hyphens) and values of printable ASCII on one line; not so: ${join(", ", [for name, value in var.api.headers : name if !can(regex("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", name)) || !can(regex("^[\\x20-\\x7e]*$", value))])}."
  }

  validation {
    condition     = var.api.connect_timeout_seconds > 0 && var.api.connect_timeout_seconds <= 60 && var.api.read_timeout_seconds > 0 && var.api.read_timeout_seconds <= 600
    error_message = "api.connect_timeout_seconds must be above 0 and at most 60, api.read_timeout_seconds above 0 and at most 600; they are ${var.api.connect_timeout_seconds} and ${var.api.read_timeout_seconds}."
  }

  validation {
    condition     = var.api.secrets_kms_key_arn == null ? true : can(regex("^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/.+$", var.api.secrets_kms_key_arn))
    error_message = "api.secrets_kms_key_arn must be the ARN of a KMS key, not of an alias, such as arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab."
  }
}

variable "sources" {
  description = <<-EOT
    The endpoints that list failed communications, each under a name of your choice that stands in logs and metrics.
    - path: below api.base_url.
    - operation: what the worker must do with what is listed here, such as send.email, send.sms or send.communications.
    - filters: query parameters that narrow the list to what failed; {} where the endpoint lists nothing else. They go along with every page, also where the API names the next page's URL.
    - filter_lists: query parameters with several values, each sent as often as it has values, such as { status = ["failed", "bounced"] } for status=failed&status=bounced.
    - pagination.style: none, page, offset, cursor (a token in the body), next_url (a whole URL in the body) or link_header (RFC 8288).
    - pagination.page_param, pagination.first_page: of style page: the parameter with the page's number, and the first number.
    - pagination.offset_param, pagination.first_offset: of style offset: the parameter with the number of items to skip, and the first number (1 for SCIM's startIndex).
    - pagination.cursor_param: of style cursor: the parameter with the token.
    - pagination.size_param, pagination.size: the parameter with the number of items on a page, and that number; size_param = "" sends none, and size is what the API gives of itself.
    - pagination.next: of styles cursor and next_url: where in the body the token or URL is, in JMESPath.
    - pagination.total: where in the body the number of items of the whole list is, in JMESPath; with it a list that broke off is told from one that ended.
    - items: where in the body the list is, in JMESPath (invalid expressions surface only at run time); @ is the body itself.
    - id: where in an item its primary key is, in JMESPath.
    - failed_at: where in an item the time of its failure is, in JMESPath; min_age_seconds and max_age_seconds need it.
    - min_age_seconds: how old a failure must be: the younger ones are left to the application's own retries.
    - max_age_seconds: how old a failure may be: the older ones are left alone; null for any age.
    - empty_statuses: HTTP statuses by which the API says that the list is empty, such as [204, 404].
    - requeue_path: a path of its own for what is listed here, before requeue.path.
    - id_space: which sources share ids. Sources of one operation do where they requeue at the same endpoint: one id is one communication, sent once. At another endpoint it is another communication. Set the same name, or different ones, where that is not so.
  EOT

  type = map(object({
    path         = string
    operation    = string
    filters      = map(string)
    filter_lists = optional(map(list(string)), {})
    pagination = optional(object({
      style        = optional(string, "none")
      page_param   = optional(string, "page")
      first_page   = optional(number, 1)
      offset_param = optional(string, "offset")
      first_offset = optional(number, 0)
      size_param   = optional(string, "limit")
      size         = optional(number, 100)
      cursor_param = optional(string, "cursor")
      next         = optional(string)
      total        = optional(string)
    }), {})
    items           = optional(string, "@")
    id              = optional(string, "id")
    failed_at       = optional(string)
    min_age_seconds = optional(number, 0)
    max_age_seconds = optional(number)
    empty_statuses  = optional(list(number), [204])
    requeue_path    = optional(string)
    id_space        = optional(string)
  }))
  nullable = false

  validation {
    condition     = length(var.sources) > 0
    error_message = "sources must have at least one source, such as { email = { path = \"/emails\", operation = \"send.email\", filters = { status = \"failed\" } } }."
  }

  validation {
    condition     = alltrue([for name in keys(var.sources) : can(regex("^[a-z][a-z0-9_-]{0,31}$", name))])
    error_message = "The names of sources must be at most 32 lower-case letters, digits, hyphens and underscores, beginning with a letter; not so: ${join(", ", [for name in keys(var.sources) : name if !can(regex("^[a-z][a-z0-9_-]{0,31}$", name))])}."
  }

  validation {
    condition     = alltrue([for source in values(var.sources) : can(regex("^/[^?#\\s]*$", source.path))])
    error_message = "sources[*].path must begin with / and have no query (that is what filters are for), such as /emails; not so in: ${join(", ", [for name, source in var.sources : name if !can(regex("^/[^?#\\s]*$", source.path))])}."
  }

  validation {
    condition     = alltrue([for source in values(var.sources) : can(regex("^[A-Za-z][A-Za-z0-9._-]{0,63}$", source.operation))])
    error_message = "sources[*].operation must be a name such as send.email, at most 64 letters, digits, dots, hyphens and underscores; not so in: ${join(", ", [for name, source in var.sources : name if !can(regex("^[A-Za-z][A-Za-z0-9._-]{0,63}$", source.operation))])}."
  }

  validation {
    condition     = alltrue([for source in values(var.sources) : alltrue([for value in values(source.filters) : value != null])])
    error_message = "sources[*].filters must have a value for each parameter, and leave out what is not to be sent; null in: ${join(", ", [for name, source in var.sources : name if !(alltrue([for value in values(source.filters) : value != null]))])}."
  }

  validation {
    condition     = alltrue([for source in values(var.sources) : alltrue([for name, values in source.filter_lists : try(length(values), 0) > 0 && try(alltrue([for value in values : value != null]), false) && !contains(keys(source.filters), name)])])
    error_message = "sources[*].filter_lists must have one or more values for each parameter, such as { status = [\"failed\", \"bounced\"] }, and no parameter that is in filters too; not so in: ${join(", ", [for name, source in var.sources : name if !(alltrue([for name, values in source.filter_lists : try(length(values), 0) > 0 && try(alltrue([for value in values : value != null]), false) && !contains(keys(source.filters), name)]))])}."
  }

  validation {
    condition     = alltrue([for source in values(var.sources) : contains(["none", "page", "offset", "cursor", "next_url", "link_header"], source.pagination.style)])
    error_message = "sources[*].pagination.style must be none, page, offset, cursor, next_url or link_header; not so in: ${join(", ", [for name, source in var.sources : "${name} (\"${source.pagination.style}\")" if !contains(["none", "page", "offset", "cursor", "next_url", "link_header"], source.pagination.style)])}."
  }

  validation {
    condition     = alltrue([for source in values(var.sources) : source.pagination.next != null || !contains(["cursor", "next_url"], source.pagination.style)])
    error_message = "sources[*].pagination.next must say in JMESPath where the next token or URL is where the style is cursor or next_url, such as \"meta.next_cursor\"; missing in: ${join(", ", [for name, source in var.sources : name if source.pagination.next == null && contains(["cursor", "next_url"], source.pagination.style)])}."
  }

  validation {
    condition     = alltrue([for source in values(var.sources) : source.pagination.size >= 1 && source.pagination.size <= 10000 && floor(source.pagination.size) == source.pagination.size])
    error_message = "sources[*].pagination.size must be a whole number from 1 to 10000; not so in: ${join(", ", [for name, source in var.sources : name if !(source.pagination.size >= 1 && source.pagination.size <= 10000 && floor(source.pagination.size) == source.pagination.size)])}."
  }

  validation {
    condition     = alltrue([for source in values(var.sources) : alltrue([for number in [source.pagination.first_page, source.pagination.first_offset] : number >= 0 && floor(number) == number])])
    error_message = "sources[*].pagination.first_page and first_offset must be whole numbers from 0; not so in: ${join(", ", [for name, source in var.sources : name if !(alltrue([for number in [source.pagination.first_page, source.pagination.first_offset] : number >= 0 && floor(number) == number]))])}."
  }

  validation {
    condition     = alltrue([for source in values(var.sources) : alltrue([for path in [source.items, source.id, source.pagination.next, source.pagination.total] : path != ""])])
    error_message = "sources[*].items, id, pagination.next and pagination.total must not be empty: they are JMESPath, such as @, id, meta.next and meta.total; empty in: ${join(", ", [for name, source in var.sources : name if !(alltrue([for path in [source.items, source.id, source.pagination.next, source.pagination.total] : path != ""]))])}."
  }

  validation {
    condition     = alltrue([for source in values(var.sources) : source.min_age_seconds >= 0 && (source.min_age_seconds > 0 || source.max_age_seconds != null ? try(length(source.failed_at) > 0, false) : source.failed_at == null)])
    error_message = "sources[*].failed_at goes together with min_age_seconds (a number above 0) or max_age_seconds: in JMESPath where an item says when it failed, such as \"failedAt\" and 900; not so in: ${join(", ", [for name, source in var.sources : name if !(source.min_age_seconds >= 0 && (source.min_age_seconds > 0 || source.max_age_seconds != null ? try(length(source.failed_at) > 0, false) : source.failed_at == null))])}."
  }

  validation {
    condition     = alltrue([for source in values(var.sources) : source.max_age_seconds == null ? true : source.max_age_seconds > source.min_age_seconds])
    error_message = "sources[*].max_age_seconds must be a number of seconds above min_age_seconds, or null for any age; not so in: ${join(", ", [for name, source in var.sources : name if !(source.max_age_seconds == null ? true : source.max_age_seconds > source.min_age_seconds)])}."
  }

  validation {
    condition     = alltrue([for source in values(var.sources) : alltrue([for status in source.empty_statuses : status >= 204 && status < 500 && floor(status) == status && (status < 300 || status >= 400) && !contains([401, 403, 408, 425, 429], status)])])
    error_message = "sources[*].empty_statuses must be HTTP statuses by which an API can say that nothing failed: 2xx from 204, or 4xx other than 401, 403, 408, 425 and 429, such as [204, 404]; not so in: ${join(", ", [for name, source in var.sources : name if !(alltrue([for status in source.empty_statuses : status >= 204 && status < 500 && floor(status) == status && (status < 300 || status >= 400) && !contains([401, 403, 408, 425, 429], status)]))])}."
  }

  validation {
    condition     = alltrue([for source in values(var.sources) : source.requeue_path == null ? true : can(regex("^/(\\{primaryId\\}|\\{operation\\}|[^?#\\s{}])*$", source.requeue_path))])
    error_message = "sources[*].requeue_path must begin with / and may hold {primaryId} and {operation}, such as /emails/{primaryId}/requeue; not so in: ${join(", ", [for name, source in var.sources : name if source.requeue_path == null ? false : !can(regex("^/(\\{primaryId\\}|\\{operation\\}|[^?#\\s{}])*$", source.requeue_path))])}."
  }

  validation {
    condition     = alltrue([for source in values(var.sources) : source.id_space == null ? true : can(regex("^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$", source.id_space))])
    error_message = "sources[*].id_space must be 1 to 64 letters, digits, dots, hyphens, underscores and @, beginning with a letter or digit, such as letters; not so in: ${join(", ", [for name, source in var.sources : name if !(source.id_space == null ? true : can(regex("^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$", source.id_space)))])}."
  }
}

variable "requeue" {
  description = <<-EOT
    How one communication is sent back.
    - path: below api.base_url; may hold {primaryId} and {operation}.
    - method: POST, PUT or PATCH.
    - created_by: who the queue entry says has made it; the module's name and stage unless given.
    - accepted: what must hold of the JSON of a 2xx answer, in JMESPath, such as success, for an API that says no with a 200; null where a 2xx is enough.
  EOT

  type = object({
    path       = string
    method     = optional(string, "POST")
    created_by = optional(string)
    accepted   = optional(string)
  })
  nullable = false

  validation {
    condition     = can(regex("^/(\\{primaryId\\}|\\{operation\\}|[^?#\\s{}])*$", var.requeue.path))
    error_message = "requeue.path must begin with / and may hold {primaryId} and {operation}, such as /communications/requeue; it is \"${var.requeue.path}\"."
  }

  validation {
    condition     = contains(["POST", "PUT", "PATCH"], var.requeue.method)
    error_message = "requeue.method must be POST, PUT or PATCH; it is \"${var.requeue.method}\"."
  }

  validation {
    condition     = var.requeue.accepted == null ? true : trimspace(var.requeue.accepted) != ""
    error_message = "requeue.accepted must not be empty: it is JMESPath, such as success, or null where a 2xx is enough."
  }

  validation {
    condition     = var.requeue.created_by == null ? true : can(regex("^[^\\s[:cntrl:]][^[:cntrl:]]{0,127}$", var.requeue.created_by))
    error_message = "requeue.created_by must be 1 to 128 printable characters, not beginning with a space."
  }
}

variable "mode" {
  description = "What the schedule does with what it finds: redrive sends it; report lists and judges, mails by source and reason what would be sent, and sends nothing. A person's call of list_failed sends in both modes."
  type        = string
  default     = "redrive"
  nullable    = false

  validation {
    condition     = contains(["redrive", "report"], var.mode)
    error_message = "mode must be redrive or report; it is \"${var.mode}\"."
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
    error_message = "max_per_run must be a whole number from 1, and at least batch_size, to 100000; it is ${var.max_per_run}."
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
  description = "Most requeue requests in a second, over the whole run, retries included; below 1 for less than one a second, null for no limit. Each costs a write to the ledger's table."
  type        = number
  default     = null

  validation {
    condition     = var.max_requests_per_second == null ? true : var.max_requests_per_second > 0 && var.max_requests_per_second <= 500
    error_message = "max_requests_per_second must be above 0 and at most 500, or null for no limit; it is ${coalesce(var.max_requests_per_second, 0)}."
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
    - turned_away: so many communications in a row that the API does not take leave the source out for the rest of the run. It is counted by whole batches.
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

variable "retry" {
  description = <<-EOT
    How a communication is tried again within its batch while the API is unavailable. Each wait is a random part of what is said here.
    - max_attempts: retries after the first try; 0 for none.
    - interval_seconds: the first wait.
    - backoff_rate: how much longer each wait is than the one before.
    - max_delay_seconds: the longest wait.
  EOT

  type = object({
    max_attempts      = optional(number, 3)
    interval_seconds  = optional(number, 2)
    backoff_rate      = optional(number, 2)
    max_delay_seconds = optional(number, 60)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.retry.max_attempts >= 0 && var.retry.max_attempts <= 10 && floor(var.retry.max_attempts) == var.retry.max_attempts
    error_message = "retry.max_attempts must be a whole number from 0 to 10; it is ${var.retry.max_attempts}."
  }

  validation {
    condition     = var.retry.interval_seconds >= 1 && var.retry.interval_seconds <= 3600 && floor(var.retry.interval_seconds) == var.retry.interval_seconds
    error_message = "retry.interval_seconds must be a whole number from 1 to 3600; it is ${var.retry.interval_seconds}."
  }

  validation {
    condition     = var.retry.backoff_rate >= 1 && var.retry.backoff_rate <= 10
    error_message = "retry.backoff_rate must be from 1 to 10; it is ${var.retry.backoff_rate}."
  }

  validation {
    condition     = var.retry.max_delay_seconds > var.retry.interval_seconds && var.retry.max_delay_seconds <= 86400 && floor(var.retry.max_delay_seconds) == var.retry.max_delay_seconds
    error_message = "retry.max_delay_seconds must be a whole number above retry.interval_seconds (${var.retry.interval_seconds}) and at most 86400; it is ${var.retry.max_delay_seconds}."
  }
}

variable "redrive_limit" {
  description = <<-EOT
    How often a communication is sent back, and how long it waits in between. What the API turns away counts only by the run's verdict: outages of less than open_hours don't count as attempts.
    - max_attempts: afterwards it waits for a person.
    - cooldown_seconds: how long the application has to deliver what it took back, before it counts as failed again; longer than its queue ever is.
    - backoff_rate: how much longer each wait is than the one before.
    - max_cooldown_seconds: the longest wait.
    - open_hours: how long a communication may be turned away before it is charged with an attempt, whoever is to blame.
    - retention_days: how long the ledger remembers a communication that no longer fails.
  EOT

  type = object({
    max_attempts         = optional(number, 5)
    cooldown_seconds     = optional(number, 900)
    backoff_rate         = optional(number, 2)
    max_cooldown_seconds = optional(number, 86400)
    open_hours           = optional(number, 24)
    retention_days       = optional(number, 30)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.redrive_limit.max_attempts >= 1 && var.redrive_limit.max_attempts <= 100 && floor(var.redrive_limit.max_attempts) == var.redrive_limit.max_attempts
    error_message = "redrive_limit.max_attempts must be a whole number from 1 to 100; it is ${var.redrive_limit.max_attempts}."
  }

  validation {
    condition     = var.redrive_limit.cooldown_seconds >= 1 && var.redrive_limit.cooldown_seconds <= var.redrive_limit.max_cooldown_seconds
    error_message = "redrive_limit.cooldown_seconds must be from 1 to redrive_limit.max_cooldown_seconds (${var.redrive_limit.max_cooldown_seconds}); it is ${var.redrive_limit.cooldown_seconds}."
  }

  validation {
    condition     = var.redrive_limit.backoff_rate >= 1 && var.redrive_limit.backoff_rate <= 10
    error_message = "redrive_limit.backoff_rate must be from 1 to 10; it is ${var.redrive_limit.backoff_rate}."
  }

  validation {
    condition     = var.redrive_limit.max_cooldown_seconds <= 604800
    error_message = "redrive_limit.max_cooldown_seconds must be at most 604800 (a week); it is ${var.redrive_limit.max_cooldown_seconds}."
  }

  validation {
    condition     = var.redrive_limit.open_hours >= 1 && var.redrive_limit.open_hours <= 720
    error_message = "redrive_limit.open_hours must be from 1 to 720; it is ${var.redrive_limit.open_hours}."
  }

  validation {
    condition     = var.redrive_limit.retention_days >= 8 && var.redrive_limit.retention_days <= 3650
    error_message = "redrive_limit.retention_days must be from 8, beyond the longest wait, to 3650; it is ${var.redrive_limit.retention_days}."
  }
}

variable "ledger" {
  description = <<-EOT
    The ledger's table.
    - deletion_protection: refuse to destroy it until this is turned off. Without its memory, what is under way is sent again.
  EOT

  type = object({
    deletion_protection = optional(bool, true)
  })
  default  = {}
  nullable = false
}

variable "schedule" {
  description = <<-EOT
    When a run starts.
    - expression: rate() or cron() of EventBridge Scheduler, such as rate(15 minutes) or cron(0 7 ? * MON-FRI *).
    - timezone: IANA time zone in which a cron() is read, such as Europe/Berlin.
    - enabled: false pauses it.
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

variable "notifications" {
  description = <<-EOT
    Who is notified, and of what.
    - emails: addresses; each gets a mail from AWS to confirm first.
    - on: success, failure or both. Failure includes runs that ended otherwise, what is new for a person, and the alarms.
    - digest: run for a digest of each run that has something new to say, daily for at most one in 24 hours, which adds up the runs since the last.
    - topic_arn: a topic of yours instead of one of the module's. Its policy must allow what the output topic_policy says.
    - create_topic: false where topic_arn is that of a topic made in the same apply, as the plan does not know it yet.
    - topic_kms_key_arn: the key of that topic, if it has one.
    - alerts_topic_arn: a topic of yours for alarms alone; null for the same as digests. There alarms are published whatever `on` says, also those that a digest says, too, and each says when it is over. Its policy must allow what the output alerts_topic_policy says.
    - subscriptions: further ones: protocol email-json, sms, https, sqs, lambda, firehose or application, its endpoint and, for sqs, https and firehose, raw_message_delivery; firehose needs subscription_role_arn. filter_policy takes only digests with these attributes, such as { severity = ["error", "warning"] }: result, severity (error, warning or info) and stage. Alarms have none, so a filter drops them.
  EOT

  type = object({
    emails            = optional(list(string), [])
    on                = optional(list(string), ["success", "failure"])
    digest            = optional(string, "run")
    topic_arn         = optional(string)
    create_topic      = optional(bool)
    topic_kms_key_arn = optional(string)
    alerts_topic_arn  = optional(string)
    subscriptions = optional(list(object({
      protocol              = string
      endpoint              = string
      raw_message_delivery  = optional(bool)
      subscription_role_arn = optional(string)
      filter_policy         = optional(map(list(string)))
    })), [])
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for email in var.notifications.emails : can(regex("^[^@\\s,;<>]+@[^@\\s,;<>]+$", email))])
    error_message = "notifications.emails must be plain addresses, such as operations@example.com; not so: ${join(", ", [for email in var.notifications.emails : email if !can(regex("^[^@\\s,;<>]+@[^@\\s,;<>]+$", email))])}."
  }

  validation {
    condition     = alltrue([for outcome in var.notifications.on : contains(["success", "failure"], outcome)])
    error_message = "notifications.on must hold success, failure, both or nothing; it also holds ${join(", ", setsubtract(var.notifications.on, ["success", "failure"]))}."
  }

  validation {
    condition     = contains(["run", "daily"], var.notifications.digest)
    error_message = "notifications.digest must be run or daily; it is \"${var.notifications.digest}\"."
  }

  validation {
    condition     = var.notifications.topic_arn == null ? true : can(regex("^arn:[^:]+:sns:[^:]+:[0-9]{12}:[A-Za-z0-9_-]+$", var.notifications.topic_arn))
    error_message = "notifications.topic_arn must be the ARN of a standard SNS topic (alarms cannot publish to a FIFO topic), such as arn:aws:sns:eu-west-1:123456789012:operations; it is \"${coalesce(var.notifications.topic_arn, "null")}\"."
  }

  validation {
    condition     = var.notifications.alerts_topic_arn == null ? true : can(regex("^arn:[^:]+:sns:[^:]+:[0-9]{12}:[A-Za-z0-9_-]+$", var.notifications.alerts_topic_arn))
    error_message = "notifications.alerts_topic_arn must be the ARN of a standard SNS topic, such as arn:aws:sns:eu-west-1:123456789012:alerts; it is \"${coalesce(var.notifications.alerts_topic_arn, "null")}\"."
  }

  validation {
    condition     = var.notifications.create_topic == null ? true : var.notifications.create_topic == (var.notifications.topic_arn == null)
    error_message = "notifications.create_topic must be false where notifications.topic_arn is given and true where it is not, or be left out."
  }

  validation {
    condition     = var.notifications.topic_kms_key_arn == null ? true : var.notifications.topic_arn != null && can(regex("^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/.+$", var.notifications.topic_kms_key_arn))
    error_message = "notifications.topic_kms_key_arn must be the ARN of a KMS key, not of an alias, and goes with notifications.topic_arn; the module's own topic is encrypted with kms_key_arn."
  }

  validation {
    condition     = alltrue([for subscription in var.notifications.subscriptions : contains(["email-json", "sms", "https", "sqs", "lambda", "firehose", "application"], subscription.protocol)])
    error_message = "notifications.subscriptions[*].protocol must be email-json, sms, https, sqs, lambda, firehose or application (email: see notifications.emails); not so: ${join(", ", [for subscription in var.notifications.subscriptions : subscription.protocol if !contains(["email-json", "sms", "https", "sqs", "lambda", "firehose", "application"], subscription.protocol)])}."
  }

  validation {
    condition     = alltrue([for subscription in var.notifications.subscriptions : alltrue([for name in try(keys(subscription.filter_policy), []) : can(regex("^(result|severity|stage)$", name))])])
    error_message = "notifications.subscriptions[*].filter_policy may have result, severity and stage; it also has ${join(", ", flatten([for subscription in var.notifications.subscriptions : [for name in try(keys(subscription.filter_policy), []) : name if !can(regex("^(result|severity|stage)$", name))]]))}."
  }

  validation {
    condition     = alltrue([for subscription in var.notifications.subscriptions : (subscription.protocol == "firehose") == (subscription.subscription_role_arn != null)])
    error_message = "notifications.subscriptions[*].subscription_role_arn must be given where the protocol is firehose, and only there."
  }
}

variable "alarms" {
  description = <<-EOT
    CloudWatch alarms for what no digest says, and for what goes on too long. docs/operations.md has what to do for each.
    - enabled: false for none of them.
    - actions: ARNs of what each alarm also tells when it begins and when it is over, such as further SNS topics or incidents of Systems Manager.
    - waiting_days: days that a communication may wait for a person; 0 for any.
    - failed_hours: hours that a communication may have failed although runs go, which is what you promise your customers; 0 for any. Counted from failed_at where a source has it, else from when the module first sent it.
    - truncated_runs: runs in a row that may lack the time to read every list to its end; 0 for any.
    - skipped_runs: firings in a row that may find another run on; 0 for any. At most as many as there are in seven days.
    - runbook: where docs/operations.md is, as alarms name it, such as the URL of your copy.
  EOT

  type = object({
    enabled        = optional(bool, true)
    actions        = optional(list(string), [])
    waiting_days   = optional(number, 3)
    failed_hours   = optional(number, 48)
    truncated_runs = optional(number, 3)
    skipped_runs   = optional(number, 6)
    runbook        = optional(string, "docs/operations.md")
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for arn in var.alarms.actions : can(regex("^arn:[^:]+:[^:]+:[^:]*:[^:]*:.+$", arn))])
    error_message = "alarms.actions must be ARNs; not so: ${join(", ", [for arn in var.alarms.actions : arn if !can(regex("^arn:[^:]+:[^:]+:[^:]*:[^:]*:.+$", arn))])}."
  }

  validation {
    condition     = var.alarms.waiting_days >= 0 && var.alarms.waiting_days <= 365 && var.alarms.failed_hours >= 0 && var.alarms.failed_hours <= 8760
    error_message = "alarms.waiting_days must be from 0 to 365 and alarms.failed_hours from 0 to 8760; they are ${var.alarms.waiting_days} and ${var.alarms.failed_hours}."
  }

  validation {
    condition     = alltrue([for runs in [var.alarms.truncated_runs, var.alarms.skipped_runs] : runs >= 0 && runs <= 24 && floor(runs) == runs])
    error_message = "alarms.truncated_runs and alarms.skipped_runs must be whole numbers from 0 to 24; they are ${var.alarms.truncated_runs} and ${var.alarms.skipped_runs}."
  }

  validation {
    condition     = can(regex("^[^\\s#]{1,300}$", var.alarms.runbook))
    error_message = "alarms.runbook must be a path or URL of at most 300 characters without spaces and #, to which #… is added; it is \"${var.alarms.runbook}\"."
  }
}

variable "queue" {
  description = <<-EOT
    The first loop, for an application that has no queue and workers of its own: docs/queue.md says what it does.
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
    - worker.enabled: false pauses it; entries wait in the queue, at most retention_days.
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

variable "dashboard" {
  description = <<-EOT
    A CloudWatch dashboard for the person on call: what to do now, graphs, alarms, the last errors, and what waits for a person.
    - enabled: true for it, and for the function console_view, which its widget shows.
    - operators: false for none of the buttons: no widget, and no function, that changes anything. Who may use them is IAM's: the output dashboard has both policies.
  EOT

  type = object({
    enabled   = optional(bool, false)
    operators = optional(bool, true)
  })
  default  = {}
  nullable = false
}

variable "lambda" {
  description = <<-EOT
    The functions.
    - runtime: python3.11, python3.12 or python3.13.
    - architecture: arm64 or x86_64.
    - memory_mb: per function; CPU comes in proportion. That of list_failed bounds how much it lists: some 1,200 communications for each MB.
    - timeout_seconds: per function; the worker's follows from queue. The lister stops in good order shortly before, and the next run goes on.
    - log_level: DEBUG, INFO, WARNING, ERROR or CRITICAL.
    - reserved_concurrency: per function, invocations at a time taken from the account's and not exceeded; null for none. The worker's must be at least queue.max_concurrency.
  EOT

  type = object({
    runtime      = optional(string, "python3.13")
    architecture = optional(string, "arm64")
    memory_mb = optional(object({
      list_failed           = optional(number, 256)
      requeue_communication = optional(number, 256)
      batch                 = optional(number, 256)
      conclude              = optional(number, 512)
      ledger_admin          = optional(number, 256)
      console_view          = optional(number, 512)
      console_operate       = optional(number, 512)
      worker                = optional(number, 256)
    }), {})
    timeout_seconds = optional(object({
      list_failed           = optional(number, 900)
      batch                 = optional(number, 30)
      requeue_communication = optional(number, 60)
      conclude              = optional(number, 900)
      ledger_admin          = optional(number, 300)
      console_view          = optional(number, 30)
      console_operate       = optional(number, 300)
    }), {})
    log_level = optional(string, "INFO")
    reserved_concurrency = optional(object({
      list_failed           = optional(number)
      requeue_communication = optional(number)
      batch                 = optional(number)
      conclude              = optional(number)
      ledger_admin          = optional(number)
      console_view          = optional(number)
      console_operate       = optional(number)
      worker                = optional(number)
    }), {})
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
    condition     = alltrue([for memory in values(var.lambda.memory_mb) : memory >= 128 && memory <= 10240 && floor(memory) == memory])
    error_message = "lambda.memory_mb must be whole numbers from 128 to 10240; not so: ${join(", ", [for name, memory in var.lambda.memory_mb : "${name} (${memory})" if !(memory >= 128 && memory <= 10240 && floor(memory) == memory)])}."
  }

  validation {
    condition     = alltrue([for timeout in values(var.lambda.timeout_seconds) : timeout >= 10 && timeout <= 900 && floor(timeout) == timeout])
    error_message = "lambda.timeout_seconds must be whole numbers from 10 to 900; not so: ${join(", ", [for name, timeout in var.lambda.timeout_seconds : "${name} (${timeout})" if !(timeout >= 10 && timeout <= 900 && floor(timeout) == timeout)])}."
  }

  validation {
    condition     = contains(["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"], var.lambda.log_level)
    error_message = "lambda.log_level must be DEBUG, INFO, WARNING, ERROR or CRITICAL; it is \"${var.lambda.log_level}\"."
  }

  validation {
    condition     = alltrue([for limit in values(var.lambda.reserved_concurrency) : limit == null ? true : limit >= 1 && floor(limit) == limit])
    error_message = "lambda.reserved_concurrency must be whole numbers from 1, or null for none (to pause, set schedule.enabled = false); not so: ${join(", ", [for name, limit in var.lambda.reserved_concurrency : name if limit == null ? false : !(limit >= 1 && floor(limit) == limit)])}."
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
    condition     = var.vpc == null ? true : length(var.vpc.subnet_ids) > 0 && alltrue([for id in var.vpc.subnet_ids : can(regex("^subnet-[0-9a-f]+$", id))])
    error_message = "vpc.subnet_ids must be one or more ids of subnets, such as subnet-0123456789abcdef0; better two, in different availability zones."
  }

  validation {
    condition     = var.vpc == null ? true : length(var.vpc.security_group_ids) > 0 && alltrue([for id in var.vpc.security_group_ids : can(regex("^sg-[0-9a-f]+$", id))])
    error_message = "vpc.security_group_ids must be one or more ids of security groups, such as sg-0123456789abcdef0."
  }
}

variable "tracing" {
  description = "Trace runs and batches with X-Ray."
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
  description = "KMS key for everything that holds data: logs, environment, executions, topic, ledger and queues. Its policy must let these services use it. Null leaves all but the topic to keys of AWS, and the topic without one: CloudWatch alarms could not publish to it."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null ? true : can(regex("^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/.+$", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a KMS key, not of an alias, such as arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab; it is \"${coalesce(var.kms_key_arn, "null")}\"."
  }
}

variable "permissions_boundary_arn" {
  description = "Permissions boundary of every role, where your organisation asks for one."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null ? true : can(regex("^arn:[^:]+:iam::([0-9]{12}|aws):policy/.+$", var.permissions_boundary_arn))
    error_message = "permissions_boundary_arn must be the ARN of an IAM policy, such as arn:aws:iam::123456789012:policy/boundary; it is \"${coalesce(var.permissions_boundary_arn, "null")}\"."
  }
}

variable "tags" {
  description = "Tags of every resource that can carry some."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for key in keys(var.tags) : !startswith(lower(key), "aws:") && length(key) <= 128 && length(key) > 0])
    error_message = "The keys of tags must have 1 to 128 characters and not begin with aws:, which is reserved; not so: ${join(", ", [for key in keys(var.tags) : "\"${key}\"" if startswith(lower(key), "aws:") || length(key) > 128 || length(key) == 0])}."
  }
}
