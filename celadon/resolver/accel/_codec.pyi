from typing import TypeVar

T = TypeVar("T")
FORM: int

def walk(message: bytes, question_end: int, /) -> tuple[int, int, int, int, int] | None: ...
def address_in(message: bytes, tail: bytes, /) -> tuple[int, str, tuple[int, int, int, int, int] | None] | None: ...
def records(message: bytes, at: int, count: int, /) -> list[tuple[str, int, int, str, int]] | None: ...
def rows(message: bytes, at: int, count: int, /) -> str | None: ...
def taken(
    record: int, library: bytes, /
) -> (
    tuple[
        tuple[
            list[tuple[bytes, int, int, int, bytes]],
            list[tuple[bytes, int, int, int, bytes]],
            list[tuple[bytes, int, int, int, bytes]],
        ],
        int,
    ]
    | None
): ...
def tail(question: tuple[str, int, int, object], /) -> bytes | None: ...
def plain(host: object, port: object, family: object, type: object, proto: object, flags: object, /) -> str | None: ...
def first_reply(
    one: type[T], more: type[T], question: object, message: bytes, tail: bytes, server: str, rtt: float, tcp: bool, /
) -> T | None: ...
