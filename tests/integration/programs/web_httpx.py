"""httpx, its synchronous client: one client for all threads, one each, over HTTP and TLS."""

import ssl

import httpx

from . import MANY, arguments, at_once, raised

given = arguments()
plain, tls = f"http://web.test:{given['http']}", f"https://web.test:{given['https']}"
context = ssl.create_default_context(cafile=given["ca"])
limits = httpx.Limits(max_connections=MANY)

with httpx.Client(verify=context, timeout=10, limits=limits, follow_redirects=True) as client:
    answers = at_once(lambda n: client.get(f"{plain if n % 2 else tls}/slow", params={"n": n}).json())
    assert [one["query"] for one in answers] == [f"n={n}" for n in range(MANY)]
    assert client.get(f"{plain}/redirect").json()["path"] == "/hello"
    body = b"0123456789" * 100_000
    assert client.post(f"{tls}/echo", content=body).content == body
    with client.stream("GET", f"{tls}/bytes?size=1000000") as answer:
        assert sum(map(len, answer.iter_bytes())) == 1_000_000
    raised(httpx.ReadTimeout, client.get, f"{plain}/slow", timeout=0.05)
    raised(httpx.ConnectError, client.get, "http://nowhere.test/")

assert at_once(lambda n: httpx.get(f"{plain}/slow", timeout=10, verify=context).status_code) == [200] * MANY
