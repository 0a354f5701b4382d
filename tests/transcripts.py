"""The ``console`` blocks of README and pages that show a shell: their commands are run, and print what is shown."""

import os
import re
import subprocess
import sys
from pathlib import Path

from celadon.resolver.testing import NameServer

ROOT = Path(__file__).parent.parent
PORT = "5335"
#: What is another number each time.
VARIES = re.compile(r'("ts":|"rtt_ms":|in )[\d.]+|\d+(?=/s)|\d+\.\d+(?= seconds)')


def run(command, folder):
    """Its output, and what it said on stderr; it must succeed."""
    # The blocks say `resolve` and `python`: those of the environment that the tests run in.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    env = {**os.environ, "PATH": path, "PYTHONWARNINGS": "error", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["sh", "-e", "-c", command], cwd=folder, env=env, capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return (done.stdout + done.stderr).splitlines()


def said(block):
    """The commands of a console block, and the output below them."""
    lines = block.splitlines()
    return [one[2:] for one in lines if one.startswith("$ ")], [one for one in lines if not one.startswith("$ ")]


def masked(lines):
    return [VARIES.sub(r"\1…", one) for one in lines]


def check(block, folder):
    """Run a block that starts a name server on PORT, and compare; the server ends whatever happens."""
    with NameServer() as server:
        port = server.address.rpartition(":")[2]  # free again a moment later
    commands, output = said(block)
    # A loaded machine may need more than the two seconds that a reader waits.
    script = "\n".join(commands).replace("sleep 2", "until [ -s server.log ]; do sleep 0.05; done").replace(PORT, port)
    got = run(f"trap 'kill $! 2>/dev/null || :' EXIT\n{script}", folder)
    assert masked(got) == masked([line.replace(PORT, port) for line in output])
