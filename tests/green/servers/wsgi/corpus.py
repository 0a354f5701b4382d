"""Requests written from the RFCs: which must be answered, and which refused, with what status.

RFC 9110 (semantics), 9112 (HTTP/1.1), 3986 (URIs). ``NEXT`` is sent behind each request: a valid one is answered and so
is NEXT; behind a refused one nothing may be answered, as nobody knows where it ends.
"""

from typing import NamedTuple

NEXT = b"GET /next HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"


class Case(NamedTuple):
    """``status`` 200: answered, with this body read; else refused. ``last``: the connection is closed after it."""

    name: str
    raw: bytes
    status: int
    body: bytes = b""
    last: bool = False


def get(target=b"/", *fields, method=b"GET", version=b"HTTP/1.1", host=b"Host: h"):
    lines = [b" ".join((method, target, version)), *([host] if host is not None else []), *fields]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def post(*fields, body=b"", version=b"HTTP/1.1"):
    return get(b"/", *fields, method=b"POST", version=version) + body


def chunked(body):
    return post(b"Transfer-Encoding: chunked", body=body)


def _methods():
    for one in (b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"TRACE", b"PROPFIND", b"MKCOL",
                b"M-SEARCH", b"QUERY", b"PURGE", b"LINK", b"BREW", b"get", b"Get", b"X", b"a.b",
                b"!#$%&'*+-.^_`|~9"):  # fmt: skip
        yield Case(f"method {one!r}", get(method=one), 200)
    for number in (*range(33), *b'"(),/:;<=>?@[\\]{}', *range(127, 256)):
        if number not in (10, 13):
            yield Case(f"method with {number:#04x}", get(method=b"G%cT" % number), 400)
    yield Case("CONNECT to host:port", get(b"h:443", method=b"CONNECT"), 200, last=True)
    yield Case("CONNECT to a path", get(b"/", method=b"CONNECT"), 400)
    yield Case("CONNECT to a URI", get(b"http://h:443/", method=b"CONNECT"), 400)
    yield Case("CONNECT without a port", get(b"h", method=b"CONNECT"), 400)
    yield Case("no method", get(method=b""), 400)


def _request_lines():
    for name, line in {
        "two spaces before the target": b"GET  / HTTP/1.1",
        "two spaces before the version": b"GET /  HTTP/1.1",
        "tab before the target": b"GET\t/ HTTP/1.1",
        "tab before the version": b"GET /\tHTTP/1.1",
        "leading space": b" GET / HTTP/1.1",
        "leading tab": b"\tGET / HTTP/1.1",
        "trailing space": b"GET / HTTP/1.1 ",
        "trailing tab": b"GET / HTTP/1.1\t",
        "no version (HTTP/0.9)": b"GET /",
        "only a method": b"GET",
        "a space in the target": b"GET /a b HTTP/1.1",
        "vertical tab": b"GET\x0b/ HTTP/1.1",
        "no-break space": b"GET\xa0/ HTTP/1.1",
        "four words": b"GET / HTTP/1.1 x",
        "a response": b"HTTP/1.1 200 OK",
        "TLS client hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        "a colon in the method": b"Host: h",
        "no target": b"GET  HTTP/1.1",
    }.items():
        yield Case(f"request line: {name}", line + b"\r\nHost: h\r\n\r\n", 400)
    yield Case("one empty line before", b"\r\n" + get(), 200)
    yield Case("two empty lines before", b"\r\n\r\n" + get(), 200)
    yield Case("many empty lines before", b"\r\n" * 9 + get(), 400)
    yield Case("bare LF before", b"\n" + get(), 400)
    yield Case("bare CR before", b"\r" + get(), 400)


