# One call for each kind of API, each with another style of pagination and another login. The lines of pagination are those of
# docs/apis.md, which are tested against the frameworks themselves.

# Laravel, paginate(): the body names the next page's URL. A bearer token; no more than three requests a second.
module "laravel" {
  source = "../.."

  name  = "crm-redrive"
  stage = "production"

  api = {
    base_url = "https://crm.example.com/api"
    auth = {
      type       = "bearer"
      secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:crm/api-token-a1B2c3"
    }
  }

  sources = {
    email = {
      path            = "/emails"
      operation       = "send.email"
      filters         = { status = "failed" }
      items           = "data"
      pagination      = { style = "next_url", next = "next_page_url", size_param = "per_page" }
      failed_at       = "failed_at"
      max_age_seconds = 604800 # after a week nobody waits for it any more
    }
    sms = {
      path            = "/sms"
      operation       = "send.sms"
      filters         = { status = "failed" }
      items           = "data"
      pagination      = { style = "next_url", next = "next_page_url", size_param = "per_page" }
      failed_at       = "failed_at"
      max_age_seconds = 604800 # after a week nobody waits for it any more
    }
  }

  requeue                 = { path = "/communications/requeue" }
  max_requests_per_second = 3
  max_per_run             = 9000 # what fits into an hour at that rate
  notifications           = { emails = ["crm@example.com"] }
}

# Django REST framework, LimitOffsetPagination: the lister counts. A key in a header; every communication is requeued at a path
# of its own, and a 200 that says "queued": false is none.
module "django" {
  source = "../.."

  name  = "booking-redrive"
  stage = "production"

  api = {
    base_url = "https://booking.example.com/api/v1"
    auth = {
      type       = "api_key"
      header     = "X-Api-Key"
      secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:booking/api-key-b2C3d4"
    }
  }

  sources = {
    email = {
      path       = "/emails/"
      operation  = "send.email"
      filters    = { state = "failed" }
      items      = "results"
      pagination = { style = "offset" }
    }
  }

  requeue = {
    path     = "/emails/{primaryId}/requeue/"
    accepted = "queued"
  }

  notifications = { emails = ["booking@example.com"] }
}

# Rails, pagy with its headers: the header Link names the next page. A user and a password.
module "rails" {
  source = "../.."

  name  = "desk-redrive"
  stage = "production"

  api = {
    base_url = "https://desk.example.com/api"
    auth = {
      type       = "basic"
      secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:desk/redrive-user-c3D4e5"
    }
  }

  sources = {
    email = {
      path         = "/emails"
      operation    = "send.email"
      filters      = {}
      filter_lists = { "status[]" = ["failed", "bounced"] }
      pagination   = { style = "link_header" }
    }
  }

  requeue       = { path = "/communications/requeue" }
  notifications = { emails = ["desk@example.com"] }
}

# Spring Data, Page: numbered from 0. OAuth 2 client credentials; the application's own retries come first, for half an hour.
module "spring" {
  source = "../.."

  name  = "billing-redrive"
  stage = "production"

  api = {
    base_url = "https://billing.example.com/api"
    auth = {
      type       = "oauth2_client_credentials"
      secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:billing/redrive-client-d4E5f6"
      token_url  = "https://login.example.com/oauth2/token"
      scope      = "communications.read communications.requeue"
    }
  }

  sources = {
    email = {
      path            = "/communications"
      operation       = "send.email"
      filters         = { channel = "EMAIL", status = "FAILED" }
      items           = "content"
      pagination      = { style = "page", first_page = 0, size_param = "size" }
      failed_at       = "failedAt"
      min_age_seconds = 1800
    }
  }

  requeue       = { path = "/communications/{primaryId}/requeue", method = "PUT" }
  notifications = { emails = ["billing@example.com"] }
}

# API Gateway with IAM authorization, and tokens in the body as Google's AIP-158 has them: requests are signed, there is no secret.
module "gateway" {
  source = "../.."

  name  = "shipping-redrive"
  stage = "production"

  api = {
    base_url = "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/live"
    auth     = { type = "aws_iam" }
  }

  sources = {
    email = {
      path       = "/emails"
      operation  = "send.email"
      filters    = { filter = "status=FAILED" }
      items      = "emails || `[]`"
      pagination = { style = "cursor", cursor_param = "pageToken", next = "nextPageToken", size_param = "pageSize" }
    }
  }

  requeue       = { path = "/communications:requeue" }
  notifications = { emails = ["shipping@example.com"] }
}
