moved {
  from = module.consistency.terraform_data.first_prefix
  to   = terraform_data.first_prefix
}
