output "queue_url" {
  description = "Where the shop sends its queue entries."
  value       = module.first_loop.url
}

output "dead_letter_url" {
  description = "Where a person finds what was given up, and why."
  value       = module.first_loop.dead_letter_url
}
