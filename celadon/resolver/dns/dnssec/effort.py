"""What one validation may cost, and how it fails.

A hostile zone can make a validator check thousands of signatures (KeyTrap, CVE-2023-50387) or compute millions of
hashes (CVE-2023-50868). So the work for one answer is counted, and what asks for more is bogus.
"""

from __future__ import annotations

#: Signatures that may fail for one answer, and that may be checked at all. An honest answer has none that fails, or a
#: few while keys are changed.
MOST_FAILURES, MOST_CHECKS = 16, 400
#: Signatures of one RRset that are looked at; keys with one tag (RFC 4034 appendix B: 65,536 tags) that are tried.
MOST_SIGNATURES, MOST_KEYS_OF_A_TAG = 8, 4
#: DS records of one zone that are compared with its keys.
MOST_DS = 8
#: NSEC3 hashes computed for one answer: a name has at most 127 labels.
MOST_HASHES = 300
#: Questions about keys for one answer.
MOST_QUESTIONS = 150
#: Records of one answer: a message of 64 KiB with more of them is made to keep us busy.
MOST_RECORDS = 2000
#: NSEC3 iterations above which a zone counts as unsigned (RFC 9276 §3.2 leaves the number open; this is BIND's).
MOST_ITERATIONS = 50

# Codes of extended errors (RFC 8914 §4), which say in one number what went wrong.
UNSUPPORTED_KEY, UNSUPPORTED_DS, INDETERMINATE, BOGUS, EXPIRED, NOT_YET = 1, 2, 5, 6, 7, 8
NO_KEY, NO_SIGNATURE, NO_PROOF, UNREACHED, TOO_MANY_ITERATIONS = 9, 10, 12, 22, 27


class Unproven(Exception):
    """No proof is there. ``zone`` and ``reason`` say where and why, ``ede`` is the extended error's code.

    ``key`` is the tag of the key that it is about, None for none.
    """

    def __init__(self, zone: str, reason: str, ede: int = BOGUS, key: int | None = None) -> None:
        super().__init__(reason)
        self.zone = zone
        self.reason = reason
        self.ede = ede
        self.key = key


class Bogus(Unproven):
    """A proof should be there, and does not hold."""


class Indeterminate(Unproven):
    """What the proof needs could not be had, or no anchor is above the name."""


class Effort:
    """The work done so far for one answer. Each method counts one step, and raises Bogus when it is one too many."""

    __slots__ = ("checks", "failures", "hashes", "questions")

    checks: int
    failures: int
    hashes: int
    questions: int

    def __init__(self) -> None:
        self.checks = self.failures = self.hashes = self.questions = 0

    def check(self, zone: str) -> None:
        """A signature is about to be checked."""
        self.checks += 1
        if self.checks > MOST_CHECKS:
            raise Bogus(zone, f"more than {MOST_CHECKS} signatures to check")

    def failed(self, zone: str) -> None:
        """A signature did not hold."""
        self.failures += 1
        if self.failures > MOST_FAILURES:
            raise Bogus(zone, f"more than {MOST_FAILURES} signatures that do not hold")

    def hash(self, zone: str) -> None:
        """An NSEC3 hash is about to be computed."""
        self.hashes += 1
        if self.hashes > MOST_HASHES:
            raise Bogus(zone, f"more than {MOST_HASHES} NSEC3 hashes to compute")

    def question(self, zone: str) -> None:
        """A question about keys is about to be asked."""
        self.questions += 1
        if self.questions > MOST_QUESTIONS:
            raise Bogus(zone, f"more than {MOST_QUESTIONS} questions about keys")
