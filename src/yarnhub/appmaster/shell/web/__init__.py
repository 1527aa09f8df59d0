"""An application's web pages, behind YARN's web proxy; read-only."""
