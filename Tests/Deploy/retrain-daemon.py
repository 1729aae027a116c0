"""Stands in for the daemon in retrain-test.sh: counts SIGHUP as a reload, and gives the accuracy of the model that is linked;
for a moment after a reload that of the one before, as a health process does that has not been replaced yet.

    retrain-daemon.py LINK PORT-FILE    a model folder has `live`, its accuracy on 200 labels, or `refused`
"""

import http.server
import os
import signal
import sys

link, port_file = sys.argv[1:]
reloads = {"done": 0, "refused": 0}
# Answers of the old health process that are left, and what they say.
stale = {"left": 0, "live": "", "start": 1}


def reload(*_):
    outcome = "refused" if os.path.exists(link + "/refused") else "done"
    reloads[outcome] += 1
    if outcome == "done":
        stale["left"] = 5


class Metrics(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with open(link + "/live") as file:
            live, start = float(file.read()), 1 + reloads["done"]
        if stale["left"] > 0:
            stale["left"] -= 1
            live, start = stale["live"], stale["start"]
        stale["live"], stale["start"] = live, start
        accuracy = live
        text = "".join(f'martlet_reloads_total{{outcome="{name}"}} {count}\n' for name, count in reloads.items())
        text += f'martlet_accuracy {accuracy}\nmartlet_accuracy_labels 200.0\nmartlet_accuracy_bound{{side="upper"}} {accuracy + 0.03}\n'
        text += f"martlet_health_start_timestamp_seconds {start}.0\n"
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


signal.signal(signal.SIGHUP, reload)
server = http.server.HTTPServer(("127.0.0.1", 0), Metrics)
with open(port_file + ".new", "w") as file:
    file.write(str(server.server_port))
os.rename(port_file + ".new", port_file)
server.serve_forever()
