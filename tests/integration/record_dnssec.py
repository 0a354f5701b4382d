"""Writes fixtures/dnssec/replies: what the servers of ``signed_zones`` reply, and what Unbound and delv make of it.

``python -m tests.integration.record_dnssec`` renews it. ``tests/resolver/dns/dnssec`` plays it with the clock of
that day.
"""

import base64
import re
import subprocess
import tempfile
import time
from pathlib import Path

from celadon.resolver import Answer, Config, Question, RRType, Server, registry
from celadon.resolver.model import QueryOptions
from celadon.resolver.resolvers.stub import ask
from celadon.resolver.resolvers.validation import Validator

from .dnssec_cases import CASES
from .signed_zones import find, world

FILE = Path(__file__).parents[2] / "fixtures" / "dnssec" / "replies"


def engine(port):
    """An engine that asks this port of the loopback interface."""
    return registry.make_engine("python", Config(servers=(Server("127.0.0.1", port),), timeout=3.0))


def question(case):
    """The question of a line ``name type``."""
    name, kind = case.split()
    return Question(name.removesuffix("."), int(RRType[kind]))


def unbound(asked, validating):
    """What a validating Unbound says: secure (AD), insecure, or bogus (SERVFAIL)."""
    options = QueryOptions(dnssec=True, final=True)
    answer = ask(validating, (asked._replace(options=options),))[0]
    if not isinstance(answer, Answer):
        return answer.kind.value
    return "bogus" if answer.rcode == 2 else "secure" if answer.flags & 0x20 else "insecure"


def delv(case, port, anchors):
    """What delv says: secure if all that it shows is fully validated, insecure, or bogus."""
    words = [find("delv"), "@127.0.0.1", "-p", str(port), "-a", str(anchors), *case.split()]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)
    told = re.findall(r"^; (?:negative response, )?(fully validated|unsigned answer)", done.stdout, re.MULTILINE)
    if not told or ("resolution failed" in done.stderr and "ncache" not in done.stderr):
        return "bogus"
    return "insecure" if "unsigned answer" in told else "secure"


def ours(case, made, anchor, seen=None):
    """The validation of a case from an empty cache; ``seen`` gets each reply, by question."""
    validator = Validator(str(anchor))

    def ask_all(questions):
        outcomes = ask(made, questions)
        if seen is not None:
            for one, outcome in zip(questions, outcomes, strict=True):
                seen[one.name or ".", RRType(one.rdtype).name] = outcome.message
        return outcomes

    asked = question(case)
    answer = ask_all((validator.asked(asked),))[0]
    return validator.validated(asked, answer, ask_all).validation


def main():
    """Write the file."""
    with tempfile.TemporaryDirectory(prefix="celadon-") as place, world(place) as servers:
        plain, validating = engine(servers.port), engine(servers.validating)
        seen = {}
        verdicts = []
        for case in CASES:
            ours(case, plain, servers.anchor, seen)
            row = (unbound(question(case), validating), delv(case, servers.port, servers.bind_keys))
            verdicts.append(f"case {case} {' '.join(row)}\n")
        anchor = f"anchor {servers.anchor.read_text().strip()}\n"
        replies = [f"reply {' '.join(key)} {base64.b64encode(one).decode()}\n" for key, one in sorted(seen.items())]
        FILE.parent.mkdir(exist_ok=True)
        FILE.write_text("".join([f"now {int(time.time())}\n", anchor, *verdicts, *replies]))
        plain.close()
        validating.close()


if __name__ == "__main__":
    main()
