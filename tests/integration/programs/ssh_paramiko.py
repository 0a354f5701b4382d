"""paramiko, both ends: a server of its own threads, clients with commands, SFTP and a forwarded port."""

import io
import logging
import os
import socket
import socketserver
import threading
import time

import paramiko

from . import MANY, at_once, raised

logging.getLogger("paramiko").setLevel(logging.CRITICAL + 1)
KEY = paramiko.ECDSAKey.generate()


class Files(paramiko.SFTPServerInterface):
    """One directory in memory."""

    kept = {}  # noqa: RUF012  (for all sessions)

    def open(self, path, flags, attr):
        handle = paramiko.SFTPHandle(flags)
        handle.readfile = handle.writefile = self.kept.setdefault(path, io.BytesIO())
        handle.readfile.close = lambda: None
        return handle

    def stat(self, path):
        found = paramiko.SFTPAttributes()
        found.st_size = len(self.kept[path].getvalue())
        return found


class Session(paramiko.ServerInterface):
    """Whoever has the key or the password may run a command."""

    def check_auth_password(self, username, password):
        return paramiko.AUTH_SUCCESSFUL if password == "sesame" else paramiko.AUTH_FAILED

    def check_auth_publickey(self, username, key):
        return paramiko.AUTH_SUCCESSFUL if key == KEY else paramiko.AUTH_FAILED

    def get_allowed_auths(self, username):
        return "password,publickey"

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel, command):
        threading.Thread(target=self.work, args=(channel, command)).start()
        return True

    @staticmethod
    def work(channel, command):
        time.sleep(0.2)
        channel.sendall(b"done " + command)
        channel.send_exit_status(len(command))
        channel.close()


class Handler(socketserver.BaseRequestHandler):
    """A connection."""

    def handle(self):
        with paramiko.Transport(self.request) as transport:
            transport.add_server_key(KEY)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, Files)
            transport.start_server(server=Session())
            transport.join()


class Site(socketserver.ThreadingTCPServer):
    """The server."""

    daemon_threads = True
    request_queue_size = 100


with Site(("127.0.0.1", 0), Handler) as site:
    threading.Thread(target=site.serve_forever, daemon=True).start()
    port = site.server_address[1]

    def client(**credentials):
        made = paramiko.SSHClient()
        made.get_host_keys().add(f"[ssh.test]:{port}", KEY.get_name(), KEY)
        made.connect("ssh.test", port, "user", look_for_keys=False, allow_agent=False, **credentials)
        return made

    # Each connection is some tens of milliseconds of cryptography, which no greenlet can do beside another.
    clients = [client(pkey=KEY) if n % 2 else client(password="sesame") for n in range(4)]

    def command(n):
        _, out, _ = clients[n % 4].exec_command(f"work {n}")
        return out.read(), out.channel.recv_exit_status()

    assert at_once(command) == [(f"done work {n}".encode(), len(f"work {n}")) for n in range(MANY)]

    body = os.urandom(300_000)
    with clients[0].open_sftp() as sftp:
        sftp.putfo(io.BytesIO(body), "/file")
        back = io.BytesIO()
        sftp.getfo("/file", back)
        assert back.getvalue() == body
    raised(paramiko.AuthenticationException, client, password="wrong")
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        connect, port = paramiko.SSHClient().connect, silent.getsockname()[1]
        error = raised(paramiko.SSHException, connect, "ssh.test", port, "x", banner_timeout=0.2, timeout=5)
        assert "banner" in str(error), error
    for one in clients:
        one.close()
    site.shutdown()
