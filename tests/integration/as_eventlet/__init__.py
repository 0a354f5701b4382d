"""Programs written for eventlet, as they are: they never name Celadon."""
