# Names, and ARNs made of them. These are known before anything exists: the state machine needs the functions, and some of
# them it; so do topic and alarms.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

# Of the provider's region: provider 5 has no data.aws_region.region, and provider 6 warns of every other name for it.
data "aws_service" "here" {
  service_id = "sts"
}

locals {
  prefix = "${var.name}-${var.stage}"

  account = {
    partition = data.aws_partition.current.partition
    region    = data.aws_service.here.region
    id        = data.aws_caller_identity.current.account_id
  }

  names = {
    list_failed           = "${local.prefix}-list-failed"
    requeue_communication = "${local.prefix}-requeue-communication"
    batch                 = "${local.prefix}-batch"
    conclude              = "${local.prefix}-conclude"
    run                   = "${local.prefix}-run"
    run_ended             = "${local.prefix}-run-ended"
    schedule              = "${local.prefix}-schedule"
    notifications         = "${local.prefix}-notifications"
    ledger                = "${local.prefix}-ledger"
    ledger_admin          = "${local.prefix}-ledger-admin"
    console_view          = "${local.prefix}-console-view"
    console_operate       = "${local.prefix}-console-operate"
  }

  alarm_names = {
    requeue_communication_throttled = "${local.names.requeue_communication}-throttled"
    batch_throttled                 = "${local.names.batch}-throttled"
    conclude_throttled              = "${local.names.conclude}-throttled"
    conclude_failed                 = "${local.names.conclude}-failed"
    schedule_missed                 = "${local.names.schedule}-missed"
    schedule_silent                 = "${local.names.schedule}-silent"
    ledger_reads_throttled          = "${local.names.ledger}-reads-throttled"
    ledger_writes_throttled         = "${local.names.ledger}-writes-throttled"
    waiting_too_long                = "${local.prefix}-waiting-too-long"
    failed_too_long                 = "${local.prefix}-failed-too-long"
    runs_skipped                    = "${local.prefix}-runs-skipped"
    lists_truncated                 = "${local.prefix}-lists-truncated"
    breaker_open                    = "${local.prefix}-breaker-open"
  }
  # As modules/queue names them: they need the topic, so the topic cannot wait for them to be told.
  queue_alarm_names = var.queue.enabled ? [for part in ["queue-age", "dead-letters", "worker-errors"] : "${local.prefix}-${part}"] : []

  console_domain = lookup({ aws-cn = "amazonaws.cn", aws-us-gov = "amazonaws-us-gov.com" }, local.account.partition, "aws.amazon.com")
  dashboard_url  = var.dashboard.enabled ? "https://${local.account.region}.console.${local.console_domain}/cloudwatch/home?region=${local.account.region}#dashboards/dashboard/${local.prefix}" : null

  function_arn_prefix = "arn:${local.account.partition}:lambda:${local.account.region}:${local.account.id}:function"
  alarm_arn_prefix    = "arn:${local.account.partition}:cloudwatch:${local.account.region}:${local.account.id}:alarm"
  role_arn_prefix     = "arn:${local.account.partition}:iam::${local.account.id}:role"
  state_machine_arn   = "arn:${local.account.partition}:states:${local.account.region}:${local.account.id}:stateMachine:${local.names.run}"
  own_topic_arn       = "arn:${local.account.partition}:sns:${local.account.region}:${local.account.id}:${local.names.notifications}"
}
