"""First on the path of every process of a peer's test: `import gevent` gives Celadon's, with gevent's tests in it."""

import importlib
import importlib.util
import os
import sys

if os.environ.get("CELADON_PEER"):
    from celadon import compat

    PEER = os.environ["CELADON_PEER"]
    compat.install(PEER)

    class Tests:
        """Puts the peer's tests on the facade's path once somebody wants them; nothing is imported before."""

        def find_spec(self, name, path, target=None):
            if name in (f"{PEER}.tests", f"{PEER}.testing"):
                sys.meta_path.remove(self)
                importlib.import_module(PEER).__path__.append(os.environ["CELADON_PEER_TESTS"])
                importlib.import_module(f"private_{PEER}")
                return importlib.util.find_spec(name)
            return None

    if os.environ.get("CELADON_PEER_TESTS"):  # else they are a package of their own
        sys.meta_path.insert(0, Tests())
