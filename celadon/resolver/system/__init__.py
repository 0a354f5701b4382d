"""The system's own files about names, from text to values; only ``reload`` and ``interfaces`` do I/O."""
