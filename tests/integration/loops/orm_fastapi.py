"""SQLAlchemy's synchronous ORM under FastAPI, by uvicorn on uvloop: ``run_green`` in async handlers, no native thread.

Plain ``def`` handlers run in anyio's threads, which are greenlets under the patch.
"""

# ruff: noqa: E402  (the patch comes before what it patches)

import celadon

celadon.patch_all()

import asyncio
import os
import sys
import time

import fastapi
import httpx
import sqlalchemy
import uvicorn
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from celadon.hub.aio import run_green

port, password = sys.argv[1:]
engine = sqlalchemy.create_engine(
    f"mysql+pymysql://celadon:{password}@127.0.0.1:{port}/celadon", pool_size=10, max_overflow=0
)
app = fastapi.FastAPI()


class Base(DeclarativeBase):
    pass


class Row(Base):
    __tablename__ = "rows_of_loops"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(sqlalchemy.String(20))


ran_in = set()


def slow(n):
    ran_in.add(os.readlink("/proc/thread-self"))
    with Session(engine) as session:
        session.execute(sqlalchemy.text("select sleep(0.5)"))
        return session.get(Row, n).text


@app.get("/green/{n}")
async def green(n: int):
    return await run_green(slow, n)


@app.get("/plain/{n}")
def plain(n: int):
    return slow(n)


def fill():
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all(Row(id=n, text=f"row {n}") for n in range(1, 11))
        session.commit()


async def main():
    await run_green(fill)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", loop="uvloop"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    [listener] = server.servers[0].sockets
    where = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with httpx.AsyncClient(trust_env=False) as client:
        for way in ("green", "plain"):
            began = time.monotonic()
            found = await asyncio.gather(*(client.get(f"{where}/{way}/{n}") for n in range(1, 11)))
            assert [one.json() for one in found] == [f"row {n}" for n in range(1, 11)], found
            took = time.monotonic() - began
            assert took < 4, took  # 5 s one after the other
            print(way, "ok", flush=True)
    assert ran_in == {os.readlink("/proc/thread-self")}
    server.should_exit = True
    await serving
    await run_green(Base.metadata.drop_all, engine)
    await run_green(engine.dispose)


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
    print("right")
