"""DNS answers: follow their CNAMEs, cache them, share one query among many waiters."""