def _versions():
    for version, status in {
        b"HTTP/1.0": 200, b"HTTP/1.1": 200, b"HTTP/1.2": 505, b"HTTP/1.9": 505, b"HTTP/2.0": 505, b"HTTP/0.9": 505,
        b"HTTP/3.0": 505, b"HTTP/9.9": 505, b"HTTP/0.0": 505, b"HTTP/1.10": 400, b"HTTP/1.01": 400, b"HTTP/01.1": 400,
        b"HTTP/11.1": 400, b"HTTP/1": 400, b"HTTP/2": 400, b"HTTP/1.": 400, b"HTTP/.1": 400, b"HTTP/": 400,
        b"HTTP": 400, b"http/1.1": 400, b"Http/1.1": 400, b"HTTP/+1.1": 400, b"HTTP/1.+1": 400, b"HTTP/-1.1": 400,
        b"HTTP/1.1.1": 400, b"HTTP/1,1": 400, b"HTTP/1.x": 400, b"HTTP 1.1": 400, b"HTTP/ 1.1": 400, b"HTTP\\1.1": 400,
        b"HTTPS/1.1": 400, b"ICY/1.1": 400, b"RTSP/1.0": 400, b"FOO/1.1": 400, b"HTTP/1.1\x0b": 400, b"1.1": 400,
        b"HTTP/\xd9\xa1.1": 400, b"HTTP/0x1.1": 400, b"HTTP/1_1.1": 400,
    }.items():  # fmt: skip
        yield Case(f"version {version!r}", get(version=version), status, last=version == b"HTTP/1.0")


def _targets():
    good = (b"/", b"/a", b"/a/b/", b"//", b"//evil.example/x", b"/a//b", b"/?", b"/?a=b", b"/a?b=c&d=/e?f", b"/%20",
        b"/%00",
            b"/a;b=c", b"/a:b@c", b"/!$&'()*+,;=:@-._~", b"/..", b"/../../etc", b"/a%2Fb", b"/%", b"/%zz", b"/a|b",
            b"/{x}", b"/[x]", b'/"x"', b"/<x>", b"/\\x", b"/^`", b"http://h/", b"http://h", b"HTTP://H/",
            b"https://h/a?b",
            b"http://h:80/", b"http://[::1]/", b"http://[::1]:8080/a", b"http://h?x",
            b"http://192.0.2.1/")  # fmt: skip
    for one in good:
        yield Case(f"target {one!r}", get(one), 200)
    yield Case("OPTIONS *", get(b"*", method=b"OPTIONS"), 200)
    yield Case("OPTIONS http://h", get(b"http://h", method=b"OPTIONS"), 200)
    bad = (b"*", b"a", b"a/b", b"?a", b"h:80", b"*/", b"/#x", b"/a#", b"http://h/#x", b"http:///", b"http://",
        b"http:/h", b"http:h",
           b"http://u@h/", b"http://u:p@h/", b"http://h:99999/", b"http://h:x/", b"http://h:-1/", b"http://:80/",
           b"http://[::1/", b"http://a,b/", b"ftp://h/", b"ws://h/", b"file:///etc/passwd", b"javascript:x",
           b"\\\\h\\x", b".", b"..", b"%2F", b"http://h\\x/")  # fmt: skip
    for one in bad:
        yield Case(f"target {one!r}", get(one), 400)
    for number in (*range(1, 33), *range(127, 256)):
        if number not in (10, 13):
            yield Case(f"target with {number:#04x}", get(b"/a%cb" % number), 400)
    yield Case("POST *", get(b"*", method=b"POST"), 400)
    yield Case("a target of 8000 bytes", get(b"/" + b"a" * 7999), 200)
    yield Case("a target of 9000 bytes", get(b"/" + b"a" * 8999), 414)
    yield Case("a target of 70000 bytes", get(b"/" + b"a" * 69999), 414)
    yield Case("a method of 9000 bytes", get(method=b"A" * 9000), 414)


def _names():
    for one in (b"X", b"x-y", b"X.Y", b"!#$%&'*+-.^`|~9", b"1", b"Accept", b"aCCEPT", b"X-" + b"a" * 500):
        yield Case(f"name {one[:20]!r}", get(b"/", one + b": v"), 200)
    for number in (*range(33), *b'"(),/;<=>?@[\\]{}', *range(127, 256)):
        if number not in (10, 13):
            yield Case(f"name with {number:#04x}", get(b"/", b"X%cY: v" % number), 400)
            yield Case(f"name that begins with {number:#04x}", get(b"/", b"%cY: v" % number), 400)
            yield Case(f"name that ends with {number:#04x}", get(b"/", b"Y%c: v" % number), 400)
    for name, line in {
        "empty name": b": v", "no colon": b"Xv", "only a colon": b":", "only white space": b" ",
        "space before the colon": b"X : v", "tab before the colon": b"X\t: v",
        "Content-Length with a space": b"Content-Length : 0",
        "Transfer-Encoding with a space": b"Transfer-Encoding : chunked", "Host with a space": b"Host : h",
    }.items():  # fmt: skip
        yield Case(f"field: {name}", get(b"/", line), 400)
    yield Case("a first field that is folded", get(b"/", b"X: v", host=b" Host: h"), 400)


