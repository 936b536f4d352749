locals {
  stages = {
    staging = {
      mode       = "report" # mails what it would send, and sends nothing
      base_url   = "https://staging.example.com/api"
      secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:staging/api-AbC123"
      schedule   = "rate(1 day)"
      emails     = ["developers@example.com"]
    }
    production = {
      mode       = "redrive"
      base_url   = "https://app.example.com/api"
      secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:production/api-DeF456"
      schedule   = "rate(1 hour)"
      emails     = ["operations@example.com"]
    }
  }
}
