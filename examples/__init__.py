"""Small programs that run as they stand."""
