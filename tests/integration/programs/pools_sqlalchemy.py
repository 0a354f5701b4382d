"""SQLAlchemy's pool over three drivers: bounded, and no leak when greenlets are killed or time out at any point."""

import random

from sqlalchemy import create_engine, text

from celadon import Timeout, joinall, sleep, spawn

from . import arguments

given = arguments()
URLS = {
    f"postgresql+psycopg2://celadon:sesame@db.test:{given['postgres']}/postgres": "select pg_sleep(0.02)",
    f"postgresql+psycopg://celadon:sesame@db.test:{given['postgres']}/postgres": "select pg_sleep(0.02)",
    f"mysql+pymysql://celadon:sesame@db.test:{given['mariadb']}/celadon?ssl_disabled=true": "select sleep(0.02)",
}
chance = random.Random(1)

for url, slowly in URLS.items():
    engine = create_engine(url, pool_size=5, max_overflow=2, pool_timeout=30)
    used = 0

    def work(n, engine=engine, slowly=slowly):
        global used
        with engine.connect() as connection:
            used = max(used, engine.pool.checkedout())
            connection.execute(text(slowly))
            assert connection.execute(text(f"select {n}")).scalar() == n
        return n

    def hurried(n, work=work):
        try:
            with Timeout(chance.random() * 0.1):
                return work(n)
        except Timeout:
            return "late"

    working = [spawn(work, n) for n in range(30)]
    joinall(working, raise_error=True)
    assert [one.value for one in working] == list(range(30))
    assert used == 7, "as many as the pool may have, and no more"

    working = [spawn(work, n) for n in range(40)]
    for one in working:
        sleep(chance.random() * 0.005)
        if chance.random() < 0.5:
            one.kill(block=False)
    joinall(working)
    assert not [one.exception for one in working if one.exception]
    assert engine.pool.checkedout() == 0

    working = [spawn(hurried, n) for n in range(40)]
    joinall(working)
    assert not [one.exception for one in working if one.exception]
    assert engine.pool.checkedout() == 0
    assert work(5) == 5
    engine.dispose()
