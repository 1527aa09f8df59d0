"""An application's web pages, which YARN's web proxy passes on: nothing can be changed by them."""
