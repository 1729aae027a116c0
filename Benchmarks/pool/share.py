"""A list of long texts on one worker and on two, and small requests beside it.

    share.py MARTLET MODEL-DIRECTORY [--texts 256] [--words 110] [--connections 16] [--seconds 4]

"alone" is the list by itself: seconds, and how many times faster than one worker. "beside" is what small requests on other
connections take while lists run one after the other, against the same without lists; "lists" is how many of the list's texts a second are answered
meanwhile, against lists alone. Compares the answers of all runs, bit for bit.
"""

import argparse
import http.client
import json
import os
import random
import signal
import statistics
import subprocess
import tempfile
import threading
import time


class Server:
    def __init__(self, martlet, model, workers, share):
        self.folder = tempfile.TemporaryDirectory()
        ready = os.path.join(self.folder.name, "ready")
        command = [martlet, "serve", model, "-w", str(workers), "-b", "127.0.0.1:0", "--admin-bind", "none", "--precision", "f32"]
        command += ["--timeout", "60", "--max-queue-wait", "30", "--share", share, "--ready-file", ready]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not os.path.exists(ready):
            time.sleep(0.05)
            if self.process.poll() is not None:
                raise SystemExit("the daemon ended: " + " ".join(command))
        with open(ready) as file:
            self.port = json.load(file)["addresses"][0]["port"]

    def stop(self):
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait()


def post(connection, inputs):
    """The status, the answer, and the seconds that it took."""
    start = time.monotonic()
    connection.request("POST", "/predict", json.dumps({"input": inputs}), {"Content-Type": "application/json"})
    response = connection.getresponse()
    body = response.read()
    return response.status, body, time.monotonic() - start


def connect(server):
    return http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)


def lists(server, texts, end, found):
    connection = connect(server)
    while time.monotonic() < end:
        found.append(post(connection, texts))


def small(server, end, found):
    connection = connect(server)
    while time.monotonic() < end:
        status, _, seconds = post(connection, "Are we still on for dinner tonight?")
        found.append((status, seconds))
        time.sleep(random.expovariate(1 / 0.2))


def quantile(values, share):
    return 1e3 * sorted(values)[min(len(values) - 1, int(share * len(values)))]


def beside(server, texts, connections, seconds, withLists):
    """Milliseconds of small requests at p50 and p99, how many were refused, and the texts of lists a second."""
    end = time.monotonic() + seconds
    answers, whole = [], []
    threads = [threading.Thread(target=small, args=(server, end, answers)) for _ in range(connections)]
    if withLists:
        threads.append(threading.Thread(target=lists, args=(server, texts, end, whole)))
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    good = [seconds for status, seconds in answers if status == 200]
    rate = len(texts) * len(whole) / (time.monotonic() - start)
    return quantile(good, 0.5), quantile(good, 0.99), len(answers) - len(good), rate


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("martlet")
    parser.add_argument("model")
    parser.add_argument("--texts", type=int, default=256)
    parser.add_argument("--words", type=int, default=110)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    random.seed(1)
    vocabulary = "the train is late again so we go to dinner without you call me when free prize text number".split()
    texts = [" ".join(random.choices(vocabulary, k=options.words)) for _ in range(options.texts)]
    # In turns, so that what else the machine does meets all alike.
    servers = {"1 worker": (1, "on"), "2 workers": (2, "on"), "2, --share off": (2, "off")}
    servers = {name: Server(options.martlet, options.model, *how) for name, how in servers.items()}
    try:
        times = {name: [] for name in servers}
        bodies = set()
        for server in servers.values():
            post(connect(server), texts[:8])
        for _ in range(options.rounds):
            for name, server in servers.items():
                status, body, seconds = post(connect(server), texts)
                assert status == 200, body
                times[name].append(seconds)
                bodies.add(body)
        one = statistics.median(times["1 worker"])
        for name, values in times.items():
            median = statistics.median(values)
            print(f"alone   {name:16} {median:7.2f} s  {one / median:5.2f} x", flush=True)
        print("answers of all runs:", "the same bytes" if len(bodies) == 1 else "DIFFER", flush=True)
        alone = len(texts) / statistics.median(times["2 workers"])
        for name in ["2 workers", "2, --share off"]:
            for withLists in [False, True]:
                p50, p99, refused, rate = beside(servers[name], texts, options.connections, options.seconds, withLists)
                words = f"lists {rate:6.1f} texts/s, {rate / alone:4.2f} of alone" if withLists else ""
                print(
                    f"{'beside' if withLists else 'without'} {name:16} p50 {p50:7.2f} ms  p99 {p99:8.2f} ms  refused {refused:4}  {words}",
                    flush=True,
                )
    finally:
        for server in servers.values():
            server.stop()


main()
