"""Which requests Nginx sends again: broken-once.py URL PORT OPENAPI

Stands in for the daemon on PORT, breaks the first connection on which it hears of a path, and answers the second. Asks each POST
that the description OPENAPI names, and those that only other models have, at URL. All but a label must be answered, at the second
try; a label is told once.
"""

import collections
import http.client
import json
import socketserver
import sys
import threading
import urllib.parse

url, port, description = sys.argv[1:4]
heard = collections.Counter()


class Stub(socketserver.StreamRequestHandler):
    def handle(self):
        while line := self.rfile.readline():
            path = line.split()[1].decode()
            length = 0
            while (field := self.rfile.readline().strip()):
                name, value = field.split(b":", 1)
                if name.lower() == b"content-length":
                    length = int(value)
            self.rfile.read(length)
            heard[path] += 1
            if heard[path] == 1:
                return
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True


with open(description) as file:
    paths = {path for path, methods in json.load(file)["paths"].items() if "post" in methods}
paths |= {"/embed", "/rerank", "/v1/embeddings", "/models/{model}/embed", "/v2/models/{model}/versions/{version}/infer"}
wrong = []
with Server(("127.0.0.1", int(port)), Stub) as server:
    threading.Thread(target=server.serve_forever).start()
    parts = urllib.parse.urlsplit(url)
    for path in sorted(paths):
        path = path.replace("{model}", "m").replace("{version}", "1").replace("{task}", "t")
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
        connection.request("POST", path, "{}", {"Content-Type": "application/json"})
        status = connection.getresponse().status
        connection.close()
        print(path, status, heard[path])
        if (status, heard[path]) != ((503, 1) if path == "/feedback" else (200, 2)):
            wrong.append(path)
    server.shutdown()
sys.exit(f"wrong: {wrong}" if wrong else 0)
