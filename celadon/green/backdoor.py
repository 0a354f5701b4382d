"""A Python prompt inside a running program, for whoever may connect: gevent's BackdoorServer.

There is no password, and who connects can do whatever the program can. So by default it listens on a Unix socket that
only the program's own user may open, and a TCP address that is not of this machine is refused unless asked for.

Each session prints to its own client: output follows the greenlet, and sessions do not swap ``sys.stdout`` among
themselves as they run.
"""

from __future__ import annotations

import builtins
import code
import os
import stat
import sys
import tempfile
import traceback
from collections.abc import Mapping
from contextlib import suppress
from types import CodeType
from typing import Any

from greenlet import getcurrent, greenlet

from ..hub import debug
from ..resolver import getaddrinfo
from .servers import StreamServer

#: The stream of each greenlet that runs a session.
_outputs: dict[greenlet, Any] = {}
#: Telnet (RFC 854): "interpret as command", and the commands that have an option after them, that end a subnegotiation.
_IAC, _WITH_OPTION, _BEGIN, _END = 255, range(251, 255), 250, 240
#: Telnet's commands that interrupt: IP and BRK. Ctrl-D is sent as it is.
_INTERRUPTS = (244, 243)


class _PerGreenlet:
    """``sys.stdout`` while sessions are open: what a session prints goes to its client, all else where it went."""

    def __init__(self, before: Any) -> None:
        self.before = before

    def _stream(self) -> Any:
        return _outputs.get(getcurrent(), self.before)

    def write(self, text: str) -> int:
        return int(self._stream().write(text) or 0)

    def flush(self) -> None:
        self._stream().flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream(), name)


class _Output:
    """Text to a client. SystemExit, which ends the session, once the client is gone."""

    encoding, errors = "utf-8", "replace"

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def write(self, text: str) -> int:
        try:
            self._connection.sendall(text.replace("\n", "\r\n").encode("utf-8", "replace"))
        except OSError:
            raise SystemExit("the client is gone") from None  # a loop that prints would go on for ever
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""

    def isatty(self) -> bool:
        return False


class _Input:
    """Lines from a client: nc, or telnet with its commands taken out."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._held = bytearray()

    def line(self) -> str:
        """The next line without its end. EOFError at the end, or for Ctrl-D; KeyboardInterrupt for Ctrl-C."""
        while b"\n" not in self._held:
            data = self._connection.recv(4096)
            if not data and not self._held:
                raise EOFError
            self._held += data or b"\n"
            self._take_commands()
            for number, error in ((4, EOFError), (3, KeyboardInterrupt)):
                if number in self._held:
                    self._held.clear()
                    raise error
        raw, _, rest = bytes(self._held).partition(b"\n")
        self._held = bytearray(rest)
        return raw.rstrip(b"\r\0").decode("utf-8", "replace")

    def _take_commands(self) -> None:
        held = self._held
        while (at := held.find(_IAC)) >= 0 and len(held) > at + 1:
            command = held[at + 1]
            if command in _INTERRUPTS:
                held.clear()
                raise KeyboardInterrupt
            if command == _BEGIN:
                end = held.find(bytes((_IAC, _END)), at)
                if end < 0:
                    return
                del held[at : end + 2]
            elif command in _WITH_OPTION:
                if len(held) < at + 3:
                    return
                del held[at : at + 3]
            else:
                del held[at : at + 2]


class _Console(code.InteractiveConsole):
    def __init__(self, names: dict[str, Any], reads: _Input, writes: _Output) -> None:
        super().__init__(names, "<backdoor>")
        self._reads, self._writes = reads, writes

    def write(self, data: str) -> None:
        self._writes.write(data)

    def raw_input(self, prompt: str = "") -> str:
        self._writes.write(prompt)
        return self._reads.line()

    def runcode(self, code: CodeType) -> None:
        """Run it. ``sys.displayhook`` is the interpreter's: it prints by ``sys.stdout``, which is ours here."""
        try:
            exec(code, self.locals)
        except SystemExit:
            raise
        except Exception:  # noqa: BLE001  (whatever was typed)
            self.showtraceback()
        except KeyboardInterrupt:
            self._writes.write("KeyboardInterrupt\n")

    def showtraceback(self) -> None:
        """The traceback of what was typed, to the client: ``sys.excepthook`` is the program's and not asked."""
        kind, error, trace = sys.exc_info()
        lines = traceback.format_exception(kind, error, trace.tb_next if trace is not None else None)
        self._writes.write("".join(lines))

    def showsyntaxerror(self, filename: str | None = None, **more: Any) -> None:
        """The same for what does not compile."""
        self._writes.write("".join(traceback.format_exception_only(*sys.exc_info()[:2])))


