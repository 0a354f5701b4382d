"""Scrapy through a proxy of the environment; run by test_proxy_clients. Prints what came as JSON."""

import json
import sys

import scrapy
from scrapy.crawler import AsyncCrawlerProcess


class Spider(scrapy.Spider):
    name = "test"

    async def start(self):
        for url in self.urls:
            yield scrapy.Request(url, callback=self.parse, errback=self.failed, dont_filter=True)

    def parse(self, response):
        self.got[response.request.meta.get("redirect_urls", [response.url])[0]] = [response.status, response.text]

    def failed(self, failure):
        response = getattr(failure.value, "response", None)
        self.got[failure.request.url] = [getattr(response, "status", None), getattr(response, "text", "")]


def main():
    got = {}
    process = AsyncCrawlerProcess(
        {"LOG_LEVEL": "WARNING", "TELNETCONSOLE_ENABLED": False, "RETRY_ENABLED": False, "ROBOTSTXT_OBEY": False,
         "DOWNLOAD_DELAY": 0, **json.loads(sys.argv[1])}
    )  # fmt: skip
    process.crawl(Spider, urls=sys.argv[2:], got=got)
    process.start()
    print(json.dumps(got))


if __name__ == "__main__":
    main()
