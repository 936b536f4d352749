variable "sources" {
  description = <<-EOT
    The endpoints that list failed communications, each under a name of your choice that stands in logs and metrics.
    - path: below api.base_url; with a query, such as /emails?status=failed, where the API refuses filters beside its next page's token.
    - enabled: false to leave it unread for now. What the ledger knows of it stays: attempts, ids it shares with other sources, and what waits for a person, which goes out when it is read again.
    - operation: what the worker must do with what is listed here, such as send.email, send.sms or send.communications.
    - filters: query parameters that narrow the list to what failed; {} where the endpoint lists nothing else. They go along with every page, also where the API names the next page's URL. None may be empty, as most APIs take ?status= for no filter, and would list what never failed; where it only matters that a parameter is there, any value does, such as { failed = "true" }.
    - filter_lists: query parameters with several values, each sent as often as it has values, such as { status = ["failed", "bounced"] } for status=failed&status=bounced.
    - pagination.style: none, page, offset, cursor (a token in the body), next_url (a whole URL in the body) or link_header (RFC 8288).
    - pagination.page_param, pagination.first_page: of style page: the parameter with the page's number, and the first number.
    - pagination.offset_param, pagination.first_offset: of style offset: the parameter with the number of items to skip, and the first number (1 for SCIM's startIndex).
    - pagination.cursor_param: of style cursor: the parameter with the token.
    - pagination.size_param, pagination.size: the parameter with the number of items on a page, and that number; size_param = "" sends none, and size is then the API's own page size.
    - pagination.next: of styles cursor and next_url: where in the body the token or URL is, in JMESPath.
    - pagination.total: where in the body the number of items of the whole list is, in JMESPath; with it a list that broke off is told from one that ended.
    - items: where in the body the list is, in JMESPath (the plan refuses what by its characters or brackets is none, the rest surfaces in a check or at run time); @ is the body itself.
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
    enabled      = optional(bool, true)
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
    condition     = length(var.sources) == 0 || anytrue([for source in values(var.sources) : try(source.enabled, true)])
    error_message = "sources must have at least one that is enabled; to pause all of them, set schedule.enabled = false."
  }

  validation {
    condition = alltrue([for name in keys(var.sources) : can(regex("^[a-z][a-z0-9_-]{0,31}$", name))])
    error_message = format(
      "The names of sources must be at most 32 lower-case letters, digits, hyphens and underscores, beginning with a letter; not so: %s.",
      join(", ", [for name in keys(var.sources) : name if !can(regex("^[a-z][a-z0-9_-]{0,31}$", name))]),
    )
  }

  validation {
    condition = alltrue([for source in values(var.sources) : can(regex("^/[^?#\\pC\\pZ{}]*(\\?[^?#\\pC\\pZ{}=&]+=[^#\\pC\\pZ{}&]+(&[^#\\pC\\pZ{}=&]+=[^#\\pC\\pZ{}&]+)*)?$", source.path))])
    error_message = format(
      "sources[*].path must begin with / and have no braces, such as /emails; filters are for a query, but where an API takes it on the first page alone it may stand here, with a value for each parameter, such as /emails?status=failed; not so in: %s.",
      join(", ", [for name, source in var.sources : name if !can(regex("^/[^?#\\pC\\pZ{}]*(\\?[^?#\\pC\\pZ{}=&]+=[^#\\pC\\pZ{}&]+(&[^#\\pC\\pZ{}=&]+=[^#\\pC\\pZ{}&]+)*)?$", source.path))]),
    )
  }

  validation {
    condition = alltrue([for source in values(var.sources) : can(regex("^[A-Za-z][A-Za-z0-9._-]{0,63}$", source.operation))])
    error_message = format(
      "sources[*].operation must be a name such as send.email, at most 64 letters, digits, dots, hyphens and underscores; not so in: %s.",
      join(", ", [for name, source in var.sources : name if !can(regex("^[A-Za-z][A-Za-z0-9._-]{0,63}$", source.operation))]),
    )
  }

  validation {
    condition = alltrue([
      for source in values(var.sources) :
      try(alltrue([for text in concat(keys(source.filters), values(source.filters)) : can(regex("[^\\pC\\pZ]", text))]), false)
    ])
    error_message = format(
      "sources[*].filters must be given, {} for none, and must have a name and a value for each parameter; leave out what is not to be sent, as most APIs take an empty value for no filter; null or empty in: %s.",
      join(", ", [
        for name, source in var.sources : name
        if !try(alltrue([for text in concat(keys(source.filters), values(source.filters)) : can(regex("[^\\pC\\pZ]", text))]), false)
      ]),
    )
  }

  validation {
    condition = alltrue(flatten([for source in values(var.sources) : [for name, values in try(source.filter_lists, {}) : (
      try(length(values) > 0 && alltrue([for text in concat([name], values) : can(regex("[^\\pC\\pZ]", text))]), false) && !contains(try(keys(source.filters), []), name)
    )]]))
    error_message = format(
      "sources[*].filter_lists must have one or more values for each parameter, none of them empty, such as { status = [\"failed\", \"bounced\"] }, and no parameter that is in filters too; not so in: %s.",
      join(", ", [for name, source in var.sources : name if !alltrue([for name, values in try(source.filter_lists, {}) : (
        try(length(values) > 0 && alltrue([for text in concat([name], values) : can(regex("[^\\pC\\pZ]", text))]), false) && !contains(try(keys(source.filters), []), name)
      )])]),
    )
  }

  validation {
    condition = alltrue([
      for source in values(var.sources) :
      contains(["none", "page", "offset", "cursor", "next_url", "link_header"], source.pagination.style) if source != null
    ])
    error_message = format(
      "sources[*].pagination.style must be none, page, offset, cursor, next_url or link_header; not so in: %s.",
      join(", ", [
        for name, source in var.sources : "${name} (\"${source.pagination.style}\")"
        if try(!contains(["none", "page", "offset", "cursor", "next_url", "link_header"], source.pagination.style), false)
      ]),
    )
  }

  validation {
    condition = alltrue([
      for source in values(var.sources) :
      source.pagination.next != null if try(contains(["cursor", "next_url"], source.pagination.style), false)
    ])
    error_message = format(
      "sources[*].pagination.next must say in JMESPath where the next token or URL is where the style is cursor or next_url, such as \"meta.next_cursor\"; missing in: %s.",
      join(", ", [
        for name, source in var.sources : name
        if try(source.pagination.next == null && contains(["cursor", "next_url"], source.pagination.style), false)
      ]),
    )
  }

  validation {
    condition = alltrue([
      for source in values(var.sources) :
      source.pagination.size >= 1 && source.pagination.size <= 10000 && floor(source.pagination.size) == source.pagination.size if source != null
    ])
    error_message = format(
      "sources[*].pagination.size must be a whole number from 1 to 10000; not so in: %s.",
      join(", ", [
        for name, source in var.sources : name
        if try(source.pagination.size < 1 || source.pagination.size > 10000 || floor(source.pagination.size) != source.pagination.size, false)
      ]),
    )
  }

  validation {
    condition = alltrue(flatten([
      for source in values(var.sources) :
      [for number in [source.pagination.first_page, source.pagination.first_offset] : number >= 0 && number <= 1000000000 && floor(number) == number] if source != null
    ]))
    error_message = format(
      "sources[*].pagination.first_page and first_offset must be whole numbers from 0 to 1000000000; not so in: %s.",
      join(", ", [
        for name, source in var.sources : name
        if try(anytrue([for number in [source.pagination.first_page, source.pagination.first_offset] : number < 0 || number > 1000000000 || floor(number) != number]), false)
      ]),
    )
  }

  validation {
    condition = alltrue(flatten([
      for source in values(var.sources) :
      [for path in [source.items, source.id, source.pagination.next, source.pagination.total] : path == null ? true : trimspace(path) != ""] if source != null
    ]))
    error_message = format(
      "sources[*].items, id, pagination.next and pagination.total must not be empty: they are JMESPath, such as @, id, meta.next and meta.total; empty in: %s.",
      join(", ", [
        for name, source in var.sources : name
        if try(anytrue([for path in [source.items, source.id, source.pagination.next, source.pagination.total] : path == null ? false : trimspace(path) == ""]), false)
      ]),
    )
  }

  validation {
    condition = alltrue(flatten([
      for source in values(var.sources) :
      [for param in [source.pagination.page_param, source.pagination.offset_param, source.pagination.cursor_param, source.pagination.size_param == "" ? "none" : source.pagination.size_param] : trimspace(param) != ""] if source != null
    ]))
    error_message = format(
      "sources[*].pagination.page_param, offset_param and cursor_param must not be empty: they are names of query parameters; nor may size_param be blank, but \"\" for none; not so in: %s.",
      join(", ", [
        for name, source in var.sources : name
        if try(anytrue([for param in [source.pagination.page_param, source.pagination.offset_param, source.pagination.cursor_param, source.pagination.size_param == "" ? "none" : source.pagination.size_param] : trimspace(param) == ""]), false)
      ]),
    )
  }

  validation {
    condition = alltrue([for source in values(var.sources) : (
      source.min_age_seconds >= 0 && try(trimspace(source.failed_at), "none") != ""
      && (source.failed_at != null) == (source.min_age_seconds > 0 || source.max_age_seconds != null)
    ) if source != null])
    error_message = format(
      "sources[*].failed_at goes together with min_age_seconds (a number above 0) or max_age_seconds: in JMESPath where an item says when it failed, such as \"failedAt\" and 900; not so in: %s.",
      join(", ", [for name, source in var.sources : name if try(
        source.min_age_seconds < 0 || try(trimspace(source.failed_at), "none") == ""
        || (source.failed_at != null) != (source.min_age_seconds > 0 || source.max_age_seconds != null),
        false,
      )]),
    )
  }

  validation {
    condition = alltrue([
      for source in values(var.sources) :
      source.max_age_seconds > source.min_age_seconds if try(source.max_age_seconds, null) != null
    ])
    error_message = format(
      "sources[*].max_age_seconds must be a number of seconds above min_age_seconds, or null for any age; not so in: %s.",
      join(", ", [
        for name, source in var.sources : name
        if try(source.max_age_seconds <= source.min_age_seconds, false)
      ]),
    )
  }

  validation {
    condition = length(setsubtract(
      flatten([for source in values(var.sources) : try(source.empty_statuses, [])]),
      setsubtract(concat(range(204, 300), range(400, 500)), [401, 403, 408, 425, 429]),
    )) == 0
    error_message = format(
      "sources[*].empty_statuses must be HTTP statuses by which an API can say that nothing failed: 2xx from 204, or 4xx other than 401, 403, 408, 425 and 429, such as [204, 404]; not so in: %s.",
      join(", ", [for name, source in var.sources : name if length(setsubtract(
        try(source.empty_statuses, []),
        setsubtract(concat(range(204, 300), range(400, 500)), [401, 403, 408, 425, 429]),
      )) > 0]),
    )
  }

  validation {
    condition = alltrue([
      for source in values(var.sources) :
      can(regex("^/(\\{primaryId\\}|\\{operation\\}|[^?#\\pC\\pZ{}])*$", source.requeue_path)) if try(source.requeue_path, null) != null
    ])
    error_message = format(
      "sources[*].requeue_path must begin with / and may hold {primaryId} and {operation}, such as /emails/{primaryId}/requeue; not so in: %s.",
      join(", ", [
        for name, source in var.sources : name
        if try(source.requeue_path, null) != null && !can(regex("^/(\\{primaryId\\}|\\{operation\\}|[^?#\\pC\\pZ{}])*$", source.requeue_path))
      ]),
    )
  }

  validation {
    condition = alltrue([
      for source in values(var.sources) :
      can(regex("^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$", source.id_space)) if try(source.id_space, null) != null
    ])
    error_message = format(
      "sources[*].id_space must be 1 to 64 letters, digits, dots, hyphens, underscores and @, beginning with a letter or digit, such as letters; not so in: %s.",
      join(", ", [
        for name, source in var.sources : name
        if try(source.id_space, null) != null && !can(regex("^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$", source.id_space))
      ]),
    )
  }
}
