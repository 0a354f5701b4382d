"""``celadon serve``: what a command line means, which application it names, and what has changed."""

import sys

import pytest

from celadon.green.servers.serve.application import LoadError, Name, load, parse_name
from celadon.green.servers.serve.serve_options import USAGE, Settings, parse
from celadon.green.servers.serve.source_files import Watched, changed
from celadon.patch_options import UsageError

APP = Name("app", "application", False)

GOOD = {
    "app": {},
    "app:application": {},
    "-w 4 app": {"workers": 4},
    "app --workers=4": {"workers": 4},
    "-b 8000 --bind=unix:x app -b [::1]:80 -b fd://3": {"bind": ("8000", "unix:x", "[::1]:80", "fd://3")},
    "app --certfile c --keyfile k --ca-certs a": {"certfile": "c", "keyfile": "k", "ca_certs": "a"},
    "app --unix-mode 660 --backlog 9": {"unix_mode": 0o660, "backlog": 9},
    "app --proxy-protocol --proxy-allow-ips 10.0.0.0/8,::1": {
        "proxy_protocol": True, "proxy_allow_ips": ("10.0.0.0/8", "::1"),
    },
    "app --forwarded-allow-ips *": {"forwarded_allow_ips": ("*",)},
    "app --reuse-port --max-requests 5 --max-age 1.5": {"reuse_port": True, "max_requests": 5, "max_age": 1.5},
    "app --graceful-timeout 3 --silence-timeout 0.5": {"graceful_timeout": 3.0, "silence_timeout": 0.5},
    "app --max-connections 7 --max-body 9 --keep-alive 2 --header-timeout 4": {
        "max_connections": 7, "max_body": 9, "keep_alive": 2.0, "header_timeout": 4.0,
    },
    "app --access-log - --access-log-format json": {"access_log": "-", "access_log_format": "json"},
    "app --log-level debug --pid p --chdir /": {"log_level": "debug", "pid": "p", "chdir": "/"},
    "app --reload": {"reload": True},
    "app --preload": {"preload": True},
    "app --resolver python --servers 127.0.0.1,::1 --timeout 2 --no-ssl --sys": {
        "patch": {"resolver": "python", "servers": ["127.0.0.1", "::1"], "timeout": 2.0, "ssl": False, "sys": True},
    },
}  # fmt: skip


@pytest.mark.parametrize("line", GOOD)
def test_good(line):
    assert parse(line.split()) == Settings(APP, **{"patch": {}, **GOOD[line]})


WRONG = {
    "": "no application given; write module:attribute",
    "app other": "name one application, as module:attribute",
    "app:x:y": "'app:x:y' is no application: write module:attribute, or module:factory()",
    "app/x.py": "'app/x.py' is no application: write module:attribute, or module:factory()",
    "app --frob": "unknown option --frob; celadon serve --help lists them",
    "app -w": "--workers needs a value",
    "app --pid=": "--pid needs a value",
    "app -w two": "--workers: 'two' is not a number",
    "app -w 0": "--workers: '0' is not a whole number, at least 1",
    "app --max-age 0": "--max-age: '0' is not a number of seconds, more than 0",
    "app --max-age inf": "--max-age: 'inf' is not a number of seconds, more than 0",
    "app -b nowhere": "--bind: 'nowhere' is no address: write host:port, [IPv6]:port, a port, or unix:path",
    "app -b fd://x": "--bind: 'fd://x' is not fd:// and the number of an open socket",
    "app --unix-mode 888": "--unix-mode: '888' is not in octal digits, such as 660",
    "app --unix-mode 7777": "--unix-mode: '7777' is not in octal digits, such as 660",
    "app --forwarded-allow-ips name": "--forwarded-allow-ips: 'name' does not appear to be an IPv4 or IPv6 network",
    "app --log-level loud": "--log-level: 'loud' is not one of debug, info, warning, error",
    "app --access-log-format x": "--access-log-format: 'x' is not one of combined, json",
    "app --reload=yes": "--reload takes no value",
    "app --keyfile k": "--keyfile needs --certfile",
    "app --ca-certs a": "--ca-certs needs --certfile",
    "app --reload --preload": "--reload and --preload: what the master has imported stays as it is",
    "app --timeout soon": "--timeout: 'soon' is not a number",
}


@pytest.mark.parametrize("line", WRONG)
def test_wrong(line):
    with pytest.raises(UsageError) as caught:
        parse(line.split())
    assert str(caught.value) == WRONG[line]


