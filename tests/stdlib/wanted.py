"""Every test of CPython's that passes unpatched and not under ``patch_all``, with its reason.

A reason is one of: a wanted difference; an implementation detail (a repr, a private name); a bug, with a plan.
"""

#: (module, end of the test's id) -> why it cannot or need not pass. A version in front limits an entry to it.
WANTED: dict[tuple[str, str], str] = {}


def reason(module, test, version):
    """Why ``test`` of ``module`` differs on this Python; None if nobody has said so."""
    for (where, end), why in WANTED.items():
        if where == module and (test == end or test.endswith("." + end)):
            return why
    return None
