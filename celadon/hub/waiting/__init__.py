"""What a greenlet can wait for: parking itself, deadlines, fds, locks, events, queues, resources."""
