"""What libc does with a name, as pure functions and plans (see ``plan``): no hub, no socket, no file."""
