"""The header ``Link`` is read as RFC 8288 writes it, and whatever else stands there raises nothing."""

from __future__ import annotations

import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redrive.link_header import Link, read_links


@pytest.mark.parametrize(
    ("header", "links"),
    [
        ("", []),
        ('</emails?page=2>; rel="next last"', [Link("/emails?page=2", ("next", "last"))]),
        ('</emails?page=2>; REL="NEXT"', [Link("/emails?page=2", ("next",))]),
        ("<https://a.example/x;v=1?page=2,3>;rel=next", [Link("https://a.example/x;v=1?page=2,3", ("next",))]),
        ('<a>; title="b, <c>; rel=\\"next\\""; rel=prev , <d>; rel=next', [Link("a", ("prev",)), Link("d", ("next",))]),
        ("<a>;;; rel = next ;x, ,<b>", [Link("a", ("next",)), Link("b", ())]),
        ("<a>; rel=next; rel=prev", [Link("a", ("next",))]),
        ('<a>; rel="next"; anchor="/other"', [Link("a", ("next",), "/other")]),
        ("<>; rel=next", [Link("", ("next",))]),
        ('<a>; rel="next', [Link("a", ("next",))]),
        (
            "<a>; rel='last next'; title='b; rel=prev', <d>; rel='prev'",
            [Link("a", ("last", "next")), Link("d", ("prev",))],
        ),
        ("<a>; rel=next'; title=x", [Link("a", ("next'",))]),
        ("<a>; rel=next junk; title=x, <b>; rel=last", [Link("a", ("next",)), Link("b", ("last",))]),
        ("a; rel=next", []),
        ("<a; rel=next", []),
    ],
)
def test_a_header_holds_these_links(header: str, links: list[Link]) -> None:
    assert read_links(header) == links


TARGETS = st.text(string.ascii_letters + string.digits + "/?&=;,:%[]\"'#", min_size=1)
TOKENS = st.text(string.ascii_lowercase + string.digits + "-.", min_size=1, max_size=8)
QUOTED = st.text(string.printable.replace("\r", "").replace("\n", ""))


def quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


@st.composite
def written_links(draw: st.DrawFn) -> tuple[str, Link]:
    """A link in one of the ways in which it may be written, with other parameters around."""
    target, relations = draw(TARGETS), tuple(draw(st.lists(TOKENS, min_size=1, max_size=3)))
    anchor = draw(st.none() | QUOTED)
    rel = draw(st.sampled_from(["rel", "REL", "Rel"]))
    value = relations[0] if len(relations) == 1 and draw(st.booleans()) else quoted(" ".join(relations))
    parameters = [(rel, value)] + ([("anchor", quoted(anchor))] if anchor is not None else [])
    names = TOKENS.filter(lambda name: name not in ("rel", "anchor"))
    parameters += draw(st.lists(st.tuples(names, TOKENS | QUOTED.map(quoted)), max_size=3))
    space = draw(st.sampled_from(["", " ", "\t"]))
    written = "".join(
        f"{space};{space}{name}{space}={space}{value}" for name, value in draw(st.permutations(parameters))
    )
    return f"<{target}>{written}", Link(target, relations, anchor)


@given(st.lists(written_links(), max_size=4), st.sampled_from([",", ", ", " ,\t", ",,"]))
def test_what_is_written_is_read(links: list[tuple[str, Link]], comma: str) -> None:
    assert read_links(comma.join(written for written, _ in links)) == [link for _, link in links]


@given(st.text() | st.text('<>;,="\\ relnxt', max_size=80))
def test_whatever_stands_there_raises_nothing(header: str) -> None:
    read_links(header)


@pytest.mark.parametrize("part", ["<", '"', '\\"', "<a>;", "<a>,", '<a>;x="', ";", " ", ", "])
def test_the_longest_header_that_a_server_can_send_is_read_at_once(part: str) -> None:
    def seconds(size: int) -> float:
        started = time.process_time()
        read_links("<a>" + part * (size // len(part)))
        return time.process_time() - started

    seconds(8192)
    assert seconds(65536) < 100 * max(seconds(8192), 0.001)  # not the square, which is 64 times as long, and then some