def test_the_usage_names_each_option_and_fits():
    from celadon.green.servers.serve.serve_options import _FLAGS, _VALUES

    for option in (*_FLAGS, *_VALUES):
        assert option in USAGE
    assert max(map(len, USAGE.splitlines())) <= 110


# -- the application -------------------------------------------------------------------------------------------

NAMES = {
    "app": APP,
    "a.b": Name("a.b", "application", False),
    "app:wsgi": Name("app", "wsgi", False),
    "a.b:c.d": Name("a.b", "c.d", False),
    "app:make()": Name("app", "make", True),
}


@pytest.mark.parametrize("text", NAMES)
def test_names(text):
    assert parse_name(text) == NAMES[text]


@pytest.mark.parametrize("text", ["", ":", "app:", ":x", "app:make(1)", "app:make()()", "a b", "app:x y"])
def test_names_of_nothing(text):
    with pytest.raises(ValueError, match="is no application"):
        parse_name(text)


SOURCE = """
def application(environ, start_response): return [b"app"]
class Holder:
    inner = application
def make(): return application
def fails(): raise ArithmeticError("in the factory")
def nothing(): pass
text = "x"
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    sources = {
        "served_app": SOURCE, "served_wrong": "x = = 1\n", "served_needs": "import served_nosuch\n",
        "served_fails": "def f():\n    1 / 0\nf()\n", "served_exits": "raise SystemExit('not me')\n",
    }  # fmt: skip
    for name, source in sources.items():
        (tmp_path / f"{name}.py").write_text(source)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("served_"):
            del sys.modules[name]


@pytest.mark.parametrize("text", ["served_app", "served_app:Holder.inner", "served_app:make()"])
def test_load(folder, text):
    assert load(parse_name(text)).__name__ == "application"


FAILS = {
    "served_nosuch": (2, "there is no module 'served_nosuch'"),
    "served_nosuch.below": (2, "there is no module 'served_nosuch'"),
    "served_app.below": (2, "there is no module 'served_app.below'"),
    "served_app:applicatio": (2, "module 'served_app' has no 'applicatio'; did you mean application?"),
    "served_app:zzz": (2, "module 'served_app' has no 'zzz'"),
    "served_app:Holder.zzz": (2, "module 'served_app' has no 'Holder.zzz'"),
    "served_app:text": (2, "served_app:text is no WSGI application: 'x' cannot be called"),
    "served_app:text()": (2, "served_app:text is no WSGI application: 'x' cannot be called"),
    "served_app:nothing()": (2, "served_app:nothing() returned no WSGI application, but None"),
    "served_app:fails()": (1, "ArithmeticError: in the factory\nserved_app:fails() failed"),
    "served_wrong": (1, "SyntaxError: invalid syntax\nserved_wrong cannot be imported"),
    "served_needs": (1, "No module named 'served_nosuch'\nserved_needs cannot be imported"),
    "served_fails": (1, "ZeroDivisionError: division by zero\nserved_fails cannot be imported"),
}


@pytest.mark.parametrize("text", FAILS)
def test_load_fails(folder, text):
    code, says = FAILS[text]
    with pytest.raises(LoadError) as caught:
        load(parse_name(text))
    assert caught.value.code == code
    assert says in str(caught.value)
    assert ("\n" in str(caught.value)) is (code == 1)
    assert "importlib" not in str(caught.value)
    assert "application.py" not in str(caught.value)


def test_an_application_that_exits_does(folder):
    with pytest.raises(SystemExit, match="not me"):
        load(parse_name("served_exits"))


# -- changes ---------------------------------------------------------------------------------------------------


def test_changes(folder):
    load(parse_name("served_app"))
    path = folder / "served_app.py"
    watched = Watched()
    assert watched.changes() == []
    path.write_text(SOURCE + "more = 1\n")
    assert watched.changes() == [str(path)]
    assert watched.changes() == []
    path.unlink()
    assert watched.changes() == [str(path)]
    assert watched.changes() == []


def test_what_is_installed_is_not_watched(folder):
    load(parse_name("served_app"))
    assert str(folder / "served_app.py") in Watched()._before
    assert not any(path.endswith("json/__init__.py") for path in Watched()._before)


def test_changed():
    before = {"a": (1, 1), "b": (1, 1), "c": None, "d": (1, 1)}
    assert changed(before, {"a": (1, 1), "b": (2, 1), "c": (1, 1)}) == ["b", "c", "d"]
