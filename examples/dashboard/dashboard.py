"""A page that the application's own web pages pass on: the load of the node."""

import html
import http.server
import os

import skein

PAGE = """\
<!doctype html>
<meta http-equiv="refresh" content="5">
<title>Load of {node}</title>
<h1>Load of {node}</h1>
<p>{load:.2f} processes wait for its {cores} cores.</p>
"""


class Dashboard(http.server.BaseHTTPRequestHandler):
    """One page, made anew for each request."""

    def do_GET(self):
        """Send the page."""
        node = html.escape(os.environ["NM_HOST"])
        page = PAGE.format(node=node, load=os.getloadavg()[0], cores=os.cpu_count())
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(page.encode())


def main():
    """Serve until the container is ended."""
    # Not localhost: the ApplicationMaster, which passes the page on, may be on another node.
    server = http.server.ThreadingHTTPServer((os.environ["NM_HOST"], 0), Dashboard)
    app = skein.ApplicationClient.from_current()
    target = f"http://{os.environ['NM_HOST']}:{server.server_port}"
    page = app.ui.add_page("dashboard", target, link_name="Dashboard")
    print("open", page.address, flush=True)
    server.serve_forever()


main()
