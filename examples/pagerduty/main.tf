# Alarms page somebody, digests are read in the morning. What PagerDuty gets are alarms alone: its integration "Amazon
# CloudWatch" reads their JSON and drops a digest, which is plain text. Each alarm opens an incident, and closes it when it is
# over, for a topic of its own hears of both. The digests that need somebody go to one more address.
module "communications_redrive" {
  source = "../.."

  name  = "orders-redrive"
  stage = "production"

  api = {
    base_url = "https://orders.example.com/api"
  }

  sources = {
    email = {
      path      = "/emails"
      operation = "send.email"
      filters   = { status = "failed" }
    }
  }

  requeue = {
    path = "/communications/requeue"
  }

  notifications = {
    emails           = ["orders@example.com"]
    alerts_topic_arn = aws_sns_topic.alerts.arn
    subscriptions = [
      {
        protocol      = "email-json"
        endpoint      = "tickets@example.com"
        filter_policy = { severity = ["error", "warning"] }
      },
    ]
  }

  alarms = {
    failed_hours = 12
    runbook      = "https://git.example.com/platform/redrive/docs/operations.md"
  }
}

# Without a key of KMS: CloudWatch may publish to an encrypted topic only where the key's policy lets it.
resource "aws_sns_topic" "alerts" {
  #checkov:skip=CKV_AWS_26:See above.
  name = "orders-alerts"
}

resource "aws_sns_topic_policy" "alerts" {
  arn    = aws_sns_topic.alerts.arn
  policy = module.communications_redrive.alerts_topic_policy
}

# The URL of the service's integration, in which its key is; PagerDuty confirms by itself.
resource "aws_sns_topic_subscription" "pagerduty" {
  topic_arn              = aws_sns_topic.alerts.arn
  protocol               = "https"
  endpoint               = var.pagerduty_url
  endpoint_auto_confirms = true
}

variable "pagerduty_url" {
  description = "Integration URL of the service, of the type Amazon CloudWatch."
  type        = string
  default     = "https://events.pagerduty.com/integration/0123456789abcdef0123456789abcdef/enqueue"
  sensitive   = true
}
