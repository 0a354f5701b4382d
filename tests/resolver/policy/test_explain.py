"""An explanation against the lookup that it explains: the same sources, in the same order, for the same name."""

import pytest

from celadon.resolver.frozen import replace
from celadon.resolver.policy.explain import steps
from celadon.resolver.policy.nss import by_simple
from celadon.resolver.system.world import table_source

from ..player import Player, world

HOSTS = "192.0.2.1 here.test\n"
TABLE = table_source({"given.test": ("192.0.2.3",), "other.test": "here.test", "far.test": "db.test", "gone.test": ()})

# nsswitch.conf's sources, name -> whether the lookup gets as far as DNS
REACHES_DNS = [
    ("files dns", "here.test", False),
    ("files dns", "nx.test", True),
    ("dns files", "here.test", True),
    ("files", "nx.test", False),
    ("files [NOTFOUND=return] dns", "nx.test", False),
    ("files [!SUCCESS=return] dns", "nx.test", False),
    ("files [SUCCESS=continue] dns", "here.test", True),
    ("files [UNAVAIL=return] dns", "nx.test", True),
    ("mdns4 [NOTFOUND=return] dns", "nx.test", True),
    ("mdns4 [UNAVAIL=return] dns", "nx.test", False),
]


@pytest.mark.parametrize(("sources", "name", "expected"), REACHES_DNS)
def test_as_far_as_the_lookup_goes(sources, name, expected):
    here = world(hosts=HOSTS, sources=sources)
    player = Player()
    player.run(by_simple(here, name))
    assert bool(player.asked) == expected
    assert any(one.startswith("DNS") for one in steps(here, name, None, 0.0)) == expected


@pytest.mark.parametrize("name", ["given.test", "gone.test", "other.test", "far.test", "nx.test"])
def test_a_table_s_other_name_is_the_one_that_is_looked_up(name):
    plain = world(hosts=HOSTS)
    here = replace(plain, order=(TABLE, *plain.order))
    player = Player()
    player.run(by_simple(here, name))
    told = [one for one in steps(here, name, None, 0.0) if one.startswith("DNS")]
    assert [one.partition(" for ")[2].partition(",")[0] for one in told] == player.names
