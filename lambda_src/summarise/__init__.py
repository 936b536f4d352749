"""The function that ends a batch: counts its outcomes and words the notification."""
