"""Programs written for another library of greenlets run as they are: its names, and Celadon's objects behind them.

``install("gevent")`` before the program's imports; ``python -m celadon --as gevent program.py``; or
``CELADON_AS=gevent`` in the environment of whatever imports celadon. Nothing of a facade is imported by a program that
does not ask for it.
"""

from .facade import PEERS, install

__all__ = ["PEERS", "install"]
