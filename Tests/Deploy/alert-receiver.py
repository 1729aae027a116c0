"""Takes alerts and writes one JSON object a line: alert-receiver.py PORT-FILE OUTPUT SECRET

/prometheus takes Alertmanager's webhooks. /direct takes the daemon's own, says whether the signature is right, and refuses
the first of all, so that it has to come again.
"""

import hashlib
import hmac
import http.server
import json
import os
import sys

port_file, output, secret = sys.argv[1:]
refused = []


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        found = {"path": self.path, "body": json.loads(body)}
        if self.path == "/direct":
            message = (self.headers.get("X-Martlet-Timestamp", "") + ".").encode() + body
            wanted = "sha256=" + hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
            found["signed"] = self.headers.get("X-Martlet-Signature") == wanted
            if not refused:
                refused.append(True)
                found["path"] = "/refused"
        with open(output, "a") as file:
            file.write(json.dumps(found) + "\n")
        self.send_response(503 if found["path"] == "/refused" else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
with open(port_file + ".new", "w") as file:
    file.write(str(server.server_port))
os.rename(port_file + ".new", port_file)
server.serve_forever()
