# What the state machine cannot say itself: a run that was aborted, timed out or broke. The function conclude is told, and
# sends the one digest of that run.

resource "aws_cloudwatch_event_rule" "run_ended" {
  name        = var.run_ended_rule_name
  description = "Runs of ${var.state_machine.name} that ended without having concluded themselves"
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

resource "aws_cloudwatch_event_target" "run_ended" {
  rule      = aws_cloudwatch_event_rule.run_ended.name
  target_id = "conclude"
  arn       = var.conclude.arn

  retry_policy {
    maximum_event_age_in_seconds = 3600
    maximum_retry_attempts       = 20
  }
}

resource "aws_lambda_permission" "run_ended" {
  statement_id  = "RunsThatEndedOtherwise"
  action        = "lambda:InvokeFunction"
  function_name = var.conclude.name
  principal     = "events.amazonaws.com"
  source_arn    = "arn:${var.context.account.partition}:events:${var.context.account.region}:${var.context.account.id}:rule/${aws_cloudwatch_event_rule.run_ended.name}"
}
