"""A BitTorrent tracker for one swarm, for programs that hear of their peers in no other way."""

import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse


class Tracker:
    """Use it as a context; `announce` is its address."""

    def __enter__(self):
        ports = []

        class Announce(BaseHTTPRequestHandler):
            def do_GET(self):
                port = int(parse_qs(urlparse(self.path).query, encoding="latin-1")["port"][0])
                others = b"".join(socket.inet_aton("127.0.0.1") + struct.pack(">H", p) for p in ports if p != port)
                if port not in ports:
                    ports.append(port)
                answer = b"d8:intervali3600e5:peers%d:%se" % (len(others), others)
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Announce)
        self.announce = f"http://127.0.0.1:{self.server.server_port}/announce"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
