"""What the functions share: settings, models, the application's API, listing, and the wording of results."""

import gc

# A cold start makes 90,000 objects that stay; to look through all of them for garbage took a tenth of it.
gc.set_threshold(150_000)
