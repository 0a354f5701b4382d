"""The standard library's ``ssl``, cooperatively, whether or not anything is patched."""

from celadon.compat.shaped import fill
from celadon.green import import_patched

fill(globals(), "ssl", import_patched("ssl"))
