"""Who looks a name up: Go's table row by row, and the resolver that goes by it."""

import pytest

from celadon import resolver
from celadon.hub import sleep
from celadon.hub.testing import MockClock
from celadon.resolver.policy.libc_or_engine import decide, ours
from celadon.resolver.resolvers.libc_names import Automatic
from celadon.resolver.system.hosts import Hosts
from celadon.resolver.system.nsswitch import parse_nsswitch
from celadon.resolver.system.reload import System
from celadon.resolver.system.resolv_conf import parse_resolv_conf
from celadon.resolver.system.world import World
from celadon.resolver.testing import NameServer

NAME = "www.example"


def world(hosts="files dns", resolv=b"", **fields):
    return World(parse_resolv_conf(resolv), Hosts(), parse_nsswitch(f"hosts: {hosts}\n".encode()), **fields)


def who(name=NAME, *args, platform="linux", reverse=False, **kwargs):
    return decide(world(*args, **kwargs), name, platform, reverse).who


TABLE = [
    # nsswitch's sources
    (("files dns",), NAME, "engine"),
    (("dns files",), NAME, "engine"),
    (("files",), NAME, "engine"),
    (("dns",), NAME, "engine"),
    (("",), NAME, "engine"),
    (("files ldap dns",), NAME, "thread"),
    (("files resolve [!UNAVAIL=return] dns",), NAME, "thread"),
    (("files mymachines dns",), NAME, "thread"),
    (("files nis",), NAME, "thread"),
    # criteria
    (("files [NOTFOUND=return] dns",), NAME, "thread"),
    (("files [SUCCESS=continue] dns",), NAME, "thread"),
    (("files [SUCCESS=return] dns",), NAME, "engine"),
    (("files [NOTFOUND=continue] dns",), NAME, "engine"),
    (("files dns [!UNAVAIL=return]",), NAME, "engine"),
    # myhostname
    (("files myhostname dns",), NAME, "engine"),
    (("files myhostname dns",), "thishost", "thread"),
    (("files myhostname dns",), "ThisHost.", "thread"),
    (("files myhostname dns",), "localhost", "thread"),
    (("files myhostname dns",), "a.localhost", "thread"),
    (("files myhostname dns",), "a.localhost.localdomain", "thread"),
    (("files myhostname dns",), "_gateway", "thread"),
    (("files myhostname dns",), "_outbound", "thread"),
    (("files dns",), "thishost", "engine"),
    (("files dns",), "localhost", "engine"),
    # mDNS
    (("files mdns4_minimal [NOTFOUND=return] dns",), NAME, "engine"),
    (("files mdns4_minimal [NOTFOUND=return] dns",), "printer.local", "thread"),
    (("files mdns4_minimal [NOTFOUND=return] dns",), "Printer.LOCAL.", "thread"),
    (("files mdns dns",), "local", "thread"),
    (("files mdns dns",), "notlocal", "engine"),
    (("files dns",), "printer.local", "engine"),
    # names
    (("files dns",), "a%b", "thread"),
    (("files dns",), "a\\b", "thread"),
    # resolv.conf
    (("files dns", b"options ndots:2 rotate edns0 timeout:1 attempts:3 use-vc\n"), NAME, "engine"),
    (("files dns", b"options inet6 no-reload trust-ad single-request\n"), NAME, "engine"),
    (("files dns", b"options something-new\n"), NAME, "thread"),
    (("files dns", b"sortlist 130.155.160.0\n"), NAME, "engine"),
    (("files dns", b"lookup file bind\n"), NAME, "thread"),
    # nothing that we do
    (("mdns4",), NAME, "thread"),
]


def test_the_table():
    found = [(args, name, who(name, *args, hostname="thishost")) for args, name, _ in TABLE]
    assert found == TABLE


