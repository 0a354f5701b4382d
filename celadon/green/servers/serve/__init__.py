"""``celadon serve module:application``: a WSGI application on the HTTP server, in worker processes."""
