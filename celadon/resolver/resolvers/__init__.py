"""Resolvers: objects with getaddrinfo and its kin, alone, in chains, or wrapped around others."""
