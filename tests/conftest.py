"""How many examples hypothesis tries: few in every run, many where HYPOTHESIS_PROFILE says "thorough"."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("thorough", max_examples=10_000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
