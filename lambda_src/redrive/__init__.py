"""What the functions share: settings, models, the application's API, listing, and the wording of results."""

import gc
import warnings

# A cold start makes 90,000 objects that stay; to look through all of them for garbage took a tenth of it.
gc.set_threshold(150_000)

# requests misses a library that guesses encodings. The layer has none: JSON is UTF-8 (RFC 8259).
warnings.filterwarnings("ignore", message="Unable to find acceptable character detection dependency")
