"""The differences from libc that are meant: fixtures/golden/wanted.json, each row with its reason and its switch."""

import json
import re
from pathlib import Path

ROWS = json.loads((Path(__file__).parents[3] / "fixtures" / "golden" / "wanted.json").read_text())["rows"]


def reason(call, engine, way="", expected=(), found=(), world=""):
    """Why this call's outcome may differ; None if it may not. In libc's ``way`` only what has no switch may.

    A row is about hosts, or about outcomes: libc's and ours as text.
    """
    name = call[1][0] if call[1] else None
    text = name.decode("latin-1") if isinstance(name, bytes) else name
    for row in ROWS:
        if way == "libc" and row["switch"]:
            continue
        if engine not in row.get("engines", engine) or world not in row.get("worlds", [world]):
            continue
        if "outcomes" in row:
            pairs = row["outcomes"]
            if any(re.search(libc, repr(expected)) and re.search(ours, repr(found)) for libc, ours in pairs):
                return row["reason"]
        elif call[0] in row["calls"] and isinstance(text, str) and re.search(row["host"], text):
            return row["reason"]
    return None
