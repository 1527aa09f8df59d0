"""Programs to run in a service, which publish under a key how clients reach them."""
