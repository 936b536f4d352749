"""What the functions share: settings, models, the application's API, listing, and the wording of results."""

import gc
import warnings
from importlib import import_module

from redrive.stand_ins import stand_in, standing_in

# A cold start makes 90,000 objects that stay; to look through all of them for garbage took a tenth of it.
gc.set_threshold(150_000)

# requests misses a library that guesses encodings. The layer has none: JSON is UTF-8 (RFC 8259).
warnings.filterwarnings("ignore", message="Unable to find acceptable character detection dependency")

# urllib3 wants it for HTTP/2 alone, once somebody turns that on: a thirtieth of a cold start.
_metadata = "importlib.metadata"
with standing_in(stand_in(_metadata, lambda name: lambda *asked: getattr(import_module(_metadata), name)(*asked))):
    import urllib3.connection  # noqa: F401
