"""Records into a Parquet file, by pyarrow (the ``parquet`` extra): a column for each field of the JSON records.

What was written is readable however the run ends, short of SIGKILL: a Parquet file has its directory at its end.
"""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

_ROWS = 20_000  # of a row group
_RECORD = pa.struct(
    [("name", pa.string()), ("type", pa.string()), ("class", pa.string()), ("ttl", pa.int64()), ("data", pa.string())]
)
_SECTIONS = ("answers", "authorities", "additionals")
_TEXTS = ("name", "type", "class", "status", "error", "resolver", "proto", "input")
SCHEMA = pa.schema(
    [
        *((one, pa.string()) for one in _TEXTS),
        *((one, pa.list_(_RECORD)) for one in _SECTIONS),
        ("flags", pa.list_(pa.string())),
        ("ts", pa.timestamp("ms", tz="UTC")),
        ("rtt_ms", pa.float64()),
        ("tries", pa.int32()),
        ("nodata", pa.bool_()),
        ("meta", pa.string()),  # as JSON
        ("notes", pa.string()),  # what checks found out (wildcard, verified, …), as JSON
    ]
)
_KNOWN = frozenset(SCHEMA.names) | {"data"}


class ParquetOutput:
    """Takes records where an ``Output`` does. It cannot go on with a file of an earlier run."""

    def __init__(self, target: str) -> None:
        self.broken: bool = False
        self.regular = True
        self._file = open(target, "wb")  # noqa: SIM115  (closed below)
        self._writer = pq.ParquetWriter(self._file, SCHEMA, compression="zstd")
        self._rows: list[dict[str, Any]] = []

    def check(self, keep: int) -> None:
        """See ``Output.check``: there is nothing to keep."""

    def begin(self, keep: int) -> int:
        """See ``Output.begin``."""
        return 0

    def write(self, line: str) -> None:
        """One record, as JSON; nothing for an empty one."""
        if line:
            self._rows.append(row_of(json.loads(line)))
            if len(self._rows) >= _ROWS:
                self._put()

    def raw(self, data: bytes) -> None:
        """Whole records that another process made."""
        for line in data.decode().splitlines():
            self.write(line)

    def flush(self) -> None:
        """Row groups are written when they are full."""

    def commit(self) -> int:
        """See ``Output.commit``: no checkpoint is kept of such a file."""
        return 0

    def close(self) -> None:
        """Write what is left, and the directory."""
        try:
            if not self.broken:
                self._put()
            self._writer.close()
        finally:
            self._file.close()

    def _put(self) -> None:
        rows, self._rows = self._rows, []
        if rows:
            try:
                self._writer.write_table(pa.Table.from_pylist(rows, SCHEMA))
            except BaseException:
                self.broken = True
                raise


def row_of(record: dict[str, Any]) -> dict[str, Any]:
    """A JSON record as a row: sections side by side, time as milliseconds, what has no column of its own as JSON."""
    data = record.get("data", {})
    row = {name: record[name] for name in SCHEMA.names if name in record}
    for one in _SECTIONS:
        row[one] = data.get(one)
    if "ts" in row:
        row["ts"] = round(row["ts"] * 1000)
    if "meta" in row:
        row["meta"] = json.dumps(row["meta"])
    more = {name: value for name, value in record.items() if name not in _KNOWN}
    row["notes"] = json.dumps(more) if more else None
    return row
