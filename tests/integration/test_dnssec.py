"""Validation beside Unbound and delv, live, on zones that BIND's and Knot's tools sign, and break."""

import pytest

from tests.integration.dnssec_cases import CASES
from tests.integration.record_dnssec import delv, engine, ours, question, unbound
from tests.integration.signed_zones import missing, world
from tests.resolver.dns.dnssec.test_validate import DELV

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"not installed: {', '.join(missing())}")


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    with world(tmp_path_factory.mktemp("zones")) as made:
        yield made


@pytest.fixture
def engines(servers):
    made = engine(servers.port), engine(servers.validating)
    yield made
    for one in made:
        one.close()


@pytest.mark.parametrize("case", CASES)
def test_as_unbound_and_delv(servers, engines, case):
    plain, validating = engines
    found = ours(case, plain, servers.anchor)
    assert found.state == unbound(question(case), validating), found
    if case not in DELV:
        assert found.state == delv(case, servers.port, servers.bind_keys), found
