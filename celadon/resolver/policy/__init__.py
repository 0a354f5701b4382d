"""What libc does with a name, as pure functions: plans that ask questions and are given answers."""
