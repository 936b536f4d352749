# JMESPath, as far as it can be told without a parser: what is left of an expression without its quoted names, texts and
# literals holds no character that JMESPath has not, and its brackets come in pairs. So JSONPath ("$.data[*]") and a name with a
# hyphen that is not quoted ("failed-emails") are an error of the plan, and not of the first run.
locals {
  expressions = { for input, expression in merge({ "requeue.accepted" = var.requeue.accepted }, [for name, source in var.sources : {
    "sources.${name}.items"            = source.items
    "sources.${name}.id"               = source.id
    "sources.${name}.failed_at"        = source.failed_at
    "sources.${name}.pagination.next"  = source.pagination.next
    "sources.${name}.pagination.total" = source.pagination.total
  }]...) : input => replace(expression, "/\"(\\\\.|[^\"\\\\])*\"|'(\\\\.|[^'\\\\])*'|`(\\\\.|[^`\\\\])*`/", "x") if expression != null }

  not_jmespath = [for input, expression in local.expressions : input if(
    !can(regex("^([A-Za-z0-9_.,:*&|!=<>@?()\\[\\]{}\\s]|-[0-9])+$", expression))
    || anytrue([for pair in ["[]", "{}", "()"] : length(split(substr(pair, 0, 1), expression)) != length(split(substr(pair, 1, 1), expression))])
  )]
}
