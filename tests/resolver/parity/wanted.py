"""The differences from libc that are meant: fixtures/golden/wanted.json, each row with its reason and its switch."""

import json
import re
from pathlib import Path

ROWS = json.loads((Path(__file__).parents[3] / "fixtures" / "golden" / "wanted.json").read_text())["rows"]


def reason(call, engine, way=""):
    """Why this call's outcome may differ; None if it may not. In libc's ``way`` only what has no switch may."""
    name = call[1][0] if call[1] else None
    text = name.decode("latin-1") if isinstance(name, bytes) else name
    for row in ROWS:
        if way == "libc" and row["switch"]:
            continue
        if engine not in row.get("engines", engine):
            continue
        if call[0] in row["calls"] and isinstance(text, str) and re.search(row["host"], text):
            return row["reason"]
    return None
