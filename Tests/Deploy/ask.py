#!/usr/bin/env python3
"""Clients of several tempers for the deployment tests; only standard library, only loopback and the test's own namespaces.

ask.py load URL REQUESTS THREADS [PAUSE]  predicts REQUESTS times in all, PAUSE seconds apart in each thread;
                                          exits 1 if one failed
ask.py slow-heads PORT COUNT SECONDS      COUNT connections that send a header a byte a second
ask.py slow-bodies PORT COUNT SECONDS     COUNT connections that send a body a byte a second
ask.py slow-readers PORT COUNT SECONDS    COUNT connections that ask for a large answer and read a byte a second
"""
import collections
import http.client
import json
import socket
import sys
import threading
import time
import urllib.parse


def load(url, requests, threads, pause=0):
    parts = urllib.parse.urlsplit(url)
    lock = threading.Lock()
    left = [int(requests)]
    results = collections.Counter()
    slowest = [0.0]

    def client():
        connection = None
        while True:
            with lock:
                if left[0] == 0:
                    return
                left[0] -= 1
            begin = time.monotonic()
            for _ in range(2):
                kept = connection is not None
                try:
                    if connection is None:
                        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
                    connection.request("POST", parts.path, json.dumps({"input": "hello there"}), {"Content-Type": "application/json"})
                    answer = connection.getresponse()
                    body = answer.read()
                    result = str(answer.status) if answer.status != 200 or b"prediction" in body else "200 without prediction"
                    break
                except OSError as error:
                    # A kept connection may be closed at any time; like every client library, ask once more on a new one.
                    result = "connection: " + (str(error) or type(error).__name__)
                    connection = None
                    if not kept:
                        break
            with lock:
                results[result] += 1
                slowest[0] = max(slowest[0], time.monotonic() - begin)
            time.sleep(float(pause))

    clients = [threading.Thread(target=client) for _ in range(int(threads))]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    print(dict(results), f"slowest {slowest[0]:.2f} s")
    sys.exit(0 if set(results) == {"200"} else 1)


def slow(port, count, seconds, head, drip, reads):
    connections = []
    for _ in range(int(count)):
        try:
            connection = socket.create_connection(("127.0.0.1", int(port)), timeout=5)
            connection.sendall(head)
            connections.append(connection)
        except OSError:
            pass
    print(len(connections), "open", flush=True)
    end = time.monotonic() + float(seconds)
    closed = 0
    while connections and time.monotonic() < end:
        for connection in list(connections):
            try:
                if reads:
                    connection.recv(1)
                else:
                    connection.sendall(drip)
            except OSError:
                closed += 1
                connections.remove(connection)
        time.sleep(1)
    print(closed, "closed by the server")


kind, *rest = sys.argv[1:]
if kind == "load":
    load(*rest)
elif kind == "slow-heads":
    slow(*rest, b"POST /predict HTTP/1.1\r\nHost: x\r\nX-Slow: ", b"a", False)
elif kind == "slow-bodies":
    slow(*rest, b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n", b" ", False)
elif kind == "slow-readers":
    texts = json.dumps({"input": ["hello there"] * 256}).encode()
    slow(*rest, b"POST /predict?scores=true HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(texts) + texts, b"", True)
else:
    sys.exit(__doc__)
