"""Which domain somebody has registered: ``www.example.co.uk`` is in ``example.co.uk``. Pure.

By the rules of the Public Suffix List (https://publicsuffix.org/list/) where its text is given; without it by one rule
of thumb: two labels, or three under such second levels as ``co.uk``.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from .idna import encode

#: Second levels under which countries register, where no list says more.
_SECOND = frozenset(("ac", "co", "com", "edu", "gob", "gov", "go", "gv", "mil", "ne", "net", "nom", "or", "org", "sch"))
_COUNTRY = 2  # letters


def suffix_rules(lines: Iterable[str]) -> frozenset[str]:
    """The rules of a Public Suffix List, by its lines; what is no rule is left out."""
    found = set()
    for line in lines:
        rule = line.split("//")[0].strip().lower()
        with suppress(UnicodeError):
            if rule:
                head = rule[: 1 if rule.startswith("!") else 2 if rule.startswith("*.") else 0]
                found.add(head + encode(rule[len(head) :]).decode())
    return frozenset(found)


def registered_domain(name: str, rules: frozenset[str] = frozenset()) -> str:
    """The registered domain that a name is in, in lower case; the name itself where it is a suffix."""
    labels = name.rstrip(".").lower().split(".")
    return ".".join(labels[-(_suffix(labels, rules) + 1) :])


def _suffix(labels: list[str], rules: frozenset[str]) -> int:
    """How many labels at the end are a public suffix: by the longest rule that matches, else one."""
    if not rules:
        country = len(labels) > _COUNTRY and len(labels[-1]) == _COUNTRY and labels[-2] in _SECOND
        return 2 if country else 1
    for count in range(len(labels), 0, -1):
        tail = ".".join(labels[-count:])
        if "!" + tail in rules:
            return count - 1
        if tail in rules or (count > 1 and "*." + ".".join(labels[-count + 1 :]) in rules):
            return count
    return 1
