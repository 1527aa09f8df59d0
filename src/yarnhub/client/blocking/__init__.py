"""What makes blocking clients of the asynchronous ones: a loop in a thread, and a way past it."""
