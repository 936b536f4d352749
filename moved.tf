moved {
  from = module.consistency.terraform_data.first_prefix
  to   = terraform_data.first_prefix[0]
}

moved {
  from = module.alerts
  to   = module.alerts[0]
}

moved {
  from = module.batch
  to   = module.batch[0]
}

moved {
  from = module.conclude
  to   = module.conclude[0]
}

moved {
  from = module.layers
  to   = module.layers[0]
}

moved {
  from = module.ledger
  to   = module.ledger[0]
}

moved {
  from = module.ledger_admin
  to   = module.ledger_admin[0]
}

moved {
  from = module.list_failed
  to   = module.list_failed[0]
}

moved {
  from = module.notifications
  to   = module.notifications[0]
}

moved {
  from = module.requeue_communication
  to   = module.requeue_communication[0]
}

moved {
  from = module.schedule
  to   = module.schedule[0]
}

moved {
  from = module.workflow
  to   = module.workflow[0]
}