@pytest.mark.parametrize("variable", ["LOCALDOMAIN", "RES_OPTIONS", "HOSTALIASES"])
def test_variables(variable):
    choice = decide(world(variables=frozenset([variable])), NAME, "linux")
    assert choice.who == "thread"
    assert choice.reason == f"{variable} is set"


def test_platforms_and_trouble():
    for platform in ("darwin", "win32"):
        assert who(platform=platform) == "thread"
    assert who(platform="freebsd14") == "engine"
    assert who(trouble="/etc/resolv.conf: Too many open files") == "thread"
    assert who(hosts="files mdns4 dns", mdns_allow=True) == "thread"
    assert who(mdns_allow=True) == "engine"


def test_addresses_whose_name_is_wanted():
    mine = {"192.0.2.7": object()}
    assert who("192.0.2.7", hosts="files myhostname dns", interfaces=mine, reverse=True) == "thread"
    assert who("127.0.1.1", hosts="files myhostname dns", reverse=True) == "thread"
    assert who("192.0.2.8", hosts="files myhostname dns", interfaces=mine, reverse=True) == "engine"
    assert who("169.254.3.4", hosts="files mdns4 dns", reverse=True) == "thread"
    assert who("192.0.2.7", interfaces=mine, reverse=True) == "engine"


def test_every_reason_is_a_sentence_for_people():
    for one in (world(), world("files ldap"), world("files [NOTFOUND=return] dns"), world(resolv=b"options x\n")):
        assert len(decide(one, NAME, "linux").reason) > 10
    assert "'ldap'" in decide(world("files ldap"), NAME, "linux").reason


def test_the_engine_sees_no_source_that_has_no_word_in_it():
    seen = ours(world("files mdns4_minimal [NOTFOUND=return] dns myhostname"))
    assert [one.name for one in seen.order] == ["files", "dns"]
    assert seen.dots == 1  # such names go straight to DNS
    plain = world()
    assert ours(plain) is plain


# -- the resolver ------------------------------------------------------------------------------------------------


def system(tmp_path, monkeypatch, nsswitch, hosts="", resolv=""):
    for name, text in (("nsswitch", nsswitch), ("hosts", hosts), ("resolv", resolv)):
        (tmp_path / name).write_text(text)
    made = System(
        str(tmp_path / "resolv"), str(tmp_path / "hosts"), str(tmp_path / "nsswitch"), mdns_allow=str(tmp_path / "no")
    )
    monkeypatch.setattr(resolver.factory, "_system", made)


class Libc:
    """Stands where libc does, and tells what it was asked."""

    def __init__(self):
        self.asked = []
        self.closed = False

    def getaddrinfo(self, host, *rest):
        self.asked.append(host)
        return [(2, 1, 6, "", ("192.0.2.200", 0))]

    def gethostbyname(self, host):
        return self.getaddrinfo(host)[0][4][0]

    def gethostbyaddr(self, address):
        return "libc", [], [address]

    def getnameinfo(self, sockaddr, flags):
        return "libc", "0"

    def close(self):
        self.closed = True


@pytest.fixture
def libc(monkeypatch):
    made = Libc()
    monkeypatch.setattr("celadon.resolver.registry.make_resolver", lambda name, config: made)
    return made


