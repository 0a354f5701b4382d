"""What ``importlib.metadata`` says of a library that Celadon stands in for."""

from __future__ import annotations

import os
from importlib.metadata import Distribution
from pathlib import Path

import celadon

_METADATA = """\
Metadata-Version: 2.1
Name: {peer}
Version: {version}
Summary: Not {peer} itself: Celadon {celadon}, by {peer}'s names
Requires-Dist: celadon
"""


class Facade(Distribution):
    """One library's."""

    def __init__(self, peer: str, version: str) -> None:
        self._files = {
            "METADATA": _METADATA.format(peer=peer, version=version, celadon=celadon.__version__),
            "INSTALLER": "celadon\n",
        }

    def read_text(self, filename: str | os.PathLike[str]) -> str | None:
        """See ``Distribution``."""
        return self._files.get(str(filename))

    def locate_file(self, path: str | os.PathLike[str]) -> Path:
        """See ``Distribution``."""
        return Path(__file__).parent / path
