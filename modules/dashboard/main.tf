# One dashboard for the person on call, from what to do now to the graphs. CloudWatch draws it; there is nothing to host.

locals {
  region = var.context.account.region

  advice = join("\n", [
    "## ${var.name}",
    "**What to do now**: if an alarm is red, read its description. If something waits for a person, look at its group below, ${var.operate_arn == null ? "correct the cause, then have it released or discarded with `ledger-admin`" : "correct the cause, then release it"}. If the API is struggling, ${var.operate_arn == null ? "have everything paused with `ledger-admin`" : "press **Pause**"}: nothing is lost. If nothing is red and nothing waits, there is nothing to do.",
  ])

  # What the functions publish by source, graph by graph; a test compares it with what a run really publishes.
  by_source = {
    "Listed, requeued" = { stat = "Sum", metrics = ["Listed", "Requeued", "Skipped"] }
    "What came of it"  = { stat = "Sum", metrics = ["Delivered", "CameBack"] }
    "Turned away"      = { stat = "Sum", metrics = ["Refused", "Failed", "Manual"] }
  }
  gauges = {
    "Waiting for a person"       = ["WaitingForPerson"]
    "Age of the oldest, seconds" = ["OldestFailedAge", "OldestWaitingAge"]
    "Sources that are left out"  = ["BreakerOpen"]
  }
  by_service   = ["RunsConcluded", "RunsSkipped", "NotSent", "Truncated"]
  by_operation = ["Sent", "AlreadySent", "ComesBack", "DeadLettered"]

  graphs = concat(
    [for title, graph in local.by_source : {
      title = title
      stat  = graph.stat
      metrics = [for pair in setproduct(graph.metrics, var.sources) :
        [var.namespace, pair[0], "service", var.name, "source", pair[1], { label = "${pair[0]} ${pair[1]}" }]
      ]
    }],
    [for title, gauges in local.gauges : {
      title = title
      stat  = "Maximum"
      metrics = concat(
        [for gauge in gauges : [var.namespace, gauge, "service", var.name, { label = "${gauge}, all" }]],
        [for pair in setproduct(gauges, var.sources) : [var.namespace, pair[0], "service", var.name, "source", pair[1], { label = "${pair[0]} ${pair[1]}" }]],
      )
    }],
    [
      {
        title = "Latency of the API (ms)"
        stat  = "p50"
        metrics = [for pair in setproduct(var.sources, ["p50", "p99"]) :
          [var.namespace, "ApiLatency", "service", var.name, "source", pair[0], { stat = pair[1], label = "${pair[1]} ${pair[0]}" }]
        ]
      },
      {
        title   = "Runs"
        stat    = "Sum"
        metrics = [for metric in local.by_service : [var.namespace, metric, "service", var.name]]
      },
      {
        title   = "How long runs take (ms)"
        stat    = "Maximum"
        metrics = [["AWS/States", "ExecutionTime", "StateMachineArn", var.state_machine_arn]]
      },
      {
        title = "Errors and throttles"
        stat  = "Sum"
        metrics = concat(
          [for pair in setproduct(["Errors", "Throttles"], sort(keys(var.functions))) :
            ["AWS/Lambda", pair[0], "FunctionName", var.functions[pair[1]].name, { label = "${pair[0]} ${pair[1]}" }]
          ],
          [for metric in ["ReadThrottleEvents", "WriteThrottleEvents"] : ["AWS/DynamoDB", metric, "TableName", var.table_name]],
        )
      },
    ],
    [for queue in var.queue[*] : {
      title = "The delivery queue"
      stat  = "Sum"
      metrics = [for pair in setproduct(local.by_operation, queue.operations) :
        [var.namespace, pair[0], "service", var.name, "operation", pair[1], { label = "${pair[0]} ${pair[1]}" }]
      ]
    }],
    [for queue in var.queue[*] : {
      title = "The queue"
      stat  = "Maximum"
      metrics = [
        ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue.name],
        ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", queue.name],
        ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue.dead_letter_name, { label = "dead letters" }],
      ]
    }],
  )

  consoles = concat(
    [{ title = "What waits, runs, what people did", endpoint = var.view_arn }],
    [for arn in var.operate_arn[*] : { title = "For operators: release, discard, pause, stop", endpoint = arn }],
  )

  # Rows of 24 columns: advice and alarms, the consoles, the graphs three beside each other, the last errors.
  console_height = 12
  graph_height   = 6
  graphs_at      = 4 + local.console_height * length(local.consoles)
  logs_at        = local.graphs_at + local.graph_height * ceil(length(local.graphs) / 3)

  # Widgets differ in their properties, so they are texts until they stand together.
  widgets = concat(
    [
      jsonencode({ type = "text", x = 0, y = 0, width = 14, height = 4, properties = { markdown = local.advice } }),
      jsonencode({ type = "alarm", x = 14, y = 0, width = 10, height = 4, properties = { title = "Alarms", alarms = var.alarm_arns } }),
    ],
    [for index, console in local.consoles : jsonencode({
      type = "custom", x = 0, y = 4 + index * local.console_height, width = 24, height = local.console_height
      properties = {
        title    = console.title
        endpoint = console.endpoint
        updateOn = { refresh = true, resize = false, timeRange = false }
      }
    })],
    [for index, graph in local.graphs : jsonencode({
      type = "metric", x = index % 3 * 8, y = local.graphs_at + local.graph_height * floor(index / 3), width = 8, height = local.graph_height
      properties = {
        title   = graph.title
        region  = local.region
        stat    = graph.stat
        period  = 3600
        view    = "timeSeries"
        metrics = graph.metrics
      }
    })],
    [jsonencode({
      type = "log", x = 0, y = local.logs_at, width = 24, height = 8
      properties = {
        title  = "The last errors"
        region = local.region
        view   = "table"
        query  = "${join(" | ", distinct([for function in sort(keys(var.functions)) : "SOURCE '${var.functions[function].log_group_name}'"]))} | fields @timestamp, runId, message, error | filter level in ['WARNING', 'ERROR', 'CRITICAL'] | sort @timestamp desc | limit 50"
      }
    })],
  )
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name
  dashboard_body = "{\"widgets\":[${join(",", local.widgets)}]}"
}

