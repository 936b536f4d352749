output "queue_url" {
  description = "Where the shop sends its queue entries."
  value       = module.first_loop.url
}

output "queue_arn" {
  description = "Where dead letters are moved back to."
  value       = module.first_loop.arn
}

output "dead_letter_arn" {
  description = "Where dead letters are moved back from."
  value       = module.first_loop.dead_letter_arn
}

output "dead_letter_url" {
  description = "Where a person finds what was given up, and why."
  value       = module.first_loop.dead_letter_url
}
