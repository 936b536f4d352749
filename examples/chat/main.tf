# Alarms in a Slack channel, by Amazon Q Developer in chat applications (AWS Chatbot). Alarms alone arrive there: of what is no
# message of an AWS service it shows custom notifications only, which are JSON of a certain form ("Custom notifications using
# Amazon Q Developer in chat applications" in its guide), and drops the rest without a word; a digest is plain text. Digests go
# by mail: an address of the channel's own shows them there, too.
module "communications_redrive" {
  source = "../.."

  name  = "tickets-redrive"
  stage = "production"

  api = {
    base_url = "https://tickets.example.com/api"
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
    emails           = ["tickets-aaaabbbbcccc@example.slack.com"]
    alerts_topic_arn = aws_sns_topic.alerts.arn
  }
}

# Without a key of KMS: CloudWatch may publish to an encrypted topic only where the key's policy lets it.
resource "aws_sns_topic" "alerts" {
  #checkov:skip=CKV_AWS_26:See above.
  name = "tickets-alerts"
}

resource "aws_sns_topic_policy" "alerts" {
  arn    = aws_sns_topic.alerts.arn
  policy = module.communications_redrive.alerts_topic_policy
}

# The workspace is connected once in the console, by somebody who may.
resource "aws_chatbot_slack_channel_configuration" "alerts" {
  configuration_name = "tickets-alerts"
  slack_team_id      = "T07EA123LEP"
  slack_channel_id   = "C07EZ1ABC23"
  iam_role_arn       = aws_iam_role.chat.arn
  sns_topic_arns     = [aws_sns_topic.alerts.arn]
}

data "aws_iam_policy_document" "chat" {
  statement {
    sid     = "ShowAlarms"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["chatbot.amazonaws.com"]
    }
  }
}

# It may do nothing: an alarm needs no permission to be shown. The graph beside it would need CloudWatchReadOnlyAccess.
resource "aws_iam_role" "chat" {
  name               = "tickets-alerts-chat"
  assume_role_policy = data.aws_iam_policy_document.chat.json
}
