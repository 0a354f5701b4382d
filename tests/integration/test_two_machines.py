"""The tutorial of docs/cluster.md, followed to the letter on two machines: network namespaces with a cable between."""

import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from celadon.resolver.testing import synthetic_address

pytest.importorskip("distributed", reason="needs the extra celadon[dask]")

ROOT = Path(__file__).parent.parent.parent
BINARIES = Path(sys.executable).parent
NAMES = [f"n{n}.test" for n in range(4000)]
ADDRESSES = {"A": "192.0.2.1", "B": "192.0.2.2"}
_number = itertools.count()

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.skipif(os.geteuid() != 0, reason="makes network namespaces: needs root"),
    pytest.mark.skipif(shutil.which("ip") is None, reason="needs ip, of iproute2"),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl"),
]


def blocks():
    """The commands of the page in their order: (machine, lines)."""
    text = (ROOT / "docs" / "cluster.md").read_text()
    section = text.partition("## More than one machine")[2].partition("\n## ")[0]
    for block in re.findall(r"```bash\n(.*?)```", section, re.DOTALL):
        first, *lines = block.splitlines()
        yield first.removeprefix("# machine "), lines


def ip(*words):
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no network namespaces here: ip {' '.join(words)}: {done.stderr.strip()}")


class Machines:
    """Two of them, each with its own loopback, a cable, and a shared directory that is the current one."""

    def __init__(self, folder, stack):
        self.folder, self._stack = folder, stack
        mine = f"{os.getpid() % 10000}{next(_number)}"
        self._spaces = {name: f"celadon{mine}{name}" for name in ADDRESSES}
        for space in self._spaces.values():
            ip("netns", "add", space)
            stack.callback(subprocess.run, ["ip", "netns", "del", space], check=False)
        cable = [f"v{mine}{name}" for name in ADDRESSES]
        ip("link", "add", cable[0], "type", "veth", "peer", "name", cable[1])
        for end, (name, address) in zip(cable, ADDRESSES.items(), strict=True):
            space = self._spaces[name]
            ip("link", "set", end, "netns", space)
            ip("-n", space, "address", "add", f"{address}/24", "dev", end)
            ip("-n", space, "link", "set", end, "up")
            ip("-n", space, "link", "set", "lo", "up")
        commands = folder.parent / "bin"
        commands.mkdir()
        for name, module in (("resolve", "celadon.resolver.cli"), ("dask", "dask")):
            (commands / name).write_text(f'#!/bin/sh\nexec {sys.executable} -m {module} "$@"\n')
            (commands / name).chmod(0o755)
        self._env = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{commands}:{os.environ['PATH']}"}

    def start(self, name, line):
        """A command that stays in its terminal."""
        said = open(self.folder.parent / f"{name}.{next(_number)}.log", "w+")  # noqa: SIM115
        self._stack.callback(said.close)
        made = subprocess.Popen(
            ["ip", "netns", "exec", self._spaces[name], "sh", "-c", f"exec {line}"],
            cwd=self.folder, env=self._env, stdout=said, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        self._stack.callback(self._end, made)
        return made

    @staticmethod
    def _end(made):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(made.pid, signal.SIGKILL)
        made.wait()

    def logs(self):
        return "\n".join(one.read_text() for one in self.folder.parent.glob("*.log"))

    def run(self, name, line):
        """A command that comes to its end."""
        made = self.start(name, line)
        assert made.wait(120) == 0, f"{line}\n{self.logs()}"


@pytest.fixture
def machines(tmp_path):
    (tmp_path / "shared").mkdir()
    with contextlib.ExitStack() as stack:
        yield Machines(tmp_path / "shared", stack)


def test_the_tutorial(machines):
    """Each block of the page on its machine, in order; ``dask`` stays, all else ends. Then each name has one record."""
    folder = machines.folder
    (folder / "names").write_text("".join(f"{one}\n" for one in NAMES))
    for name in ADDRESSES:  # the cache that the page asks for on each machine
        machines.start(name, f"{sys.executable} -m celadon.resolver.testing --port 53")
    assert [name for name, _ in blocks()] == ["A", "A", "A", "B", "A"]
    for name, lines in blocks():
        for line in lines:
            if line.startswith("dask"):
                machines.start(name, line)
            else:
                if line.startswith("resolve"):
                    _wait_for(machines, "Registered to", 2)  # both workers: or one does all the work of so few names
                machines.run(name, line)
    rows = [json.loads(line) for line in (folder / "out").read_text().splitlines()]
    assert [row["name"] for row in rows] == NAMES
    assert all(row["data"]["answers"][0]["data"] == synthetic_address(row["name"]) for row in rows)
    summary = json.loads((folder / "summary").read_text())
    assert len(summary["workers"]) == 2
    assert summary["parts_done"] == 8
    _check_that_tls_is_needed(machines)


def _wait_for(machines, words, count):
    deadline = time.monotonic() + 60
    while machines.logs().count(words) < count:
        assert time.monotonic() < deadline, machines.logs()
        time.sleep(0.1)


def _check_that_tls_is_needed(machines):
    """A certificate of another authority, or none, is refused in one line."""
    folder = machines.folder
    machines.run("B", "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=x "
                 "-keyout other-key.pem -out other.pem")  # fmt: skip
    line = "resolve bulk names -r 127.0.0.1 --dask tls://192.0.2.1:8786 --parts no "
    for words, code in (("--tls-ca-file ca.pem --tls-cert other.pem --tls-key other-key.pem", 10), ("", 1)):
        made = machines.start("B", line + words)
        assert made.wait(120) == code, machines.logs()
    assert not (folder / "no").exists()
