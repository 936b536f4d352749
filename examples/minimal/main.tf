# The least that works: where failed emails are listed, where they are sent back, and who is told. It begins by reporting what
# it would send; take the mode out when the reports are right.
module "communications_redrive" {
  source = "../.."

  stage = "production"
  mode  = "report"

  api = {
    base_url = "https://app.example.com/api"
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
    emails = ["operations@example.com"]
  }
}
