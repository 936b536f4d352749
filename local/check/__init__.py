"""The function's ``check`` from a laptop, before anything is deployed: by a plan, against the API itself."""

import sys
from pathlib import Path

# What is tried is the very code that would be deployed.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "lambda_src"))
