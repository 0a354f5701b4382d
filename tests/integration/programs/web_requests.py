"""requests and urllib3, over HTTP and TLS: a session for each thread, one pool for all, streaming, retries, errors."""

import requests
import urllib3

from . import MANY, arguments, at_once, raised

given = arguments()
plain, tls, ca = f"http://web.test:{given['http']}", f"https://web.test:{given['https']}", given["ca"]


def with_requests(n):
    with requests.Session() as session:
        session.verify = ca
        answer = session.get(f"{plain if n % 2 else tls}/slow", params={"n": n}, timeout=10)
        answer.raise_for_status()
        return answer.json()


answers = at_once(with_requests)
assert [one["query"] for one in answers] == [f"n={n}" for n in range(MANY)]
assert {one["host"].partition(":")[0] for one in answers} == {"web.test"}

pool = urllib3.PoolManager(num_pools=4, maxsize=10, ca_certs=ca)


def with_urllib3(n):
    return pool.request("GET", f"{plain if n % 2 else tls}/slow?n={n}", timeout=10).json()["query"]


assert at_once(with_urllib3) == [f"n={n}" for n in range(MANY)]
blocking = urllib3.HTTPConnectionPool("web.test", int(given["http"]), maxsize=5, block=True)
assert at_once(lambda n: blocking.request("GET", f"/slow?n={n}").status, many=10) == [200] * 10
assert blocking.num_connections == 5
blocking.close()

body = bytes(range(256)) * 8192
with requests.Session() as session:
    session.verify = ca
    for base in (plain, tls):
        assert session.post(f"{base}/echo", data=body, timeout=20).content == body
        assert session.post(f"{base}/echo", data=iter([body[:1000], body[1000:]]), timeout=20).content == body
        with session.get(f"{base}/bytes?size=3000000", stream=True, timeout=20) as answer:
            assert sum(len(part) for part in answer.iter_content(65536)) == 3_000_000
        assert session.get(f"{base}/redirect", timeout=20).json()["path"] == "/hello"
    raised(requests.exceptions.ReadTimeout, session.get, f"{plain}/slow", timeout=(5, 0.05))
    raised(requests.exceptions.ConnectionError, session.get, "http://nowhere.test/", timeout=5)
    raised(requests.exceptions.SSLError, session.get, f"https://other.test:{given['https']}/", timeout=5)
pool.clear()
