"""What an answer says against itself: which words mean an error, which mean none, and how to say otherwise."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redrive.api import ListAnswer
from redrive.flaws import flaw
from redrive.page import Content, Unlisted, read_page
from redrive.settings import Source

WENT_WRONG = "something went wrong"
PART = "it is a part of the list only"


def source(items: str = "data.list", path: str = "/emails", **filters: str | tuple[str, ...]) -> Source:
    return Source(path=path, operation="send.email", filters=filters or {"status": "failed"}, items=items)


def read(body: object, source: Source) -> Content | Unlisted:
    return read_page("email", source, ListAnswer(200, "https://api.example/emails", {}, json.dumps(body).encode(), 1.0))


def found(body: dict[str, Any], of: Source | None = None, *, items: int = 0) -> str:
    """Give what is wrong with an answer that lists so many items, as far as it says so itself."""
    listed = [{"id": number} for number in range(items)]
    inner = body.get("data", {})
    content = read({**body, "data": {"list": listed, **inner}}, of or source())
    if isinstance(content, Content):
        return content.flaw
    assert not items
    return content.words


@pytest.mark.parametrize("items", [0, 3])
@pytest.mark.parametrize(
    "body",
    [
        {"error": {"code": "ok", "message": "", "log_id": "20261127"}},
        {"error": {"code": 0}},
        {"error": {"code": 0, "message": "Success"}},
        {"error": {"code": 200, "message": "OK"}},
        {"error": {"message": None, "fields": {}}},
        {"error": "No error"},
        {"error": "N/A"},
        {"error": "-"},
        {"error": "none"},
        {"error": " ok "},
        {"error": "No errors found."},
        {"error": 0},
        {"errors": {"count": 0}},
        {"errors": [None]},
        {"errors": [{}, [], ""]},
        {"hasErrors": False},
        {"errorCode": "000000"},
        {"errorCode": "00000"},
        {"errorCode": "A0000"},
        {"errorCode": "NO_ERROR"},
        {"errorCode": "SUCCESS"},
        {"errcode": 0},
        {"code": 0},
        {"code": 10000},
        {"code": 20000},
        {"code": 200},
        {"code": "A0000"},
        {"code": "NO_ERROR"},
        {"code": "SPRING45"},
        {"ret": 1},
        {"status": "OK"},
        {"status": "failed"},
        {"status": "SEND_FAILED"},
        {"data": {"status": "failed"}},
        {"filters": {"status": "error"}},
        {"countryCode": "49", "postalCode": "50667"},
        {"resultCode": "0000"},
        {"degraded": False},
        {"isError": "N"},
        {"err": None, "errmsg": "ok"},
        {"errorMessage": "Completed successfully"},
        {"failed": 0},
        {"type": "failed", "state": "ok", "stale": False, "maintenance": 0, "message": "operación"},
        {"_clusters": {"total": 0, "successful": 0, "skipped": 0}, "_shards": {"total": 0, "successful": 0}},
    ],
)
def test_what_says_that_nothing_is_wrong_is_no_error(body: dict[str, Any], items: int) -> None:
    assert not found(body, items=items)


@given(
    st.recursive(st.sampled_from([None, 0, False, "", "none", "0", "OK"]), lambda inner: st.lists(inner, max_size=2))
)
def test_a_list_of_nothing_is_no_error(value: object) -> None:
    assert not flaw("", source(), {"errors": value}, is_empty=True)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"error": {"code": None, "message": "replica lag"}}, "error"),
        ({"error": {"code": 17, "message": ""}}, "error"),
        ({"error": "系统繁忙"}, "error"),
        ({"errors": ["", "boom"]}, "errors"),
        ({"errors": {"count": 2}}, "errors"),
        ({"has_errors": True}, "has_errors"),
        ({"errorCode": "E17"}, "errorCode"),
        ({"errorCode": 7}, "errorCode"),
        ({"errorCode": "-200"}, "errorCode"),
        ({"Success": False}, "Success"),
        ({"isOk": False}, "isOk"),
        ({"status": "error"}, "status"),
        ({"status": 503}, "status"),
        ({"meta": {"status": 503}}, "meta.status"),
        ({"success": "N"}, "success"),
        ({"err": "db down"}, "err"),
        ({"errMsg": "db down"}, "errMsg"),
        ({"error_description": "db down"}, "error_description"),
        ({"exceptions": ["db down"]}, "exceptions"),
        ({"errorMessage": "Only partially successful"}, "errorMessage"),
        ({"errorMessage": "Not successful"}, "errorMessage"),
        ({"errNo": 17}, "errNo"),
        ({"@odata.error": {"code": "x"}}, '"@odata.error"'),
        ({"ExceptionMessage": "x"}, "ExceptionMessage"),
        ({"ResponseStatus": {"ErrorCode": "Unauthorized"}}, "ResponseStatus.ErrorCode"),
    ],
)
@pytest.mark.parametrize("items", [0, 3])
def test_what_plainly_says_that_it_went_wrong_is_heard_whatever_is_listed(
    body: dict[str, Any], place: str, items: int
) -> None:
    assert f"says in {place} that {WENT_WRONG}" in found(body, items=items)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"code": 50000}, "code"),
        ({"code": 40001}, "code"),
        ({"code": 10001}, "code"),
        ({"code": -1}, "code"),
        ({"code": "-1"}, "code"),
        ({"code": "E5001"}, "code"),
        ({"code": "SYSTEM_ERROR"}, "code"),
        ({"ret": -1}, "ret"),
        ({"resultCode": "FAIL"}, "resultCode"),
        ({"status": "KO"}, "status"),
        ({"status": "timed_out"}, "status"),
        ({"status": "TIMEOUT"}, "status"),
        ({"errors": 2}, "errors"),
        ({"result": {"success": False}}, "result.success"),
        ({"data": {"success": False}}, "data.success"),
        ({"data": {"error": "replica lag"}}, "data.error"),
        ({"data": {"@error": "replica lag"}}, 'data."@error"'),
        ({"degraded": True}, "degraded"),
        ({"status": False}, "status"),
        ({"failed": True}, "failed"),
        ({"maintenance": True}, "maintenance"),
        ({"stale": True}, "stale"),
        ({"state": "ERROR"}, "state"),
        ({"status": "processing"}, "status"),
        ({"__type": "ThrottlingException"}, "__type"),
        ({"@type": "hydra:Error"}, '"@type"'),
        ({"msg": "fail"}, "msg"),
        ({"_status": "ERR"}, "_status"),
        ({"result": "NG"}, "result"),
        ({"Ack": "Failure"}, "Ack"),
        ({"head": {"retcode": 10001}}, "head.retcode"),
        *(
            ({"code": code}, "code")
            for code in (
                *("RATE_LIMIT", "RateLimitExceeded", "TooManyRequests", "ThrottlingException", "DEADLINE_EXCEEDED"),
                *(
                    "Throttling.User",
                    "UNAUTHENTICATED",
                    "NotAuthorized",
                    "invalid_token",
                    "INTERNAL",
                    "Aborted",
                    "MAINTENANCE",
                ),
            )
        ),
    ],
)
def test_what_may_mean_a_failure_is_one_where_nothing_is_listed(body: dict[str, Any], place: str) -> None:
    assert f"says in {place} that {WENT_WRONG}" in found(body)
    assert not found(body, items=3)


@pytest.mark.parametrize(
    "body",
    [
        {"message": "Internal server error"},
        {"detail": "Not authenticated"},
        {"Message": "An error has occurred."},
        {"message": "401 Unauthorized", "documentation_url": "https://docs.example"},
    ],
)
def test_a_text_instead_of_a_list_is_an_error_also_where_items_takes_nothing_for_an_empty_list(
    body: dict[str, Any],
) -> None:
    of = source("emails || `[]`")
    assert isinstance(read(body, of), Unlisted)
    assert isinstance(read(body | {"emails": []}, of), Content)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"nextPageToken": ""},
        {"message": "No failed emails found"},
        {"message": "There are no results."},
        {"msg": "Success"},
        {"detail": ""},
        {"code": 0, "msg": "操作成功"},
        {"code": 200, "msg": "操作成功", "data": None},
        {"success": True, "message": "Keine Einträge"},
    ],
)
def test_a_text_that_tells_of_nothing_is_no_error(body: dict[str, Any]) -> None:
    assert isinstance(read(body, source("emails || `[]`")), Content)


@pytest.mark.parametrize("items", [0, 3])
@pytest.mark.parametrize(
    "name", ["timed_out", "isPartial", "partial_failure", "terminated_early", "incomplete_results", "incomplete"]
)
def test_a_part_of_a_list_is_no_whole_one(name: str, items: int) -> None:
    for yes, no in ((True, False), (1, 0), ("true", "false")):
        assert f"says in {name} that {PART}" in found({name: yes}, items=items)
        assert not found({name: no}, items=items)


@pytest.mark.parametrize("counts", [{"skipped": 1}, {"failed": 1}, {"partial": 1}])
def test_a_cluster_that_was_not_asked_lacks_in_the_list(counts: dict[str, int]) -> None:
    assert PART in found({"_clusters": {"total": 2, "successful": 1, **counts}}, items=3)


@pytest.mark.parametrize(
    "of",
    [
        source(status="failed"),
        source(state=("failed", "bounced")),
        source(q="status:failed AND channel:email"),
        source(where='{"status": "failed"}'),
        source(path="/emails/failed", page="1"),
    ],
)
def test_an_answer_that_repeats_what_was_asked_for_says_nothing(of: Source) -> None:
    assert not found({"status": "failed"}, of)
    assert WENT_WRONG in found({"status": "failed"}, source(state="bounced"))
    assert not found({"failed": True, "status": False}, source(failed="true", status="false"))


@pytest.mark.parametrize(
    ("body", "items"),
    [
        ({"code": 50000}, "code == `50000` && data.list"),
        ({"errors": 2}, "errors == `2` && (data.list || `[]`)"),
        ({"data": {"success": False}}, "data.success == `false` && data.list"),
        ({"data": {"@error": "x"}}, "data.\"@error\" == 'x' && data.list"),
    ],
)
def test_what_items_names_is_judged_by_items(body: dict[str, Any], items: str) -> None:
    assert WENT_WRONG in found(body)
    content = found_content(body, items)
    assert isinstance(content, Content)
    assert (content.flaw, content.is_empty) == ("", True)


def test_what_items_names_is_not_believed_with_another_value() -> None:
    assert isinstance(found_content({"code": 50001}, "code == `50000` && data.list"), Unlisted)


def found_content(body: dict[str, Any], items: str) -> Content | Unlisted:
    return read({**body, "data": {"list": [], **body.get("data", {})}}, source(items))


@pytest.mark.parametrize(
    ("body", "items", "line"),
    [
        ({"code": -1, "emails": []}, "emails", 'sources.email.items = "(code == … || code == …) && emails"'),
        ({"code": -1}, "emails || `[]`", 'sources.email.items = "(code == … || code == …) && (emails || `[]`)"'),
        (
            {"@error": "a", "emails": []},
            "emails",
            r'sources.email.items = "(\"@error\" == … || \"@error\" == …) && emails"',
        ),
    ],
)
def test_the_way_to_say_otherwise_is_named(body: dict[str, Any], items: str, line: str) -> None:
    content = read(body, source(items))
    assert isinstance(content, Unlisted)
    assert line in content.words


@pytest.mark.parametrize(
    "error",
    [
        {"error": {"code": 0, "message": "SQLSTATE[HY000] Connection refused"}},
        {"errors": [{"code": 0, "message": "boom"}]},
        {"errors": [{"message": "Internal server error", "statusCode": 200}]},
        {"error": {"status": False, "message": "DB down"}},
        {"error": {"status": "0", "detail": "DB down"}},
    ],
)
@pytest.mark.parametrize("items", [0, 3])
def test_an_error_whose_code_is_left_at_nought_is_one(error: dict[str, Any], items: int) -> None:
    assert found(error, items=items)


def test_the_way_to_say_otherwise_takes_every_answer_that_is_fine() -> None:
    items = "(code == `404` || code == `0`) && data"
    for body in ({"code": 404, "data": []}, {"code": 0, "data": [{"id": 1}]}):
        content = read(body, source(items))
        assert isinstance(content, Content)
        assert not content.flaw
    assert isinstance(read({"code": 500, "data": []}, source(items)), Unlisted)


def test_items_by_their_ids_are_not_taken_for_what_the_answer_says() -> None:
    ids = {"error": {"code": 5}, "status": {"state": "failed"}}
    content = read({"emails": ids}, source("keys(emails)"))
    assert isinstance(content, Content)
    assert not content.flaw


def test_what_a_filter_in_items_leaves_out_is_listed() -> None:
    body = {"code": 40001, "emails": [{"id": 1, "state": "sent"}]}
    content = read(body, source("emails[?state=='failed']"))
    assert isinstance(content, Content)
    assert not content.is_empty


@pytest.mark.parametrize("key", ["errors", "data"])
def test_an_answer_that_is_nested_deeply_breaks_nothing(key: str) -> None:
    body: dict[str, Any] = {}
    for _ in range(5000):
        body = {key: body}
    assert bool(flaw("", source("data"), body, is_empty=True)) == (key == "errors")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(st.sampled_from(["data", "code", "error", "status", "result", "x"]), inner, max_size=4)
        ),
        max_leaves=9,
    ),
    st.booleans(),
)
def test_whatever_an_answer_says_is_judged(body: object, is_empty: bool) -> None:
    words = flaw("sources.email", source(), body, is_empty=is_empty)
    assert not words or words.startswith("the answer says in ")
