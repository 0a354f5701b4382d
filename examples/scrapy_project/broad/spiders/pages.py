"""Every page that can be got to from the seeds, with its title and the address it came from."""

import scrapy
from scrapy.spidermiddlewares.httperror import HttpError


class PagesSpider(scrapy.Spider):
    """``scrapy crawl pages -a seeds="https://example.com/ https://example.org/" -O pages.jsonl``."""

    name = "pages"

    async def start(self):
        """One request for each of the ``seeds``, separated by blanks."""
        for url in self.seeds.split():
            yield scrapy.Request(url, errback=self.failed)

    def parse(self, response):
        """The page, and requests for what it links to."""
        is_text = isinstance(response, scrapy.http.TextResponse)
        yield {
            "url": response.url,
            "status": response.status,
            "ip": str(response.ip_address),
            "title": response.css("title::text").get("").strip() if is_text else "",
        }
        if is_text:
            for link in response.css("a::attr(href)").getall():
                try:
                    yield response.follow(link, errback=self.failed)
                except ValueError:
                    continue  # no URL, or one that nobody can fetch

    def failed(self, failure):
        """What could not be had is one line of output as well; the log says why a name was refused."""
        status = failure.value.response.status if failure.check(HttpError) else None
        yield {"url": failure.request.url, "status": status, "error": failure.type.__name__}