def _values():
    for one in (
        b"",
        b" ",
        b"\t",
        b"v",
        b" v ",
        b"\tv\t",
        b"a b",
        b"a\tb",
        b'"q"',
        b"a:b",
        b"a,b;c",
        b"\x80\xff",
        b"\xc3\xa9",
    ):
        yield Case(f"value {one!r}", get(b"/", b"X:" + one), 200)
    for number in (*range(32), 127):
        if number not in (9, 10, 13):
            yield Case(f"value with {number:#04x}", get(b"/", b"X: a%cb" % number), 400)
            yield Case(f"value that is {number:#04x}", get(b"/", b"X:%c" % number), 400)
    for name, line in {
        "obs-fold by a space": b"X: a\r\n b", "obs-fold by a tab": b"X: a\r\n\tb", "obs-fold of nothing": b"X: a\r\n ",
        "folded Transfer-Encoding": b"Transfer-Encoding:\r\n chunked",
        "folded Content-Length": b"Content-Length:\r\n 0",
    }.items():  # fmt: skip
        yield Case(name, get(b"/", line), 400)


def _line_ends():
    yield Case("all lines end in LF", get().replace(b"\r\n", b"\n"), 400)
    yield Case("request line ends in LF", b"GET / HTTP/1.1\nHost: h\r\n\r\n", 400)
    yield Case("a field ends in LF", b"GET / HTTP/1.1\r\nHost: h\nX: y\r\n\r\n", 400)
    yield Case("the last field ends in LF", b"GET / HTTP/1.1\r\nHost: h\n\r\n", 400)
    yield Case("empty line is LF", b"GET / HTTP/1.1\r\nHost: h\r\n\n", 400)
    yield Case("LF LF", b"GET / HTTP/1.1\r\nHost: h\n\n", 400)
    yield Case("request line ends in CR", b"GET / HTTP/1.1\rHost: h\r\n\r\n", 400)
    yield Case("a field ends in CR", b"GET / HTTP/1.1\r\nHost: h\rX: y\r\n\r\n", 400)
    yield Case("CR CR LF", b"GET / HTTP/1.1\r\nHost: h\r\r\n\r\n", 400)
    yield Case("LF CR", b"GET / HTTP/1.1\r\nHost: h\n\rX: y\r\n\r\n", 400)
    yield Case("CR in a value", get(b"/", b"X: a\rb"), 400)
    yield Case("LF in a value", get(b"/", b"X: a\nb"), 400)
    yield Case("CR in the target", get(b"/a\rb"), 400)
    yield Case("LF in the target", get(b"/a\nb"), 400)
    yield Case("CR in a name", get(b"/", b"X\rY: z"), 400)
    yield Case("NUL at the start", b"\0" + get(), 400)
    yield Case("NUL in the empty line", b"GET / HTTP/1.1\r\nHost: h\r\n\0\r\n\r\n", 400)


