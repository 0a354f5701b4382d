"""Run by test_scrapy in a process of its own, as a reactor starts once: crawls, and prints what came as JSON."""

import json
import sys

import scrapy
from scrapy.crawler import AsyncCrawlerProcess, CrawlerProcess


class Spider(scrapy.Spider):
    name = "test"

    async def start(self):
        for url in self.urls:
            yield scrapy.Request(url, callback=self.parse, errback=self.failed, dont_filter=True)

    def parse(self, response):
        again = self.again.pop(response.url, None)
        self.got.append([response.url, response.text, str(response.ip_address)])
        if again is not None:
            yield scrapy.Request(again, callback=self.parse, errback=self.failed, dont_filter=True)

    def failed(self, failure):
        self.got.append([failure.request.url, failure.type.__name__, str(failure.value)])


def main():
    task = json.load(sys.stdin)
    reactor = task["settings"].get("TWISTED_REACTOR_ENABLED", True)
    process = (CrawlerProcess if reactor else AsyncCrawlerProcess)(
        {
            "TWISTED_DNS_RESOLVER": "celadon.resolver.adapters.scrapy.Resolver",
            "LOG_LEVEL": "WARNING",
            "TELNETCONSOLE_ENABLED": False,
            "RETRY_ENABLED": False,
            "ROBOTSTXT_OBEY": False,
            "DOWNLOAD_DELAY": 0,
            "CONCURRENT_REQUESTS": 100,
            **task["settings"],
        }
    )
    got = []
    crawler = process.create_crawler(Spider)
    process.crawl(crawler, urls=task["urls"], again=task.get("again", {}), got=got)
    process.start()
    stats = {name: value for name, value in crawler.stats.get_stats().items() if name.startswith(("dns/", "retry/"))}
    print(json.dumps({"got": got, "stats": stats}))


if __name__ == "__main__":
    main()
