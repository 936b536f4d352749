# One call for every stage. What differs between stages is data, in stages.tf, so that a change is a line there, and the
# difference between two stages can be seen.
module "communications_redrive" {
  source   = "../.." # in your repository: git::https://example.com/platform/terraform-aws-communications-redrive.git?ref=v1.0.0
  for_each = local.stages

  stage = each.key # cannot change once it was applied: a plan that tries to is refused
  mode  = each.value.mode

  api = {
    base_url = each.value.base_url
    auth     = { type = "bearer", secret_arn = each.value.secret_arn }
  }

  sources = {
    email = {
      path      = "/emails"
      operation = "send.email"
      filters   = { status = "failed" }
    }
    sms = {
      path      = "/sms"
      operation = "send.sms"
      filters   = { status = "failed" }
    }
  }

  requeue       = { path = "/communications/requeue" }
  schedule      = { expression = each.value.schedule }
  notifications = { emails = each.value.emails }
}
