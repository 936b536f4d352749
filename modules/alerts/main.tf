# Failures that nobody's code can report: each ends up as one mail in words.

locals {
  # Where a person clicks to. Other partitions have other consoles; there the names must do.
  console = lookup({
    aws        = "https://${var.context.account.region}.console.aws.amazon.com"
    aws-cn     = "https://${var.context.account.region}.console.amazonaws.cn"
    aws-us-gov = "https://${var.context.account.region}.console.amazonaws-us-gov.com"
  }, var.context.account.partition, null)

  log_link       = local.console == null ? "" : "${local.console}/cloudwatch/home?region=${var.context.account.region}#logsV2:log-groups/log-group/${replace(urlencode(urlencode(var.lister.log_group_name)), "%", "$")}"
  execution_link = local.console == null ? "" : "${local.console}/states/home?region=${var.context.account.region}#/v2/executions/details/<execution>"

  # Several lines are several JSON strings, one a line; a \n inside a string would arrive as written:
  # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
  run_failed_lines = [
    "${var.title}: a run failed.",
    "Stage: ${var.stage}",
    "Time: <time> (UTC)",
    "Error: <error>",
    "Message: <message>",
    "What it means: failed communications were not all listed, so some still wait. What was listed before the error went on. The next firing of the schedule tries again.",
    "Where to look: the log group ${var.lister.log_group_name}, request <request>. ${local.log_link}",
    "Reason Lambda gives: <condition>",
  ]
  batch_failed_lines = [
    "${var.title}: a batch ended <status> without a summary.",
    "Stage: ${var.stage}",
    "Time: <time> (UTC)",
    "Execution: <name>",
    "Error: <error>",
    "Cause: <cause>",
    "What it means: some communications of this batch may not have been sent back. Those still failed are listed again by the next run.",
    "Where to look: the execution's history. ${local.execution_link}",
  ]
}

resource "aws_cloudwatch_event_rule" "run_failed" {
  count = var.notify ? 1 : 0

  name        = var.rule_names.run_failed
  description = "Runs of ${var.lister.name} that failed"
  tags        = var.context.tags

  event_pattern = jsonencode({
    source      = ["lambda"]
    detail-type = ["Lambda Function Invocation Result - Failure"]
    detail = {
      # Lambda adds the version, usually $LATEST. With the colon, as another function's name may begin alike.
      requestContext = { functionArn = [var.lister.arn, { prefix = "${var.lister.arn}:" }] }
    }
  })
}

resource "aws_cloudwatch_event_target" "run_failed" {
  count = var.notify ? 1 : 0

  rule      = aws_cloudwatch_event_rule.run_failed[0].name
  target_id = "notifications"
  arn       = var.topic_arn

  input_transformer {
    input_paths = {
      time      = "$.time"
      error     = "$.detail.responsePayload.errorType"
      message   = "$.detail.responsePayload.errorMessage"
      condition = "$.detail.requestContext.condition"
      request   = "$.detail.requestContext.requestId"
    }
    input_template = join("\n", [for line in local.run_failed_lines : "\"${line}\""])
  }
}

resource "aws_cloudwatch_event_rule" "batch_failed" {
  count = var.notify ? 1 : 0

  name        = var.rule_names.batch_failed
  description = "Executions of ${var.state_machine.name} that ended without having sent their own notification"
  tags        = var.context.tags

  event_pattern = jsonencode({
    source      = ["aws.states"]
    detail-type = ["Step Functions Execution Status Change"]
    detail = {
      stateMachineArn = [var.state_machine.arn]
      # anything-but does not match a field that is not there, hence the three ways to fail
      "$or" = [
        { status = ["TIMED_OUT", "ABORTED"] },
        { status = ["FAILED"], error = [{ anything-but = [var.state_machine.incomplete_error] }] },
        { status = ["FAILED"], error = [{ exists = false }] },
        { status = ["FAILED"], error = [null] },
      ]
    }
  })
}

resource "aws_cloudwatch_event_target" "batch_failed" {
  count = var.notify ? 1 : 0

  rule      = aws_cloudwatch_event_rule.batch_failed[0].name
  target_id = "notifications"
  arn       = var.topic_arn

  input_transformer {
    input_paths = {
      time      = "$.time"
      status    = "$.detail.status"
      name      = "$.detail.name"
      execution = "$.detail.executionArn"
      error     = "$.detail.error"
      cause     = "$.detail.cause"
    }
    input_template = join("\n", [for line in local.batch_failed_lines : "\"${line}\""])
  }
}
