"""A driver of a database that is not there: its calls take the hub's time, and it says what was done to it."""

from celadon.hub import sleep


class Error(Exception):
    pass


class OperationalError(Error):
    pass


class Cursor:
    def __init__(self, connection):
        self.connection = connection
        self.rows = []

    def execute(self, what):
        self.connection.talk(what)
        self.rows = [(what,)]
        return self

    def fetchone(self):
        return self.rows.pop(0) if self.rows else None

    def __iter__(self):
        return self

    def __next__(self):
        row = self.fetchone()
        if row is None:
            raise StopIteration
        return row

    def close(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return None


class Connection:
    Error = Error

    def __init__(self, server, number):
        self.server, self.number = server, number
        self.said = []
        self.closed = False
        self.isolation = "default"
        #: The call that the connection is in the midst of.
        self.inside = None

    def __repr__(self):
        return f"<connection {self.number}>"

    def talk(self, what):
        assert not self.closed, "a closed connection is used"
        assert self.inside is None, f"{what}: the connection is in the midst of {self.inside}"
        self.inside = what
        sleep(self.server.slow)
        self.inside = None
        self.said.append(what)
        if what == "wrong":
            raise OperationalError("wrong")
        return what

    execute = talk

    def cursor(self):
        return Cursor(self)

    def commit(self):
        self.talk("commit")

    def rollback(self):
        self.talk("rollback")

    def close(self):
        self.closed = True
        self.server.open.discard(self)


class Server:
    """What connections are made to; ``connect`` is the driver's."""

    def __init__(self, slow=0.01):
        self.slow = slow
        self.made = []
        self.open = set()
        self.most = 0
        #: What the next connects raise, one each.
        self.errors = []

    def connect(self):
        sleep(self.slow)
        if self.errors:
            raise self.errors.pop(0)
        made = Connection(self, len(self.made))
        self.made.append(made)
        self.open.add(made)
        self.most = max(self.most, len(self.open))
        return made


def hold(pool, seconds=1.0, what="work"):
    """Use a connection of the pool for ``seconds``."""
    with pool.connection() as c:
        c.execute(what)
        sleep(seconds)
