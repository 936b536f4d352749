"""Run the embedded AWS until it is told to end or its parent is gone."""

from __future__ import annotations

import argparse
import os
import sys
import types
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory

from local.aws.errors import Unavailable
from local.aws.runtime import find
from local.processes import announce, told_to_stop


def main() -> None:
    """Serve on a free port of 127.0.0.1; ``--ready-file`` says which."""
    options = _options()
    try:
        runtime = find()
    except Unavailable as reason:
        sys.exit(str(reason))
    stop = told_to_stop()
    _isolate()
    _leave_out_batch()

    from local.aws.server import serving  # moto reads its settings from the environment when it is imported

    with (
        TemporaryDirectory(dir=options.ready_file.parent, ignore_cleanup_errors=True) as folder,
        serving(runtime, Path(folder), options.smtp) as port,
    ):
        announce(options.ready_file, port)
        stop.wait()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.aws", description=__doc__)
    parser.add_argument("--ready-file", type=Path, required=True, help="JSON with port, pid, url, when it serves")
    parser.add_argument("--smtp", type=_server, help="HOST:PORT that takes the mails of topics' e-mail subscribers")
    return parser.parse_args()


def _server(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise argparse.ArgumentTypeError(f"{text} is not HOST:PORT")
    return host, int(port)


def _isolate() -> None:
    """Drop what would lead this process to the user's real AWS account or through a proxy."""
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower() in {"http_proxy", "https_proxy", "all_proxy"}:
            del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"


def _leave_out_batch() -> None:
    """Start in half the time: moto's state machines know AWS Batch's states from its module, which loads EC2's."""
    states = types.ModuleType("moto.batch.utils")
    vars(states)["JobStatus"] = StrEnum("JobStatus", ["SUCCEEDED", "FAILED"])
    sys.modules[states.__name__] = states


if __name__ == "__main__":
    main()
