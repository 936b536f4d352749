"""``build.py --check`` stands in CI for the reader who cannot read a zip."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import zipfile
import zlib
from collections.abc import Callable

import pytest

import build
from tests.build.conftest import Project, rezipped

REMEDY = "Run `python build.py` and commit dist/."


def test_what_was_just_built_passes_without_a_network(small: Project) -> None:
    assert small.run("--check", PIP_NO_INDEX="1", PIP_FIND_LINKS="") == "dist/ is up to date.\n"


def test_a_changed_source_is_named_and_nothing_is_written(small: Project) -> None:
    before = small.built()
    small.write("lambda_src/redrive/words.py", "HELLO = 'good evening'\n")
    said = small.run("--check", fails=True)
    assert said.splitlines() == ["dist/greet.zip is not what the source gives.", REMEDY]
    assert small.built() == before
    small.run()
    small.run("--check")


@pytest.mark.parametrize("name", ["greet.zip", "dependencies.zip", "dependencies.sha256"])
def test_a_missing_file_is_named_and_made_again(name: str, small: Project) -> None:
    (small.dist / name).unlink()
    assert small.run("--check", fails=True).splitlines() == [f"dist/{name} is missing.", REMEDY]
    small.run()
    small.run("--check")


def test_no_dist_at_all_is_named(small: Project) -> None:
    shutil.rmtree(small.dist)
    assert "dist/dependencies.zip is missing." in small.run("--check", fails=True)


def test_the_zip_of_a_function_that_is_gone_is_named_and_removed(small: Project) -> None:
    (small.dist / "gone.zip").write_bytes(b"")
    assert "dist/gone.zip belongs to no function." in small.run("--check", fails=True)
    assert "dist/gone.zip: removed" in small.run()
    small.run("--check")


@pytest.mark.parametrize("level", [1, 6, 9])
def test_another_zlib_may_have_compressed_what_is_committed(level: int, small: Project) -> None:
    """As on another system, whose zlib finds other bytes for the same content."""
    committed = {name: rezipped(zipped, level=level) for name, zipped in small.built().items() if name.endswith(".zip")}
    assert (committed == {name: small.built()[name] for name in committed}) is (level == 9)
    for name, zipped in committed.items():
        (small.dist / name).write_bytes(zipped)
    (small.dist / "dependencies.sha256").write_bytes(build.record(small.root, committed["dependencies.zip"]))
    before = small.built()
    assert small.run("--check") == "dist/ is up to date.\n"
    assert small.run() == "dist/ is up to date.\n"
    small.write("lambda_src/greet/handler.py", "HELLO = 'good evening'\n")
    small.run()
    assert {name for name, content in small.built().items() if content != before[name]} == {"greet.zip"}


def other_local_date(zipped: bytes) -> bytes:
    """Date the first entry otherwise where it stands, not in the directory."""
    return zipped[:12] + b"\x22" + zipped[13:]


def one_more(zipped: bytes) -> bytes:
    with zipfile.ZipFile(buffer := io.BytesIO(zipped), "a") as opened:
        opened.writestr("redrive/zzz.py", "")
    return buffer.getvalue()


def commented(zipped: bytes) -> bytes:
    with zipfile.ZipFile(buffer := io.BytesIO(zipped), "a") as opened:
        opened.comment = b"hello"
    return buffer.getvalue()


def bytes_between(zipped: bytes) -> bytes:
    """Hide bytes before the directory, and have the end say where that is now."""
    with zipfile.ZipFile(io.BytesIO(zipped)) as opened:
        start = opened.start_dir
    moved = bytearray(zipped[:start] + b"hello" + zipped[start:])
    moved[-6:-2] = (start + 5).to_bytes(4, "little")
    return bytes(moved)


def with_streams(zipped: bytes, change: Callable[[bytes, bytes], bytes]) -> bytes:
    """Put a zip together anew from other streams, made of each content and its stream."""
    with zipfile.ZipFile(io.BytesIO(zipped)) as opened:
        contents = {name.encode(): opened.read(name) for name in opened.namelist()}
    return build.zip_of(contents, [change(content, build.compressed(content)) for content in contents.values()])


def endless(content: bytes, _: bytes) -> bytes:
    """Compress without marking an end."""
    packing = zlib.compressobj(wbits=build.RAW)
    return packing.compress(content) + packing.flush(zlib.Z_SYNC_FLUSH)


@pytest.mark.parametrize(
    "tamper",
    [
        pytest.param(lambda zipped: rezipped(zipped, data=lambda code: code.replace(b"hello", b"adieu")), id="content"),
        pytest.param(lambda zipped: rezipped(zipped, data=lambda code: code + b"\n"), id="longer"),
        pytest.param(lambda zipped: rezipped(zipped, external_attr=0o100755 << 16), id="mode"),
        pytest.param(lambda zipped: rezipped(zipped, create_system=0), id="system"),
        pytest.param(lambda zipped: rezipped(zipped, date_time=(1980, 1, 2, 0, 0, 0)), id="date"),
        pytest.param(lambda zipped: rezipped(zipped, filename="redrive/wards.py"), id="name"),
        pytest.param(lambda zipped: rezipped(zipped, compress_type=zipfile.ZIP_STORED), id="not compressed"),
        pytest.param(lambda zipped: rezipped(zipped, extra=b"\x99\x99\0\0"), id="extra field"),
        pytest.param(lambda zipped: rezipped(zipped, comment=b"hello"), id="comment of an entry"),
        other_local_date,
        one_more,
        commented,
        bytes_between,
        pytest.param(
            lambda zipped: with_streams(zipped, lambda _, stream: stream + b"hello"), id="bytes behind a stream"
        ),
        pytest.param(lambda zipped: with_streams(zipped, endless), id="streams without an end"),
        pytest.param(lambda zipped: b"#!/bin/sh\n" + zipped, id="bytes before"),
        pytest.param(lambda zipped: zipped + b"\n", id="bytes after"),
        pytest.param(lambda zipped: zipped[:-1], id="cut"),
        pytest.param(lambda zipped: b"hello", id="no zip"),
        pytest.param(lambda zipped: b"", id="empty"),
    ],
)
def test_a_tampered_package_is_caught_and_mended(tamper: Callable[[bytes], bytes], small: Project) -> None:
    good = small.built()
    tampered = tamper(good["greet.zip"])
    assert tampered != good["greet.zip"]
    (small.dist / "greet.zip").write_bytes(tampered)
    assert small.run("--check", fails=True).splitlines() == ["dist/greet.zip is not what the source gives.", REMEDY]
    assert small.run().startswith("dist/greet.zip: ")
    assert small.built() == good


def test_a_tampered_layer_is_caught_even_if_its_record_was_tampered_with_alike(small: Project) -> None:
    layer, noted = small.dist / "dependencies.zip", small.dist / "dependencies.sha256"
    good = small.built()
    bad = rezipped(good["dependencies.zip"], data=lambda code: code + b"\n")
    record = noted.read_text().replace(hashlib.sha256(layer.read_bytes()).hexdigest(), hashlib.sha256(bad).hexdigest())
    layer.write_bytes(bad)
    noted.write_text(record)
    said = small.run("--check", fails=True)
    assert "dist/dependencies.zip is not what the source gives." in said
    noted.write_bytes(good["dependencies.sha256"])
    small.run()
    assert small.built() == good


@pytest.mark.parametrize("file", ["requirements/layer.txt", "requirements/layer-pruned.toml", "build.py"])
def test_a_changed_input_of_the_layer_is_noticed(file: str, small: Project) -> None:
    with (small.root / file).open("a") as appended:
        appended.write("# one more line\n")
    assert "dist/dependencies.sha256 is not what the source gives." in small.run("--check", fails=True)
    assert "dist/dependencies.sha256" in small.run()
    small.run("--check")


def test_a_build_that_is_interrupted_leaves_whole_files(small: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    before = small.built()
    small.write("lambda_src/redrive/words.py", "HELLO = 'good evening'\n")

    def interrupted(self: object, target: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pathlib.Path.replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build.build(small.root)
    assert small.built() == before


def test_file_times_mean_nothing(small: Project) -> None:
    for path in small.root.rglob("*.*"):
        os.utime(path)
    shutil.rmtree(small.root / ".build")
    assert small.run(PIP_NO_INDEX="1", PIP_FIND_LINKS="") == "dist/ is up to date.\n"