# Who looks: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/add_custom_widget_dashboard_about.html
data "aws_iam_policy_document" "view" {
  #checkov:skip=CKV_AWS_356:The actions allowed on * have no resource type, or list what there is; they only read.
  statement {
    sid       = "SeeTheDashboard"
    actions   = ["cloudwatch:GetDashboard"]
    resources = [local.arn]
  }

  statement {
    sid       = "SeeItsGraphsAndAlarms"
    actions   = ["cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "cloudwatch:ListDashboards"]
    resources = ["*"] # these actions have no resource type, or list what there is
  }

  statement {
    sid       = "SeeItsLogs"
    actions   = ["logs:StartQuery"]
    resources = [for function in values(var.functions) : "arn:${var.context.account.partition}:logs:${local.region}:${var.context.account.id}:log-group:${function.log_group_name}:*"]
  }

  statement {
    sid       = "SeeResultsOfItsQueries"
    actions   = ["logs:GetQueryResults", "logs:StopQuery"]
    resources = ["*"] # these actions have no resource type
  }

  statement {
    sid       = "SeeTheConsole"
    actions   = ["lambda:InvokeFunction"]
    resources = [var.view_arn]
  }
}

data "aws_iam_policy_document" "operate" {
  count = var.operate_arn == null ? 0 : 1

  source_policy_documents = [data.aws_iam_policy_document.view.json]

  statement {
    sid       = "OperateTheConsole"
    actions   = ["lambda:InvokeFunction"]
    resources = [var.operate_arn]
  }
}

locals {
  arn = "arn:${var.context.account.partition}:cloudwatch::${var.context.account.id}:dashboard/${var.name}"
}
