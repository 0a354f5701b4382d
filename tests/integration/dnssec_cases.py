"""Questions about the zones of ``signed_zones``, of every kind that there is."""

CASES = [
    # what is good: each algorithm, each signer, each kind of record
    *(f"www.{zone}.test A" for zone in ("good", "deep.good", "good3", "salt", "optout", "signed.optout")),
    *(f"www.{zone}.test A" for zone in ("rsa", "rsa512", "p384", "ed", "knot", "onegood")),
    "good.test MX", "good.test SOA", "good.test NS", "good.test DNSKEY", "good.test DS", "deep.good.test DS",
    "long.good.test TXT", ". NS", ". DNSKEY", "test DS", "test SOA", "knot.test DNSKEY",
    # aliases
    "alias.good.test A", "two.good.test A", "alias.good.test CNAME", "out.good.test A", "across.good.test A",
    "bad.good.test A", "nowhere.good.test A", "www.d.good.test A", "nx.d.good.test A", "x.calias.good.test A",
    "alias.good.test AAAA", "www.d.good.test MX",
    # wildcards
    *(f"x.wild.{zone}.test TXT" for zone in ("good", "good3", "salt", "optout", "knot", "nonsec", "nonsec3")),
    *(f"x.y.wild.{zone}.test TXT" for zone in ("good", "good3")),
    *(f"x.wild.{zone}.test A" for zone in ("good", "good3", "optout", "nonsec")),
    "*.wild.good.test TXT", "wild.good.test TXT",
    # no data
    *(f"www.{zone}.test AAAA" for zone in ("good", "good3", "salt", "optout", "knot", "nonsec", "nonsecsig")),
    *(f"www.{zone}.test AAAA" for zone in ("nonsec3", "bentnsec3", "dear", "tamper")),
    *(f"{name}.{zone}.test A" for zone in ("good", "good3", "optout") for name in ("ent", "b.ent")),
    "alias.good.test DS", "x.wild.good.test DS", "nx.good.test DS", "nx.good3.test DS", "www.d.good.test DS",
    "www.good3.test DS", "good.test TXT", "sub.good.test DS", "plain.test DS", "www.good.test DS",
    # no name
    *(f"nx.{zone}.test A" for zone in ("good", "good3", "salt", "optout", "knot", "nonsec", "nonsecsig")),
    *(f"nx.{zone}.test A" for zone in ("nonsec3", "bentnsec3", "dear", "plain", "below.plain", "expired")),
    "a.b.c.nx.good.test A", "a.b.c.nx.good3.test A", "nx.www.good.test A", "nx.test A", "nx A",
    # unsigned
    *(f"www.{zone}.test A" for zone in ("plain", "below.plain", "nods", "dear", "unknown", "digest")),
    "plain.test SOA", "www.plain.test AAAA", "nx.nods.test A", "plain.optout.test DS", "nods.test DNSKEY",
    # broken
    *(f"www.{zone}.test A" for zone in ("expired", "future", "wrongds", "tamper", "nosig", "bentsig", "bentkey")),
    *(f"www.{zone}.test A" for zone in ("nokey", "stripped", "nonsec", "nonsec3")),
    "expired.test SOA", "wrongds.test NS", "nosig.test SOA", "stripped.test SOA", "stripped.test NS",
]  # fmt: skip
