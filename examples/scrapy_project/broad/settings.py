"""The settings of a broad crawl (Scrapy's guide: "Broad Crawls"), and the lines that bring the resolver in."""

BOT_NAME = "broad"
USER_AGENT = "celadon-example-crawler"
SPIDER_MODULES = ["broad.spiders"]
NEWSPIDER_MODULE = "broad.spiders"

# -- the resolver ----------------------------------------------------------------------------------------------------

TWISTED_DNS_RESOLVER = "celadon.resolver.adapters.scrapy.Resolver"
# Seconds for a lookup as a whole, counted from the call; nothing waits for a thread of a pool.
DNS_TIMEOUT = 15
# How many answers are kept, each for as long as it may be: names that do not exist are among them.
DNSCACHE_SIZE = 200_000
# Any argument of celadon.resolver.CrawlerResolver.
CELADON_OPTIONS = {"timeout": 2.0, "attempts": 4}

# -- the crawl -------------------------------------------------------------------------------------------------------

CONCURRENT_REQUESTS = 200
CONCURRENT_REQUESTS_PER_DOMAIN = 1
DOWNLOAD_DELAY = 1.0
SCHEDULER_PRIORITY_QUEUE = "scrapy.pqueues.DownloaderAwarePriorityQueue"
ROBOTSTXT_OBEY = True
COOKIES_ENABLED = False
DOWNLOAD_TIMEOUT = 20
DEPTH_LIMIT = 3
LOG_LEVEL = "INFO"
TELNETCONSOLE_ENABLED = False
