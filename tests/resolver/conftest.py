"""What the resolver's tests share: a name server that knows what the test's module says."""

import pytest

from celadon.resolver.testing import NameServer

RECORDS = [("a.test", "A", "192.0.2.1")]


@pytest.fixture
def server(request):
    """A name server on loopback. It has the module's ``RECORDS``, as ``NameServer.add`` takes them.

    ``SCRIPTS`` of the module maps names to what the server does with them, ``SYNTHETIC`` makes up all other names.
    """
    told = vars(request.module)
    with NameServer(synthetic=told.get("SYNTHETIC", False)) as made:
        for one in told.get("RECORDS", RECORDS):
            made.add(*one)
        for name, script in told.get("SCRIPTS", {}).items():
            made.script(name, script)
        yield made
