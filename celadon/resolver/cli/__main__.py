"""``python -m celadon.resolver.cli``: the ``resolve`` command where no script is installed."""

import sys

from . import main

sys.exit(main())
