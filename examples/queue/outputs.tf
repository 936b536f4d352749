output "queue_url" {
  description = "Where the shop sends its queue entries."
  value       = module.delivery_queue.url
}

output "queue_arn" {
  description = "Where dead letters are moved back to."
  value       = module.delivery_queue.arn
}

output "dead_letter_arn" {
  description = "Where dead letters are moved back from."
  value       = module.delivery_queue.dead_letter_arn
}

output "dead_letter_url" {
  description = "Where a person finds what was given up, and why."
  value       = module.delivery_queue.dead_letter_url
}
