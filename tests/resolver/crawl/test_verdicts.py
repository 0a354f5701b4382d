"""Whether a failed fetch is worth another try: the resolver's error within a client's, and what it says."""

import pytest

from celadon.resolver import BlockedAddress, Kind, ResolveError, is_temporary, lookup_error

LOOKUP = ResolveError(Kind.NXDOMAIN, "nx.test")


def raised(how):
    try:
        how()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def caused():
    raise RuntimeError("a client's") from LOOKUP


def in_its_midst():
    try:
        raise LOOKUP
    except ResolveError:
        raise RuntimeError("a client's")  # noqa: B904


def as_a_reason():
    inner = OSError()
    inner.reason = LOOKUP
    raise RuntimeError(inner)


def as_aiohttp_has_it():
    error = OSError()
    error.os_error = LOOKUP
    raise error


@pytest.mark.parametrize("how", [caused, in_its_midst, as_a_reason, as_aiohttp_has_it])
def test_the_lookup_in_a_clients_error(how):
    assert lookup_error(raised(how)) is LOOKUP


def test_there_may_be_none():
    circle = RuntimeError()
    circle.__context__ = ValueError()
    circle.__context__.__context__ = circle
    for error in (None, OSError(111, "refused"), circle, RuntimeError("text"), RuntimeError()):
        assert lookup_error(error) is None


@pytest.mark.parametrize("kind", [Kind.NXDOMAIN, Kind.NODATA, Kind.ILLEGAL, Kind.BLOCKED])
def test_final(kind):
    assert not is_temporary(ResolveError(kind, "a.test"))


@pytest.mark.parametrize("kind", [Kind.TIMEOUT, Kind.SERVFAIL, Kind.NETWORK])
def test_temporary(kind):
    assert is_temporary(ResolveError(kind, "a.test"))


def test_the_guards_refusal_is_final():
    assert not is_temporary(BlockedAddress(Kind.BLOCKED, "a.test"))


@pytest.mark.parametrize("how", [caused, in_its_midst, as_a_reason, as_aiohttp_has_it])
def test_a_clients_error_is_judged_by_the_lookup_in_it(how, monkeypatch):
    assert not is_temporary(raised(how))
    monkeypatch.setitem(globals(), "LOOKUP", ResolveError(Kind.TIMEOUT, "slow.test"))
    assert is_temporary(raised(how))


def test_without_a_lookup_nothing_is_temporary():
    assert not is_temporary(None)
    assert not is_temporary(OSError(111, "refused"))
