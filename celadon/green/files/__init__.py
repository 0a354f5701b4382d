"""Files, pipes and descriptors whose reads and writes let others run."""
