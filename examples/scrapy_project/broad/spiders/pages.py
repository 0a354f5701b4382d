"""Every page that can be got to from the seeds, with its title and the address it came from."""

import scrapy
from scrapy.spidermiddlewares.httperror import HttpError


class PagesSpider(scrapy.Spider):
    """``scrapy crawl pages -a seeds="https://example.com/ https://example.org/" -O pages.jsonl``."""

    name = "pages"
    seeds = ""

    async def start(self):
        """One request for each of the ``seeds``, separated by blanks; ``http://`` may be left out."""
        if not self.seeds.split():
            self.logger.error('no seeds: scrapy crawl pages -a seeds="https://example.com/"')
        for url in self.seeds.split():
            try:
                yield scrapy.Request(url if "://" in url else f"http://{url}", errback=self.failed)
            except ValueError as error:
                self.logger.error("seed %s: %s", url, error)

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