def _hosts():
    for one in (b"h", b"H", b"a.example", b"a.example.", b"a-b.example", b"127.0.0.1", b"[::1]", b"[::1]:80",
        b"h:80", b"h:0", b"h:65535", b"h:",
                b"xn--bcher-kva.example", b"a_b", b"%41", b"", b"  h  "):  # fmt: skip
        yield Case(f"Host {one!r}", get(host=b"Host: " + one), 200)
    for one in (b"a b", b"a,b", b"a, b", b"a/b", b"u@h", b"h:x", b"h:80:80", b"h:99999", b"h:+80", b"h:-1", b"h: 80",
        b"[::1", b"::1", b"a?b",
                b"a#b", b"http://h", b"h\\x", b"<h>", b'"h"', b"a\tb", b"\xff", b"[::g]"):  # fmt: skip
        yield Case(f"Host {one!r}", get(host=b"Host: " + one), 400)
    yield Case("no Host in HTTP/1.1", get(host=None), 400)
    yield Case("no Host in HTTP/1.0", get(host=None, version=b"HTTP/1.0"), 200, last=True)
    yield Case("no Host, a URI as target", get(b"http://h/", host=None), 400)
    yield Case("two Hosts", get(b"/", b"Host: i"), 400)
    yield Case("two equal Hosts", get(b"/", b"host: h"), 400)
    yield Case("two Hosts in HTTP/1.0", get(b"/", b"Host: i", version=b"HTTP/1.0"), 400)
    yield Case("a bad Host in HTTP/1.0", get(host=b"Host: a b", version=b"HTTP/1.0"), 400)
    yield Case("Host differs from the URI's", get(b"http://other/", host=b"Host: h"), 200)


def _lengths():
    for one, body in {
        b"0": b"",
        b"5": b"hello",
        b"05": b"hello",
        b"005": b"hello",
        b" 5 ": b"hello",
        b"\t5": b"hello",
    }.items():
        yield Case(f"Content-Length {one!r}", post(b"Content-Length: " + one, body=body), 200, body)
    for one in (b"", b" ", b"+5", b"-5", b"-0", b"+0", b"5 5", b"5,5", b"5, 5", b"5,6", b"5;", b"5;q=1", b"0x5",
        b"0X5", b"5h", b"five", b"5.0", b"5e0",
                b"1_0", b"5\x0b", b"5\xa0", b"\xb2", b"\xd9\xa5", b"'5'", b'"5"', b"9223372036854775808",
                b"18446744073709551616",
                b"99999999999999999999999", b"1" + b"0" * 200, b"NaN", b"inf", b"None", b"(5)", b"5\x00"):  # fmt: skip
        yield Case(f"Content-Length {one[:30]!r}", post(b"Content-Length: " + one, body=b"hello"), 400)
    two = {"equal": (b"5", b"5"), "different": (b"5", b"6"), "0 and 5": (b"0", b"5"), "5 and 05": (b"5", b"05")}
    for name, (one, other) in two.items():
        raw = post(b"Content-Length: " + one, b"Content-Length: " + other, body=b"hello")
        yield Case(f"two Content-Lengths, {name}", raw, 400)
    yield Case("two Content-Lengths, cases", post(b"content-length: 5", b"CONTENT-LENGTH: 5", body=b"hello"), 400)
    yield Case("GET with a body", get(b"/", b"Content-Length: 5") + b"hello", 200, b"hello")
    yield Case("HEAD with a body", get(b"/", b"Content-Length: 5", method=b"HEAD") + b"hello", 200, b"hello")
    yield Case("DELETE with a body", get(b"/", b"Content-Length: 5", method=b"DELETE") + b"hello", 200, b"hello")
    yield Case("unknown method with a body", get(b"/", b"Content-Length: 5", method=b"BREW") + b"hello", 200, b"hello")
    yield Case("POST without a length", post(), 200)
    yield Case(
        "a body that is a request",
        post(b"Content-Length: %d" % len(get(b"/smuggled")), body=get(b"/smuggled")),
        200,
        get(b"/smuggled"),
    )
    yield Case("Content_Length is another field", post(b"Content_Length: 5"), 200)
    yield Case(
        "HTTP/1.0 with a length", post(b"Content-Length: 5", body=b"hello", version=b"HTTP/1.0"), 200, b"hello", True
    )


