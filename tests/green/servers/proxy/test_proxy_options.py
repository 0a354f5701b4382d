"""``celadon proxy``: what a command line means, and which cannot be."""

import pytest

pytest.importorskip("httptools", reason="the proxy needs httptools")

from celadon.green.servers.proxy import Destinations, ProxyLimits
from celadon.green.servers.proxy.proxy_options import USAGE, ProxySettings, parse
from celadon.patch_options import UsageError

GOOD = {
    "": {},
    "-b 3128 --bind=unix:x -b [::1]:80 -b fd://3": {"bind": ("127.0.0.1:3128", "unix:x", "[::1]:80", "fd://3")},
    "--auth ann:s:3 --auth bob:x": {"users": {"ann": "s:3", "bob": "x"}},
    "--deny-host a.test,*.b.test --deny-host c.test --allow-port 443,8000-8009": {
        "destinations": Destinations((), ["a.test", "*.b.test", "c.test"], ["443", "8000-8009"]),
    },
    "--per-host 6 --max-connections 100 --connect-timeout 5 --idle-timeout 60 --header-timeout 2 --keep-alive 3": {
        "limits": ProxyLimits(2, 3, 5, 60, 6, 100),
    },
    "--access-log - --debug-page 8080 --log-level debug --graceful-timeout 5 --unix-mode 600": {
        "access_log": "-", "debug_page": "127.0.0.1:8080", "log_level": "debug", "graceful_timeout": 5.0,
        "unix_mode": 0o600,
    },
    "--resolver ares --servers 127.0.0.1,::1 --timeout 2 --cache 0": {
        "resolver": {"resolver": "ares", "servers": ["127.0.0.1", "::1"], "timeout": 2.0, "cache": False},
    },
}  # fmt: skip


def shown(settings):
    fields = {name: getattr(settings, name) for name in settings.__dataclass_fields__ if name != "guard"}
    fields["destinations"] = [list(getattr(settings.destinations, one)) for one in ("deny_hosts", "allow_ports")]
    return fields


@pytest.mark.parametrize("line", GOOD)
def test_good(line):
    assert shown(parse(line.split())) == shown(ProxySettings(**GOOD[line]))


def test_networks_are_the_guards():
    guard = parse(["--allow-net", "10.1.0.0/16,::1", "--deny-net", "198.41.0.4"]).guard
    assert [guard.reason(one) for one in ("10.1.2.3", "::1", "198.41.0.4", "10.2.0.0")] == [
        None, None, "blocked here", "private",
    ]  # fmt: skip


def test_users_of_a_file(tmp_path):
    path = tmp_path / "users"
    path.write_text("# who\nann:s:3\n\nbob:x\n")
    assert parse(["--auth-file", str(path)]).users == {"ann": "s:3", "bob": "x"}
    path.write_text("ann\n")
    with pytest.raises(UsageError, match=r"line 1 of .*: USER:PASSWORD"):
        parse(["--auth-file", str(path)])
    path.write_text("#\n")
    with pytest.raises(UsageError, match="names no user"):
        parse(["--auth-file", str(path)])


WRONG = {
    "x": "celadon proxy takes options only, not 'x'",
    "--frob": "unknown option --frob; celadon proxy --help lists them",
    "--files": "unknown option --files; celadon proxy --help lists them",
    "--bind": "--bind needs a value",
    "-b nowhere": "--bind: 'nowhere' is no address: write host:port, [IPv6]:port, a port, or unix:path",
    "--auth ann": "--auth: 'ann' is not USER:PASSWORD",
    "--auth-file /nonexistent/x": "--auth-file: /nonexistent/x: No such file or directory",
    "--allow-host 10.0.0.1": (
        "--allow-host: '10.0.0.1' is an address: name networks by the guard (--allow-net, --deny-net)"
    ),
    "--allow-host ,": "--allow-host: ',' is not a list with something in it",
    "--deny-net 10.0.0.1/8": (
        "--deny-net: '10.0.0.1/8' has host bits set: write 10.0.0.0/8 for the network, 10.0.0.1 for the address"
    ),
    "--deny-port 0": "--deny-port: '0' is not a port or a range of ports, such as 443 or 8000-8999",
    "--per-host 0": "--per-host: '0' is not a whole number, at least 1",
    "--idle-timeout=-1": "--idle-timeout: '-1' is not a number of seconds, more than 0",
    "--unix-mode 888": "--unix-mode: '888' is not in octal digits, such as 660",
    "--log-level loud": "--log-level: 'loud' is not one of debug, info, warning, error",
}


@pytest.mark.parametrize("line", WRONG)
def test_wrong(line):
    with pytest.raises(UsageError) as caught:
        parse(line.split())
    assert str(caught.value) == WRONG[line]


def test_the_usage_names_each_option():
    from celadon.green.servers.proxy import proxy_options

    for option in (*proxy_options._LISTS, *proxy_options._VALUES):
        assert option in USAGE, option
