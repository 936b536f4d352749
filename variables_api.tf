# The same file as in modules/queue: see variables.tf.

variable "api" {
  description = <<-EOT
    The application's API and how to log in to it. Secrets only by the ARN of a Secrets Manager secret.
    - base_url: https:// with host and, if there is one, the path before every other path (http:// only for this machine itself).
    - auth.type: none, bearer, api_key, basic, oauth2_client_credentials or aws_iam.
    - auth.secret_arn: the secret; needed by every type but none and aws_iam.
    - auth.header: the header that carries the key of api_key.
    - auth.token_url, auth.scope, auth.audience: where oauth2_client_credentials gets its token, and for what.
    - auth.client_in: where the token endpoint wants the client's id and secret: header (HTTP Basic) or body.
    - auth.service, auth.region: what aws_iam signs requests for: execute-api (API Gateway) or lambda (a function URL); the region is read from the URL of an API Gateway or a function, else the provider's.
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
    condition     = can(regex("^(https://([\\pL\\pM\\pN._-]+|\\[[0-9A-Fa-f:.]+\\])(:[0-9]+)?|http://(localhost|127\\.[0-9]+\\.[0-9]+\\.[0-9]+|\\[::1\\])(:[0-9]+)?)(/[^?#\\\\\\pC\\pZ\"<>^`{|}]*)?$", var.api.base_url))
    error_message = "api.base_url must be https://host or https://host/path, without user, query or fragment (http:// only for localhost, 127.0.0.1 and [::1]), such as https://app.example.com/api; it is \"${var.api.base_url == null ? "null" : var.api.base_url}\"."
  }

  validation {
    condition = alltrue([for url in [var.api.base_url, var.api.auth.token_url] : alltrue([
      !can(regex("^https?://(\\.|[^/]*\\.\\.)", url)),
      alltrue([for address in flatten(regexall("^https?://\\[([^]/]*)\\]", url)) : can(cidrhost("${address}/128", 0))]),
      alltrue([for port in flatten(regexall("^https?://[^/]*:([0-9]+)(?:/|$)", url)) : tonumber(port) >= 1 && tonumber(port) <= 65535]),
    ]) if url != null])
    error_message = "api.base_url and api.auth.token_url must have the name of a host without empty parts, or an IPv6 address in brackets, and no port but one from 1 to 65535, such as https://app.example.com:8443 or https://[2001:db8::1]."
  }

  validation {
    condition     = contains(["none", "bearer", "api_key", "basic", "oauth2_client_credentials", "aws_iam"], var.api.auth.type)
    error_message = "api.auth.type must be none, bearer, api_key, basic, oauth2_client_credentials or aws_iam; it is \"${var.api.auth.type}\"."
  }

  validation {
    condition = (
      var.api.auth.secret_arn != null
      || !contains(["bearer", "api_key", "basic", "oauth2_client_credentials"], var.api.auth.type)
    )
    error_message = "api.auth.secret_arn must be the ARN of a Secrets Manager secret where api.auth.type is ${var.api.auth.type}."
  }

  validation {
    condition = alltrue([
      for arn in [var.api.auth.secret_arn, var.api.ca_bundle_secret_arn] :
      arn == null ? true : can(regex("^arn:[^:]+:secretsmanager:[^:]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@!-]+-[A-Za-z0-9]{6}$", arn))
    ])
    error_message = "api.auth.secret_arn and api.ca_bundle_secret_arn must be whole ARNs of Secrets Manager secrets, with the six characters at the end, such as arn:aws:secretsmanager:eu-west-1:123456789012:secret:application/api-AbC123."
  }

  validation {
    condition = (
      can(regex("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", var.api.auth.header))
      && !contains(["host", "content-length", "content-type", "transfer-encoding", "connection"], lower(var.api.auth.header))
    )
    error_message = "api.auth.header must be the name of an HTTP header, such as X-Api-Key, and not one that every request sets for itself; it is \"${var.api.auth.header}\"."
  }

  validation {
    condition     = var.api.auth.type != "oauth2_client_credentials" || can(regex("^(https://([\\pL\\pM\\pN._-]+|\\[[0-9A-Fa-f:.]+\\])(:[0-9]+)?|http://(localhost|127\\.[0-9]+\\.[0-9]+\\.[0-9]+|\\[::1\\])(:[0-9]+)?)(/[^#\\\\\\pC\\pZ\"<>^`{|}]*)?$", var.api.auth.token_url))
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
    condition = (
      var.api.auth.type != "aws_iam" || length(var.api.auth.resource_arns) > 0
      || can(regex("^https://[a-z0-9]+\\.execute-api\\.[a-z0-9-]+\\.", var.api.base_url))
    )
    error_message = "api.auth.resource_arns must say what the functions may call where api.auth.type is aws_iam and api.base_url is not https://<id>.execute-api.<region>…, such as [\"arn:aws:execute-api:eu-west-1:123456789012:a1b2c3d4e5/*\"]."
  }

  validation {
    condition     = var.api.auth.type != "aws_iam" || !can(regex(var.api.auth.service == "lambda" ? "^https://[^/]*[.]execute-api[.]" : "^https://[^/]*[.]lambda-url[.]", var.api.base_url))
    error_message = "api.auth.service must be execute-api where api.base_url is API Gateway's and lambda where it is a function URL, or every request is refused; it is \"${var.api.auth.service}\"."
  }

  validation {
    condition     = var.api.auth.region == null ? true : can(regex("^[a-z]{2,}(-[a-z]+)+-[0-9]+$", var.api.auth.region))
    error_message = "api.auth.region must be the name of a region, such as eu-west-1, or be left out; it is \"${var.api.auth.region == null ? "null" : var.api.auth.region}\"."
  }

  validation {
    condition = alltrue([for arn in var.api.auth.resource_arns : can(regex("^arn:[^:]+:[^:]+:[^:]*:[^:]*:.+$", arn))])
    error_message = format(
      "api.auth.resource_arns must be ARNs; not so: %s.",
      join(", ", [for arn in var.api.auth.resource_arns : arn == null ? "null" : arn if !can(regex("^arn:[^:]+:[^:]+:[^:]*:[^:]*:.+$", arn))]),
    )
  }

  validation {
    condition = alltrue([
      for name in keys(var.api.headers) :
      !can(regex("(?i)auth|token|secret|key|password|credential|cookie|session", name))
    ])
    error_message = format(
      "api.headers must hold no credentials, as they would stand in plan and state: use api.auth instead of %s.",
      join(", ", [
        for name in keys(var.api.headers) : name
        if can(regex("(?i)auth|token|secret|key|password|credential|cookie|session", name))
      ]),
    )
  }

  validation {
    condition = alltrue([
      for name in keys(var.api.headers) :
      !contains(["host", "content-length", "content-type", "transfer-encoding", "connection"], lower(name))
    ])
    error_message = format(
      "api.headers must leave out what every request sets for itself: %s.",
      join(", ", [
        for name in keys(var.api.headers) : name
        if contains(["host", "content-length", "content-type", "transfer-encoding", "connection"], lower(name))
      ]),
    )
  }

  validation {
    condition = alltrue([
      for name, value in var.api.headers :
      can(regex("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", name)) && can(regex("^([\\x21-\\x7e]([\\x20-\\x7e]*[\\x21-\\x7e])?)?$", value))
    ])
    error_message = format(
      "api.headers must have header names (letters, digits, hyphens) and values of printable ASCII on one line, with no space at either end; not so: %s.",
      join(", ", [
        for name, value in var.api.headers : name
        if !can(regex("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", name)) || !can(regex("^([\\x21-\\x7e]([\\x20-\\x7e]*[\\x21-\\x7e])?)?$", value))
      ]),
    )
  }

  validation {
    condition     = length(distinct([for name in keys(var.api.headers) : lower(name)])) == length(var.api.headers)
    error_message = "api.headers must name each header once, as upper and lower case are the same there; they are ${join(", ", keys(var.api.headers))}."
  }

  validation {
    condition = (
      var.api.connect_timeout_seconds > 0 && var.api.connect_timeout_seconds <= 60
      && var.api.read_timeout_seconds > 0 && var.api.read_timeout_seconds <= 600
    )
    error_message = "api.connect_timeout_seconds must be above 0 and at most 60, api.read_timeout_seconds above 0 and at most 600; they are ${var.api.connect_timeout_seconds} and ${var.api.read_timeout_seconds}."
  }

  validation {
    condition     = var.api.secrets_kms_key_arn == null ? true : can(regex("^arn:[^:]+:kms:[^:]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.api.secrets_kms_key_arn))
    error_message = "api.secrets_kms_key_arn must be the ARN of a KMS key, not of an alias, such as arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab."
  }
}
