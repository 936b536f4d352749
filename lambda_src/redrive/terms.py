"""The names by which APIs say how long a list is, and that more of it follows; without what separates their words.

Those of the common frameworks and standards: Spring Data, Django REST framework, Laravel, Rails' pagers, JSON:API, HAL,
Hydra, OData, SCIM, GraphQL's connections, AIP-158, Solr, DataTables, and others.
"""

from __future__ import annotations

import re

TOTALS = re.compile(
    "odatacount|numfound|nbhits|fullcount|recordsfiltered|filter(ed)?count|"
    "total(count|elements?|items?|results?|size|records?|entries|rows?|hits?|docs|number|num|objects?|found|cnt)?|"
    "total(record|item|row|result)s?count|(record|item|row|result|element)s?total"
)
"""How many items the whole list has."""

TOTALS_BESIDE = {
    "records": {"page", "total"},  # jqGrid's, beside a number of pages
    "size": {"pagelen"},  # Bitbucket's
    "found": {"outof"},  # Typesense's
    "length": {"records"},  # Odoo's
}
"""Names that say how long the list is beside these others."""

OF_THE_PAGE = frozenset(("total", "totalcount", "totalrecords", "totalrows", "count", "records"))
"""Names under which some APIs say how many items are on the page."""

COUNT = re.compile(
    "count|cnt|(all|overall|grand)(count|total)|"
    "((num|number|n)(of)?)?(total)?(hit|item|row|record|result|entrie|element|doc|document|object|match(e)?)s?(count|cnt)"
    "|(num|number|n)(of)?(hit|item|row|record|result|entrie|element|doc|document|object|matche)s"
)
"""What counts a list, or only this page of it."""

BESIDE = re.compile(
    "meta(data)?|info|pag(ing|ination)(info)?|pager|paginator|pageable|summary|cursor|range|header|"
    "(list|search|page|response|result|query|collection)(meta(data)?|info(rmation)?|context)|page|resultset|collection"
)
"""Objects beside a list that say how long it is."""

NEXT = re.compile(
    r"(odata|page)?next(page)?(link|url|uri|href|cursor|token|marker|offset|records?url|number|path|start|id|key|batch"
    "|index|from|skip|range|maxid|sinceid|position|state|after|item|row|record)?|(next)?(ms)?continu(e|ation)(token|next[a-z]*key)?|"
    "lastevaluatedkey|resumptiontoken|cursornext|linknext|more(?!info)[a-z]*(link|url|uri|href)"
)
"""Where the next page is."""

OBJECT = re.compile(".*(key|token|cursor)")
"""A next page that some databases name by an object with the columns of an index."""

INNER = ("href", "url", "uri", "link", "cursor", "token", "after", "start", "offset", "page", "number")
"""Where an object that stands for a next page may say which one that is."""

NO_NEXT = frozenset(("", "0", "-1", "null", "none", "nil", "undefined", "false", "no", "#"))
"""What some write for a next page where there is none."""

MORE = re.compile(
    "(has|is)?more(items?|results?|pages?|records?|rows|data)?(available|exists?|coming)?|hasnext(page)?|"
    "(is)?nextpage(available|exists)|((results?|list|items|response|output)?(is|was)?)truncated|overflow|"
    "exceeded(transfer)?limit|(results?|size|items?|rows?|records?)limit(ed|reached|exceeded)|"
    "remaining(items?|results?|records?|rows)?count|(items?|results?|records?|rows)remaining"
)
"""Whether more follow, or how many."""

PAGES = re.compile(
    "totalpages?|pages?(count|cnt)|(last|final)page(number|num|no)?|(num|number|nb|count|amount)(of)?pages|pages(total)?"
)
"""How many pages the list has."""

PREVIOUS = re.compile(r"(odata)?prev(ious)?(page)?(link|url|uri|href)?")
BEFORE = frozenset(("hasprevious", "hasprev", "haspreviouspage", "hasprevpage"))
"""Where the page before is, and whether there is one."""

NUMBER = re.compile(r"([0-9]{1,15}|[0-9]{1,3}(,[0-9]{3}){1,4})(\.0+)?")
"""As some write one in a text: 1,234 or 500.0."""

PREFIX = re.compile("^(x-)?(wp-|(pagination|paging)-(?=.))?")
"""What some put before a header's name."""

IN_JSON = frozenset(f"{of}{what}" for of in ("pagination", "paging") for what in ("", "headers", "info", "metadata"))
"""Headers that some write an object into."""

TOKEN = re.compile("(end|after|scan)?cursor|after|bookmark|marker|offset|scrollid")
"""What may name the next page, or this one, or stand there also on the last one."""

ENVELOPES = frozenset(("data", "result", "results", "response", "body", "d"))
"""Objects in which some put the whole of what they answer."""

WHOLE = frozenset(("done", "isdone", "complete", "iscomplete", "finished", "isfinished", "end", "atend", "eof"))
"""Also what else is done, where it stands in another object than the list, or is a number."""

LAST = WHOLE | {"last", "islast", "endofstream", "endoflist", "endreached", "reachedend", "exhausted"}
LAST |= {f"{before}{which}page" for before in ("", "is") for which in ("last", "final")}
FIRST = frozenset(("first", "isfirst", "isfirstpage"))
"""Whether this page is the last, or the first."""

NUMBERS = WHOLE | {"first", "last", "lastpage", "finalpage"}
"""Of these names those that may hold a page's number, or a count, which may be 0."""

QUOTA = re.compile("(api|rate)?(limit(s|ing|er)?|quotas?|usage)")
"""Objects that say how much whoever asks may still ask for."""