def test_names_go_where_the_table_says(tmp_path, monkeypatch, libc):
    system(tmp_path, monkeypatch, "hosts: files mdns4_minimal [NOTFOUND=return] dns\n", "192.0.2.50 here.test\n")
    with NameServer() as server:
        server.add("a.test", "A", "192.0.2.1")
        server.add("1.2.0.192.in-addr.arpa", "PTR", "a.test.")
        made = resolver.use(servers=server.servers)
        assert made.name == "ares"
        for _ in range(3):
            assert resolver.getaddrinfo("a.test", 80, 2, 1)[0][4] == ("192.0.2.1", 80)
        assert resolver.gethostbyname("here.test") == "192.0.2.50"
        assert resolver.gethostbyaddr("192.0.2.1")[0] == "a.test"
        assert resolver.getnameinfo(("192.0.2.1", 80), 0)[0] == "a.test"
        assert libc.asked == []
        assert resolver.getaddrinfo("printer.local", 80)[0][4][0] == "192.0.2.200"
        assert resolver.gethostbyname(b"printer.local") == "192.0.2.200"
        assert resolver.gethostbyaddr("169.254.1.1")[0] == "libc"
        assert resolver.getnameinfo(("169.254.1.1", 80), 0) == ("libc", "0")
        assert libc.asked == ["printer.local", b"printer.local"]
        assert server.count("printer.local") == 0
        # Not found is EAI_NONAME as with libc, whatever sources were passed over.
        with pytest.raises(resolver.ResolveError) as caught:
            resolver.getaddrinfo("nx.test", 80)
        assert caught.value.errno == -2
        assert resolver.query("a.test").data == ("192.0.2.1",)
    resolver.reset()
    assert libc.closed


def test_a_literal_never_costs_a_thread(tmp_path, monkeypatch, libc):
    system(tmp_path, monkeypatch, "hosts: files ldap dns\n")
    resolver.use("auto")
    for host in ("192.0.2.1", "127.1", "0x7f.1", "::1", "fe80::1%lo", None, "2130706433"):
        resolver.getaddrinfo(host, 80, 0, 1)
    assert libc.asked == []
    resolver.getaddrinfo("a.test", 80)
    resolver.getaddrinfo("a%test", 80)
    assert libc.asked == ["a.test", "a%test"]


def test_the_decision_follows_the_files(tmp_path, monkeypatch, libc):
    system(tmp_path, monkeypatch, "hosts: files\n", "192.0.2.50 here.test\n")
    made = resolver.use("auto")
    with MockClock():
        assert resolver.getaddrinfo("here.test", 80, 2, 1)[0][4][0] == "192.0.2.50"
        assert resolver.getaddrinfo("here.test", 80, 2, 1)[0][4][0] == "192.0.2.50"
        (tmp_path / "nsswitch").write_text("hosts: files ldap\n")
        resolver.factory._system._next = 0.0
        assert resolver.getaddrinfo("here.test", 80, 2, 1)[0][4][0] == "192.0.2.50", "kept for a second"
        assert resolver.getaddrinfo("here.test", 81, 2, 1)[0][4][0] == "192.0.2.200"
        assert resolver.getaddrinfo("here.test", 80, 2, 1)[0][4][0] == "192.0.2.200", "no longer than the files are"
        (tmp_path / "nsswitch").write_text("hosts: files\n")
        assert resolver.getaddrinfo("here.test", 80, 2, 1)[0][4][0] == "192.0.2.200"
        resolver.factory._system._next = 0.0
        sleep(1)
        assert resolver.getaddrinfo("here.test", 80, 2, 1)[0][4][0] == "192.0.2.50"
        (tmp_path / "nsswitch").write_text("hosts: files ldap\n")
        resolver.factory._system._next = 0.0
        sleep(1)
    assert made.explain("here.test").resolver == "thread, libc itself"
    assert "ldap" in str(made.explain("here.test"))


def test_it_is_the_default(monkeypatch):
    assert resolver.current().explain("a.test").reason.startswith("nsswitch.conf")
    monkeypatch.setenv("CELADON_RESOLVER", "python")
    resolver.reset()
    assert resolver.current().name == "python"
    monkeypatch.setenv("CELADON_RESOLVER", "block,ares+1")
    resolver.reset()
    assert [one.name for one in resolver.current().members] == ["block", "ares"]


def test_choices_of_one_object(libc):
    made = Automatic(lambda: world("files dns"), None, lambda name: name == "mine%", "linux")
    assert made("a.test") is None
    assert made("mine%") is None
    assert made(b"a%b") is libc
    assert made("") is None
    assert made(3) is None
    assert "overrides" in made.choice("mine%").reason
    assert "literal" in made.choice("127.1").reason
