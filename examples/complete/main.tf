# Every input, as an insurance company might set it: an API in a VPC behind OAuth 2, emails paged by cursor and SMS
# by page number, everything encrypted with a key of its own.
module "communications_redrive" {
  source = "../.."

  create = true
  name   = "letters-redrive"
  stage  = "production"

  api = {
    base_url = "https://letters.internal.example.com/api/v2"
    auth = {
      type       = "oauth2_client_credentials"
      secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:letters/redrive-client-a1B2c3"
      token_url  = "https://login.example.com/oauth2/token"
      scope      = "letters.read letters.requeue"
      audience   = "https://letters.internal.example.com"
      client_in  = "body"
    }
    headers                 = { X-Tenant = "claims" }
    connect_timeout_seconds = 3
    read_timeout_seconds    = 15
    ca_bundle_secret_arn    = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:letters/internal-ca-d4E5f6"
    secrets_kms_key_arn     = var.kms_key_arn
  }

  sources = {
    email = {
      path      = "/emails"
      operation = "send.email"
      filters   = { sent = "0", failed = "true" }
      pagination = {
        style        = "cursor"
        cursor_param = "after"
        size_param   = "limit"
        size         = 200
        next         = "paging.next"
        total        = "paging.total"
      }
      items           = "data"
      id              = "emailId"
      failed_at       = "failure.at"
      min_age_seconds = 3600    # the application's own retries end within the hour
      max_age_seconds = 2592000 # after a month nobody waits for it any more
    }
    sms = {
      path         = "/sms"
      operation    = "send.sms"
      filters      = { direction = "out" }
      filter_lists = { state = ["FAILED", "EXPIRED"] }
      pagination = {
        style      = "page"
        page_param = "page"
        first_page = 0
        size_param = "per_page"
        size       = 50
      }
      items          = "messages"
      id             = "id"
      empty_statuses = [204, 404]
      requeue_path   = "/sms/{primaryId}/requeue"
    }
  }

  requeue = {
    path       = "/queue/{operation}"
    method     = "POST"
    created_by = "letters-redrive"
    accepted   = "result == 'queued'"
  }

  mode                    = "redrive"
  batch_size              = 50
  max_per_run             = 20000
  max_concurrency         = 20
  max_requests_per_second = 15
  run_hours               = 12
  breaker                 = { turned_away = 100 }
  retry = {
    max_attempts      = 4
    interval_seconds  = 3
    backoff_rate      = 2
    max_delay_seconds = 120
  }
  redrive_limit = {
    max_attempts         = 3
    cooldown_seconds     = 1800
    backoff_rate         = 3
    max_cooldown_seconds = 43200
    open_hours           = 48
    retention_days       = 90
  }
  ledger = { deletion_protection = true }

  schedule = {
    expression              = "cron(0/30 6-22 ? * MON-SAT *)"
    timezone                = "Europe/Berlin"
    enabled                 = true
    flexible_window_minutes = 5
    period_minutes          = 1920 # from Saturday 22:30 to Monday 6:00, rounded up
  }

  dashboard = { enabled = true }

  queue = {
    enabled           = true
    ttl_seconds       = 600
    backoff_rate      = 3
    max_receives      = 6
    batch_size        = 5
    max_concurrency   = 20
    retention_days    = 7
    alarm_age_seconds = 7200
    worker = {
      paths = {
        "send.email" = "/emails/{primaryId}/send"
        "send.sms"   = "/sms/{primaryId}/send"
      }
      method          = "PUT"
      timeout_seconds = 30
      given_up_path   = "/letters/{primaryId}/given-up"
      enabled         = true
    }
  }

  notifications = {
    emails = ["letters-operations@example.com"]
    on     = ["failure"]
    digest = "daily"
    subscriptions = [
      {
        protocol             = "https"
        endpoint             = "https://events.pager.example.com/integration/0123456789abcdef/enqueue"
        raw_message_delivery = false
        filter_policy        = { severity = ["error", "warning"] }
      },
    ]
  }

  alarms = {
    enabled        = true
    actions        = ["arn:aws:ssm-incidents::123456789012:response-plan/letters"]
    waiting_days   = 5
    failed_hours   = 24
    truncated_runs = 3
    skipped_runs   = 4
    runbook        = "https://wiki.example.com/letters/redrive"
  }

  lambda = {
    runtime      = "python3.13"
    architecture = "arm64"
    memory_mb = {
      list_failed           = 512
      requeue_communication = 256
      batch                 = 256
      conclude              = 512
      ledger_admin          = 256
      worker                = 256
    }
    timeout_seconds = {
      list_failed           = 600
      requeue_communication = 45
      batch                 = 30
      conclude              = 900
      ledger_admin          = 120
    }
    log_level            = "INFO"
    log_format           = "JSON"
    reserved_concurrency = { requeue_communication = 50, worker = 20 }
  }

  vpc = {
    subnet_ids         = ["subnet-0a1b2c3d4e5f60718", "subnet-0b2c3d4e5f6071829"]
    security_group_ids = ["sg-0c3d4e5f607182930"]
  }

  tracing                  = true
  log_retention_days       = 90
  log_groups               = { run = "/letters/redrive/runs" } # made by the platform team
  kms_key_arn              = var.kms_key_arn
  permissions_boundary_arn = "arn:aws:iam::123456789012:policy/workload-boundary"

  tags = {
    CostCentre = "4711"
    Owner      = "letters"
  }
}

variable "kms_key_arn" {
  description = "Key of the workload. Its policy lets logs, delivery.logs and cloudwatch use it, as well as the roles."
  type        = string
  default     = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
}