def _codings():
    last = b"5\r\nhello\r\n0\r\n\r\n"
    for one in (b"chunked", b"Chunked", b"CHUNKED", b" chunked ", b"\tchunked\t"):
        yield Case(f"Transfer-Encoding {one!r}", post(b"Transfer-Encoding:" + one, body=last), 200, b"hello")
    for one, status in {
        b"": 400, b"identity": 400, b"gzip": 400, b"xchunked": 400, b"chunkedx": 400, b"chunke": 400,
        b"'chunked'": 400, b'"chunked"': 400,
        b"chunked;q=1": 400, b"chunked;": 400, b"chunked,": 400, b",chunked": 501, b"chunked, chunked": 400,
        b"chunked,chunked": 400,
        b"chunked, identity": 400, b"identity, chunked": 501, b"gzip, chunked": 501, b"deflate, gzip, chunked": 501,
        b"chunked, gzip": 400, b"\x0bchunked": 400, b"chunked\x0b": 400, b"\x0cchunked": 400, b"\x00chunked": 400,
        b"chunked\x00": 400, b"chun ked": 400, b"chunked chunked": 400, b"chunked\xa0": 400, b"\xa0chunked": 400,
        b"\xefchunked": 400, b"x": 400, b"none": 400, b"trailers": 400, b"chunked\x7f": 400, b"cow": 400,
        b"chunked\t;x": 400,
    }.items():  # fmt: skip
        yield Case(f"Transfer-Encoding {one!r}", post(b"Transfer-Encoding: " + one, body=last), status)
    te, cl = b"Transfer-Encoding: chunked", b"Content-Length: 5"
    yield Case("Transfer-Encoding, Content-Length", post(te, cl, body=last), 400)
    yield Case("Content-Length, Transfer-Encoding", post(cl, te, body=last), 400)
    yield Case("Transfer-Encoding and Content-Length: 0", post(te, b"Content-Length: 0", body=last), 400)
    yield Case("gzip and Content-Length", post(b"Transfer-Encoding: gzip", cl, body=last), 400)
    yield Case("identity and Content-Length", post(b"Transfer-Encoding: identity", cl, body=b"hello"), 400)
    yield Case("two Transfer-Encodings", post(te, te, body=last), 400)
    yield Case("Transfer-Encoding gzip, then chunked", post(b"Transfer-Encoding: gzip", te, body=last), 400)
    yield Case("Transfer-Encoding chunked, then identity", post(te, b"transfer-encoding: identity", body=last), 400)
    yield Case("Transfer-Encoding in HTTP/1.0", post(te, body=last, version=b"HTTP/1.0"), 400)
    yield Case("Transfer-Encoding and Content-Length in HTTP/1.0", post(te, cl, body=last, version=b"HTTP/1.0"), 400)
    yield Case("Transfer_Encoding is another field", post(b"Transfer_Encoding: chunked"), 200)
    yield Case("TE is another field", get(b"/", b"TE: trailers", b"Connection: TE"), 200)


