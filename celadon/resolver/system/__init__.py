"""The system's files about names, from text to values. Only ``reload`` and ``interfaces`` do I/O."""
