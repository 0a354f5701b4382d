"""A headless Chromium, driven by its own protocol over a WebSocket; and the pictures in the docs.

``python -m tests.integration.browser`` makes docs/images/debug-page.png anew.
"""

import base64
import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "images" / "debug-page.png"


def chromium():
    """Its path, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Tab:
    """One page."""

    def __init__(self, connection):
        self._connection = connection
        self._number = 0

    def call(self, method, **params):
        """Call a method of the DevTools protocol."""
        self._number += 1
        self._connection.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            answer = json.loads(self._connection.recv(timeout=20))
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]

    def evaluate(self, script):
        """The value of an expression in the page."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def until(self, script, seconds=20.0):
        """Wait until an expression is true; gives the seconds that it took."""
        begin = time.monotonic()
        while not self.evaluate(f"(() => {{ try {{ return {script}; }} catch (error) {{ return false; }} }})()"):
            if time.monotonic() - begin > seconds:
                raise AssertionError(f"{script} is not true in: {self.evaluate('document.body.innerText')}")
            time.sleep(0.02)
        return time.monotonic() - begin

    def picture(self, path):
        """A PNG of what is seen."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))


@contextmanager
def browser(url, *flags):
    """A tab that shows ``url``; with ``flags`` of a proxy, through that."""
    from websockets.sync.client import connect

    with tempfile.TemporaryDirectory(prefix="celadon-") as folder:
        words = [chromium(), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                 "--remote-debugging-port=0", f"--user-data-dir={folder}", "--window-size=1100,900",
                 "--no-first-run", "--disable-background-networking",
                 *(flags or ["--no-proxy-server"]), url]  # fmt: skip
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                place = Path(folder) / "DevToolsActivePort"
                ends = time.monotonic() + 60
                while not place.exists() or not place.read_text():
                    assert time.monotonic() < ends, "Chromium does not begin"
                    assert process.poll() is None, "Chromium has ended"
                    time.sleep(0.05)
                port = place.read_text().split()[0]
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=20) as answer:
                    tab = next(one for one in json.load(answer) if one["type"] == "page")
                with connect(tab["webSocketDebuggerUrl"], max_size=None) as connection:
                    yield Tab(connection)
            finally:
                process.terminate()
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
        shutil.rmtree(folder, ignore_errors=True)
        Path(folder).mkdir(exist_ok=True)


@contextmanager
def program(block):
    """The URL of a program's debug page; a call of it blocks after ``block`` seconds."""
    words = [sys.executable, "-m", "celadon", "-m", "tests.integration.programs.debug_page", f"block={block}"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, cwd=ROOT, text=True) as process:
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/"
        finally:
            process.kill()


def main():
    """Make the picture."""
    PICTURE.parent.mkdir(exist_ok=True)
    with program(4) as url, browser(url) as tab:
        tab.until("document.querySelector('#blocks td') !== null && [...history.values()][0].length > 12", 60)
        tab.picture(PICTURE)


if __name__ == "__main__":
    main()
