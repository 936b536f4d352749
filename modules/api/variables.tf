variable "name" {
  description = "Name and stage of the instance, with which its warnings begin."
  type        = string
}

variable "account" {
  description = "Where the module is: the AWS partition and the region."

  type = object({
    partition = string
    region    = string
  })
}

# Validated, and completed by its defaults, where the user gives it: in the module and in modules/queue.
variable "api" {
  description = "The application's API and how to log in to it."

  type = object({
    base_url = string
    auth = object({
      type          = string
      secret_arn    = string
      header        = string
      token_url     = string
      scope         = string
      audience      = string
      client_in     = string
      service       = string
      region        = string
      resource_arns = list(string)
    })
    headers                 = map(string)
    connect_timeout_seconds = number
    read_timeout_seconds    = number
    ca_bundle_secret_arn    = string
    secrets_kms_key_arn     = string
  })
}