def ps() -> None:
    """Print who waits on what."""
    for one in debug.ps():
        sys.stdout.write(f"{one.greenlet!r}: {one.waits_on}\n")


def default_path() -> str:
    """Where this process listens by default: in the user's run-time folder, or in that for temporary files."""
    folder = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    return os.path.join(folder, f"celadon-backdoor-{os.getpid()}.sock")


class BackdoorServer(StreamServer):
    """Gives each client a prompt, with names of its own: ``locals``, ``ps`` and ``debug`` (``celadon.hub.debug``).

    ``listener`` is a path (the default: ``default_path()``), made with the mode 0600; or an address of this machine:
    one of another is a ValueError unless ``anywhere`` is true. ``banner`` is printed to each client.
    """

    def __init__(
        self,
        listener: Any = None,
        locals: Mapping[str, Any] | None = None,
        banner: str | None = None,
        *,
        anywhere: bool = False,
        **server_args: Any,
    ) -> None:
        super().__init__(default_path() if listener is None else listener, **server_args)
        self._anywhere = anywhere
        #: What each session begins with a copy of.
        self.locals: dict[str, Any] = {"__doc__": None, "__name__": "__console__", **(locals or {})}
        self.banner = banner

    def start(self) -> None:
        """As StreamServer's. ValueError for an address of another machine's reach."""
        if not self.started and self.socket is None:
            self._check_address()
        super().start()

    def _check_address(self) -> None:
        if isinstance(self._address, tuple) and not self._anywhere:
            host = self._address[0]
            found = {str(one[4][0]) for one in getaddrinfo(host, None)} if host else {"every address"}
            if not all(one.startswith("127.") or one == "::1" for one in found):
                raise ValueError(
                    f"a backdoor at {host!r} can be opened from other machines, without a password; listen on "
                    "127.0.0.1, or say anywhere=True if that is meant"
                )

    def _bind(self) -> Any:
        # A socket is made with the mode that the umask leaves; nobody may open it in between.
        if not isinstance(self._address, str):
            return super()._bind()
        with suppress(FileNotFoundError):
            if not stat.S_ISSOCK(os.lstat(self._address).st_mode):
                raise FileExistsError(f"{self._address} is there, and is no socket")
        before = os.umask(0o177)
        try:
            return super()._bind()
        finally:
            os.umask(before)

    def handle(self, connection: Any, address: Any) -> None:
        """One session."""
        writes = _Output(connection)
        names = {"ps": ps, "debug": debug, **self.locals, "__builtins__": builtins}
        console = _Console(names, _Input(connection), writes)
        names["quit"] = names["exit"] = _Quit()
        _begin(writes)
        try:
            console.interact(
                banner=self.banner or f"Python {sys.version.split()[0]}, celadon; ps(), quit()", exitmsg=""
            )
        except (SystemExit, OSError):
            pass  # quit(), or the client is gone
        finally:
            _end()


class _Quit:
    """``quit`` and ``quit()``: the session ends, and nothing else."""

    def __repr__(self) -> str:
        return "quit() or Ctrl-D ends this session"

    def __call__(self, code: object = None) -> None:
        raise SystemExit(code)


def _begin(output: _Output) -> None:
    if not _outputs:
        sys.stdout = _PerGreenlet(sys.stdout)
    _outputs[getcurrent()] = output


def _end() -> None:
    _outputs.pop(getcurrent(), None)
    if not _outputs and type(sys.stdout) is _PerGreenlet:
        sys.stdout = sys.stdout.before


__all__ = ["BackdoorServer", "default_path"]
