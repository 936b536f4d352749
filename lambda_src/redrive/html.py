"""HTML, made so that nobody can forget to escape: whatever was not made here is text, and is shown as that."""

from __future__ import annotations

from html import escape

VOID = frozenset({"input", "br"})


class Html(str):
    """Markup that was made here."""

    __slots__ = ()


def tag(name: str, /, *children: str | None, **attributes: str | int | bool | None) -> Html:
    """Make an element.

    Parameters
    ----------
    name
        Of the element, such as ``td``.
    *children
        Elements, or texts, which are escaped; None for nothing.
    **attributes
        ``class_`` is ``class``; False and None leave one out, True gives it no value.
    """
    given = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escape(str(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    return Html(f"<{name}{given}>" if name in VOID else f"<{name}{given}>{joined(*children)}</{name}>")


def joined(*children: str | None) -> Html:
    """Put elements and texts one after the other."""
    return Html("".join(each if isinstance(each, Html) else escape(each) for each in children if each))


def table(heads: list[str], rows: list[list[str | None]]) -> Html:
    """Make a table; each cell an element or a text."""
    head = tag("tr", *(tag("th", each) for each in heads))
    body = (tag("tr", *(tag("td", each) for each in row)) for row in rows)
    return tag("div", tag("table", tag("thead", head), tag("tbody", *body)), class_="rd-wide")


def capped(text: object, most: int = 160) -> str:
    """Cut a text: an error may hold what belongs in no console."""
    found = "" if text is None else str(text)
    return found if len(found) <= most else f"{found[: most - 1]}…"