def _chunks():
    end = b"0\r\n\r\n"
    good = {
        "none": (end, b""), "one": (b"5\r\nhello\r\n" + end, b"hello"),
        "two": (b"3\r\nhel\r\n2\r\nlo\r\n" + end, b"hello"),
        "upper hex": (b"A\r\n0123456789\r\n" + end, b"0123456789"),
        "lower hex": (b"a\r\n0123456789\r\n" + end, b"0123456789"),
        "leading zeros": (b"0005\r\nhello\r\n" + end, b"hello"), "zeros at the end": (b"5\r\nhello\r\n0000\r\n\r\n",
        b"hello"),
        "CRLF as data": (b"2\r\n\r\n\r\n" + end, b"\r\n"),
        "a request as data": (b"%x\r\n" % len(NEXT) + NEXT + b"\r\n" + end, NEXT),
        "16 digits": (b"0000000000000005\r\nhello\r\n" + end, b"hello"),
        "extension": (b"5;a\r\nhello\r\n" + end, b"hello"),
        "extension with a value": (b"5;a=b\r\nhello\r\n" + end, b"hello"),
        "extensions": (b"5;a=b;c=d;e\r\nhello\r\n" + end, b"hello"),
        "quoted extension": (b'5;a="b;c\\"d"\r\nhello\r\n' + end, b"hello"),
        "extension at the end": (b"0;a=b\r\n\r\n", b""),
        "space in an extension": (b"5; a = b\r\nhello\r\n" + end, b"hello"),
        "spaces in extensions": (b"5; some; parameters=stuff\r\nhello\r\n" + end, b"hello"),
        "Content-Type as trailer": (b"0\r\nVary: *\r\nContent-Type: text/plain\r\n\r\n", b""),
        "trailer": (b"5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n", b"hello"), "trailers": (b"0\r\nA: 1\r\nB: 2\r\n\r\n", b""),
    }  # fmt: skip
    for name, (raw, body) in good.items():
        yield Case(f"chunks: {name}", chunked(raw), 200, body)
    sizes = (b"", b" ", b"5 ", b" 5", b"\t5", b"5\t", b"+5", b"-5", b"0x5", b"0X5", b"5h", b"g", b"1_0", b"5.0",
        b"5\x0b", b"5\x00", b"\x005", b"x", b"--5",
             b"5,5", b"5 5", b"00000000000000005", b"8000000000000000", b"ffffffffffffffff", b"10000000000000000",
             b"1" * 40, b"\xb5", b"'5'",
             b"5;", b"5;;a", b"5;=b", b"5;a=", b"5 ;a", b"5;a b", b'5;a="b', b"5;a=b\x00", b"5;\x7f",
             b"5;a=\xff", b"5;a=b,c", b"5;a@b",
             b"5;" + b"a" * 300, b"5;" + b"a" * 9000, b"5;a=\"\x01\"")  # fmt: skip
    for one in sizes:
        yield Case(f"chunk size {one[:30]!r} ({len(one)})", chunked(one + b"\r\nhello\r\n" + end), 400)
    bad = {
        "size ends in LF": b"5\nhello\r\n" + end, "size ends in CR": b"5\rhello\r\n" + end,
        "size ends in CR CR LF": b"5\r\r\nhello\r\n" + end,
        "data ends in LF": b"5\r\nhello\n" + end, "data ends in CR": b"5\r\nhello\r" + end,
        "data is longer": b"5\r\nhello!\r\n" + end,
        "data is shorter": b"6\r\nhello\r\n" + end, "no end of data": b"5\r\nhello" + end,
        "CR X after data": b"5\r\nhello\rX" + end,
        "extension ends in LF": b"5;a\nhello\r\n" + end, "CR in an extension": b"5;a\rb\r\nhello\r\n" + end,
        "LF in an extension": b"5;a\nb\r\nhello\r\n" + end,
        "end in LF": b"0\n\n", "end in LF CRLF": b"0\n\r\n", "end in CRLF LF": b"0\r\n\n", "end in CR": b"0\r\r",
        "trailer in LF": b"0\r\nA: 1\n\r\n",
        "trailer without a colon": b"0\r\nA\r\n\r\n", "trailer with a space": b"0\r\nA : 1\r\n\r\n",
        "folded trailer": b"0\r\nA: 1\r\n 2\r\n\r\n",
        "trailer with NUL": b"0\r\nA: \x00\r\n\r\n", "trailer without a name": b"0\r\n: 1\r\n\r\n",
        "trailer with CR": b"0\r\nA: 1\rB: 2\r\n\r\n",
        "Transfer-Encoding as trailer": b"0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "Content-Length as trailer": b"0\r\nContent-Length: 5\r\n\r\n",
        "Host as trailer": b"0\r\nHost: i\r\n\r\n", "Trailer as trailer": b"0\r\nTrailer: A\r\n\r\n",
        "Cookie as trailer": b"0\r\nCookie: a=b\r\n\r\n",
        "Authorization as trailer": b"0\r\nauthorization: x\r\n\r\n",
        "a request as trailer": b"0\r\nGET / HTTP/1.1\r\n\r\n",
        "extensions of 5000 bytes": b"1;" + b"a" * 250 + b"\r\nx\r\n" + (b"1;" + b"a" * 250 + b"\r\nx\r\n") * 19 + end,
    }  # fmt: skip
    for name, raw in bad.items():
        yield Case(f"chunks: {name}", chunked(raw), 400)
    yield Case("chunks: 21 trailers", chunked(b"0\r\n" + b"".join(b"A%d: 1\r\n" % n for n in range(21)) + b"\r\n"), 431)
    yield Case(
        "chunks: trailers of 5000 bytes", chunked(b"0\r\n" + (b"A: " + b"v" * 2500 + b"\r\n") * 2 + b"\r\n"), 431
    )


