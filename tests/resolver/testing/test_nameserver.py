"""What a test may give the name server, and what it refuses at once."""

import pytest

from celadon.resolver import query, use
from celadon.resolver.testing import NameServer


@pytest.mark.parametrize("dot", ["", "."])
def test_names_in_records_are_absolute(dot):
    with NameServer() as server:
        server.add("x.test", "MX", f"10 mail.test{dot}")
        server.add("alias.test", "CNAME", f"x.test{dot}")
        use("python", servers=server.servers)
        assert query("alias.test", "MX").records[-1].data == "10 mail.test."


@pytest.mark.parametrize(
    "record", [("x", "A", "10.0.0"), ("x", "NOPE", "1"), ("x", "MX", "mail.test"), ("x", "MX", "")]
)
def test_what_is_no_record_is_refused_where_it_is_given(record):
    for delay in ("1", -1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="not a number of seconds"):
            NameServer(delay=delay)
    with NameServer() as server, pytest.raises(ValueError, match="not a record in zone-file form"):
        server.add(*record)
