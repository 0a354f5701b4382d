"""``celadon crawl``, from a checkout: the crawler itself is ``celadon/programs/page_crawler.py``.

python -m examples.crawler https://example.com/ -o pages.ndjson --limit 1000 --report crawl.html
"""

import sys

from celadon.programs.crawl_command import main

if __name__ == "__main__":
    sys.exit(main())
