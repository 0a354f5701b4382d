"""A broad crawl by Scrapy whose names are looked up by Celadon: see ``settings``."""
