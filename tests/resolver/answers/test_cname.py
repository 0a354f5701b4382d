"""CNAME chains within a reply: the addresses that glibc 2.36 takes from it, and none from a chain that loops.

Each row was played against glibc; the last column says where ours differs, and how.
"""

import pytest

from celadon.resolver import Answer, Question, Record, RRType
from celadon.resolver.answers.cname import follow, pruned

NAME = "n.test"


def answer(text):
    records = []
    for row in text.split(", ") if text else ():
        owner, kind, data = row.split()
        data = data if kind == "A" else f"{data}."
        records.append(Record(owner.replace("n", NAME, 1) if owner in "nN" else owner, int(RRType[kind]), 60, data))
    records = [one._replace(data=f"{NAME}." if one.data == "n." else one.data) for one in records]
    records = [one._replace(name=NAME.upper() if one.name == "N" else one.name) for one in records]
    return Answer(Question(NAME, 1), records=tuple(records))


ROWS = [
    # records in order, glibc's addresses, its canonical name, and ours in any order where glibc has none
    ("n A 1", "1", NAME, None),
    ("N A 1", "1", NAME, None),
    ("n CNAME l1, l1 A 1", "1", "l1", None),
    ("n CNAME l1, L1 A 1", "1", "l1", None),
    ("n CNAME L1, l1 A 1, l1 A 2", "1 2", "L1", None),
    # loops
    ("n CNAME n", "", "", ""),
    ("n CNAME l1, l1 CNAME n", "", "", ""),
    ("n CNAME l1, l1 CNAME n, l1 A 1", "", "", ""),
    ("l1 A 1, n CNAME l1, l1 CNAME n", "", "", ""),
    ("n CNAME l1, l1 CNAME l2, l2 CNAME l1, l2 A 1", "", "", ""),
    # other data beside a CNAME
    ("n A 1, n CNAME l1, l1 A 2", "1 2", "l1", None),
    ("n CNAME l1, n A 1, l1 A 2", "2", "l1", None),
    ("n CNAME l1, n A 1", "", "", ""),
    # two CNAMEs of one owner
    ("n CNAME l1, n CNAME l2, l1 A 1, l2 A 2", "2", "l2", None),
    ("n CNAME l1, l1 A 1, n CNAME l2, l2 A 2", "1 2", "l2", None),
    # DNAME says nothing by itself
    ("test DNAME other, n CNAME n.other, n.other A 1", "1", "n.other", None),
    ("test DNAME other, n.other A 1", "", "", ""),
    # not in order
    ("l1 A 1, n CNAME l1", "", "", "1"),
    ("l2 A 1, l1 CNAME l2, n CNAME l1", "", "", "1"),
]


@pytest.mark.parametrize(("text", "addresses", "canonical", "ours"), ROWS)
def test_as_glibc(text, addresses, canonical, ours):
    libc = follow(pruned(answer(text)), any_order=False)
    assert " ".join(libc.data) == addresses
    found = follow(pruned(answer(text)))
    assert " ".join(found.data) == (addresses if ours is None else ours)
    if addresses:
        assert libc.canonical == found.canonical == canonical


def test_what_the_question_does_not_lead_to_is_not_followed():
    """glibc follows a CNAME of whatever owner; an attacker could put one there (RFC 5452 §6)."""
    assert follow(pruned(answer("evil CNAME l1, l1 A 1"))).data == ()
    assert follow(answer("evil CNAME l1, l1 A 1")).data == ()
    assert pruned(answer("n CNAME l1, evil A 1, l1 A 2")).unrelated == 1


def test_a_chain_of_more_than_32_names_is_none():
    for count, found in ((32, ("1",)), (33, ())):
        chain = ", ".join([f"{'n' if i == 0 else f'l{i}'} CNAME l{i + 1}" for i in range(count)] + [f"l{count} A 1"])
        assert follow(answer(chain)).data == found
        backwards = ", ".join(chain.split(", ")[::-1])
        assert follow(answer(backwards)).data == found
