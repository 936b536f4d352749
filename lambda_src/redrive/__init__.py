"""What the functions share: settings, models, the application's API, listing, and the wording of results."""
