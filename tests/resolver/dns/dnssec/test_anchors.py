"""Trust anchors from the texts that others' tools write."""

import dns.name
import pytest

from celadon.resolver import ResolverConfigError
from celadon.resolver.dns.dnssec.anchors import parse

DIGEST = "683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16"
KEY = (
    "AwEAAaz/tAm8yTn4Mfeh5eyI96WSVexTBAvkMgJzkKTOiW1vkIbzxeF3+/4RgWOq7HrxRixHlFlExOLAJr5emLvN7SWXgnLh4+B5xQlNVz8Og8kv"
    "ArMtNROxVQuCaSnIDdD5LKyWbRd2n9WGe2R8PzgCmr3EgVLrjyBxWezF0jLHwVN8efS3rCj/EWgvIWgb9tarpVUDK/b58Da+sqqls3eNbuv7pr+e"
    "oZG+SrDK6nWeL3c6H5Apxz7LjVc1uTIdsIXxuOLYA4/ilBmSVIzuDWfdRUfhHdY6+cn8HFRm+2hM8AnXGXws9555KrUB5qihylGa8subX2Nn6UwN"
    "R1AkUTV74bU="
)


@pytest.mark.parametrize(
    "text",
    [
        f". DS 38696 8 2 {DIGEST}",
        f".\t172800\tIN\tDS\t38696 8 2 {DIGEST[:32]} {DIGEST[32:]} ; a comment",
        f". IN DS 38696 8 2 (\n  {DIGEST} )\n",
        f'trust-anchors {{ . initial-ds 38696 8 2 "{DIGEST[:30]}\n  {DIGEST[30:]}"; }};',
        f'// one\n/* two */ trust-anchors {{\n# three\n "." static-ds 38696 8 2 "{DIGEST}"; }};\n',
    ],
)
def test_forms(text):
    found = parse(text)
    assert list(found) == [dns.name.root]
    assert [(one.key_tag, one.digest.hex().upper()) for one in found[dns.name.root]] == [(38696, DIGEST)]


def test_a_key_as_anchor_is_the_ds_that_is_built_in():
    """BIND's file has the key of 2017, IANA its digest."""
    dnssec = pytest.importorskip("dns.dnssec")
    (key,) = parse(f'trust-anchors {{ . initial-key 257 3 8 "{KEY}"; }};')[dns.name.root]
    assert dnssec.make_ds(".", key, "SHA256") in parse()[dns.name.root]


def test_several_zones():
    found = parse(f". DS 1 8 2 {DIGEST}\nExample.COM. DS 2 8 2 {DIGEST}\nexample.com. DS 3 8 2 {DIGEST}\n")
    assert {str(name): len(records) for name, records in found.items()} == {".": 1, "example.com.": 2}


@pytest.mark.parametrize(
    "text",
    ["", "; nothing", ". A 192.0.2.1", ". DS x", "trust-anchors { };", ". DS 1 8 2 zz", "\0", "x" * 5000, ". DS"],
)
def test_no_anchors(text):
    with pytest.raises(ResolverConfigError, match=r"^trust anchors: "):
        parse(text)
