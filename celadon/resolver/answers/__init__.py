"""Answers: following CNAMEs in them, caching them, and sharing one query among those who wait."""
