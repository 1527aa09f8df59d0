"""Why an application waits, what it does or how it ended."""
