"""ftplib and pyftpdlib, a server with a thread for each client: lists, uploads and downloads, all at once."""

import ftplib
import io
import logging
import tempfile
import threading
import time
from pathlib import Path

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.log import config_logging
from pyftpdlib.servers import ThreadedFTPServer

from . import MANY, SLOW, at_once, raised

config_logging(logging.WARNING)


class Handler(FTPHandler):
    """Takes its time for NOOP."""

    def ftp_NOOP(self, line):
        time.sleep(SLOW)
        super().ftp_NOOP(line)


def client():
    made = ftplib.FTP(timeout=20)
    made.connect("ftp.test", port)
    made.login("user", "sesame")
    return made


def work(n):
    with client() as ftp:
        ftp.voidcmd("NOOP")
        ftp.storbinary(f"STOR {n}", io.BytesIO(b"%d" % n * 50_000))
        parts = []
        ftp.retrbinary(f"RETR {n}", parts.append)
        assert str(n) in ftp.nlst()
        return b"".join(parts)


with tempfile.TemporaryDirectory() as place:
    who = DummyAuthorizer()
    who.add_user("user", "sesame", place, perm="elradfmw")
    Handler.authorizer = who
    server = ThreadedFTPServer(("127.0.0.1", 0), Handler)
    port = server.socket.getsockname()[1]
    serving = threading.Thread(target=server.serve_forever, kwargs={"timeout": 0.05, "handle_exit": False})
    serving.start()
    assert at_once(work) == [b"%d" % n * 50_000 for n in range(MANY)]
    assert len(list(Path(place).iterdir())) == MANY
    with client() as ftp:
        raised(ftplib.error_perm, ftp.retrbinary, "RETR nothing", print)
    raised(OSError, ftplib.FTP, "nowhere.test", timeout=5)
    server.close_all()
    serving.join()
