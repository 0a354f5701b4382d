"""DNSSEC (RFC 4033 to 4035, 5155): what an answer is worth, from a trust anchor down. dnspython does the arithmetic."""