def _expectations():
    for one in (b"100-continue", b"100-Continue", b" 100-continue "):
        yield Case(f"Expect {one!r}", post(b"Content-Length: 5", b"Expect: " + one, body=b"hello"), 200, b"hello")
    for one in (b"", b"200-ok", b"100-continue, x", b"100", b"100-continue;q=1", b"x=y"):
        yield Case(f"Expect {one!r}", post(b"Content-Length: 5", b"Expect: " + one, body=b"hello"), 417)
    yield Case("two Expects", post(b"Content-Length: 5", *[b"Expect: 100-continue"] * 2, body=b"hello"), 400)
    yield Case(
        "Expect in HTTP/1.0",
        post(b"Content-Length: 5", b"Expect: x", body=b"hello", version=b"HTTP/1.0"),
        200,
        b"hello",
        True,
    )


def _sizes():
    yield Case("100 fields", get(b"/", *(b"X%d: y" % n for n in range(99))), 200)
    yield Case("101 fields", get(b"/", *(b"X%d: y" % n for n in range(100))), 431)
    yield Case("2000 fields", get(b"/", *(b"X: y" for _ in range(2000))), 431)
    yield Case("a field of 8190 bytes", get(b"/", b"X:" + b"y" * 8189), 200)
    yield Case("a field of 8191 bytes", get(b"/", b"X:" + b"y" * 8190), 431)
    yield Case("a field of 70000 bytes", get(b"/", b"X:" + b"y" * 70000), 431)
    yield Case("a name of 9000 bytes", get(b"/", b"X" * 9000 + b": y"), 431)
    yield Case("fields of 64000 bytes", get(b"/", *(b"X%d: " % n + b"y" * 7900 for n in range(8))), 200)
    yield Case("fields of 72000 bytes", get(b"/", *(b"X%d: " % n + b"y" * 8000 for n in range(9))), 431)


def _persistence():
    for one in (b"close", b"Close", b"CLOSE", b"keep-alive, close", b"close, keep-alive", b"x, close , y", b"close,"):
        yield Case(f"Connection {one!r}", get(b"/", b"Connection: " + one), 200, last=True)
    yield Case("Connection twice, the second close", get(b"/", b"Connection: x", b"Connection: close"), 200, last=True)
    for one in (b"keep-alive", b"x", b"", b"closed", b'"close"', b"not-close"):
        yield Case(f"Connection {one!r}", get(b"/", b"Connection: " + one), 200)
    for one in (b"keep-alive", b"Keep-Alive", b"x, keep-alive"):
        yield Case(f"HTTP/1.0, Connection {one!r}", get(b"/", b"Connection: " + one, version=b"HTTP/1.0"), 200)
    yield Case("HTTP/1.0, both", get(b"/", b"Connection: keep-alive, close", version=b"HTTP/1.0"), 200, last=True)
    yield Case("HTTP/1.0, Keep-Alive alone", get(b"/", b"Keep-Alive: timeout=5", version=b"HTTP/1.0"), 200, last=True)


def _others():
    yield Case("two Content-Types", post(b"Content-Type: a/b", b"Content-Type: c/d"), 400)
    yield Case("two Cookies", get(b"/", b"Cookie: a=b", b"Cookie: c=d"), 200)
    yield Case("two Accepts", get(b"/", b"Accept: a/b", b"Accept: c/d"), 200)
    yield Case("Proxy", get(b"/", b"Proxy: http://evil.example"), 200)
    yield Case(
        "h2c upgrade",
        get(b"/", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAAP__"),
        200,
    )
    yield Case("Upgrade without Connection", get(b"/", b"Upgrade: h2c"), 200)
    yield Case("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505)
    yield Case("SSH", b"SSH-2.0-OpenSSH_9.6\r\n\r\n", 400)
    yield Case("SMTP", b"EHLO h\r\n\r\n", 400)
    yield Case("SIP", b"OPTIONS sip:h SIP/2.0\r\n\r\n", 400)
    yield Case("PROXY protocol without being asked", b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + get(), 400)


GROUPS = (_methods, _request_lines, _versions, _targets, _names, _values, _line_ends, _hosts)
GROUPS += (_lengths, _codings, _chunks, _expectations, _sizes, _persistence, _others)
CASES = [case for group in GROUPS for case in group()]
