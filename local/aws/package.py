"""The deployed code of a function, unpacked as its sandbox sees it: task root and layers."""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from pathlib import Path

from moto.awslambda.models import LambdaFunction, lambda_backends


class Packages:
    """Unpacked zips under the run's folder, one folder per content: a code update never touches a running sandbox."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def task_root(self, function: LambdaFunction) -> Path:
        """Give the folder of the function's own code."""
        return self._unpack(function.code_bytes)

    def layers(self, function: LambdaFunction) -> list[Path]:
        """Give the folders of the function's layers, in the order in which one covers the next: the last listed first.

        AWS merges them into ``/opt``, where a later layer overwrites an earlier one (Lambda developer guide, "Adding
        layers to functions"); on a search path it is found first instead.
        """
        backend = lambda_backends[function.account_id][function.region]
        versions = [backend.layers_versions_by_arn(layer["Arn"]) for layer in reversed(function.layers)]
        return [self._unpack(version.code_bytes) for version in versions if version is not None]

    def _unpack(self, content: bytes) -> Path:
        folder = self._folder / hashlib.sha256(content).hexdigest()[:32]
        with self._lock:
            if not folder.exists():
                unfinished = folder.with_suffix(".unfinished")
                with zipfile.ZipFile(io.BytesIO(content)) as archive:
                    archive.extractall(unfinished)
                unfinished.rename(folder)
        return folder
