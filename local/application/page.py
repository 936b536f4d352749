"""The page for people: compose, and watch what becomes of it. It is one file; its data comes by the API."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from pathlib import Path

from flask import Response

PAGE = Path(__file__).with_name("page.html")


def response() -> Response:
    """Give the page with headers that let nothing run, or be reached, but itself and this application."""
    html, policy = _page()
    headers = {
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return Response(html, headers=headers, content_type="text/html; charset=utf-8")


@cache
def _page() -> tuple[str, str]:
    """Read the page, and make the policy that names its script and its style by their hashes."""
    html = PAGE.read_text(encoding="utf-8")
    rules = [
        "default-src 'none'",
        f"script-src {_hashed(html, 'script')}",
        f"style-src {_hashed(html, 'style')}",
        "img-src data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
    return html, "; ".join(rules)


def _hashed(html: str, tag: str) -> str:
    [text] = re.findall(f"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
