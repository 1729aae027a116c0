"""Floods a daemon's health process with events: flood.py PID ADMIN-SOCKET DATAGRAMS SECONDS

Takes a copy of the workers' end of the arbiter's datagram socket (pidfd_getfd(2): the same user, or root), sends as fast as the
health process reads, and prints how many events it handled a second of its own processor time, and of the clock.
"""

import ctypes
import http.client
import json
import os
import select
import socket
import struct
import sys
import time

PIDFD_OPEN, PIDFD_GETFD = 434, 438
libc = ctypes.CDLL(None, use_errno=True)


class Admin(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path):
        super().__init__("localhost")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


def monitor(path):
    admin = Admin(path)
    admin.request("GET", "/monitor.json?range=300")
    answer = json.loads(admin.getresponse().read())
    admin.close()
    return answer


def sending_end(pid):
    """The datagram socket with the large sending buffer: `EventChannel` asks for one on that end alone."""
    handle = libc.syscall(PIDFD_OPEN, pid, 0)
    found = []
    for number in sorted(map(int, os.listdir(f"/proc/{pid}/fd"))):
        if not os.readlink(f"/proc/{pid}/fd/{number}").startswith("socket:"):
            continue
        copy = libc.syscall(PIDFD_GETFD, handle, number, 0)
        if copy < 0:
            sys.exit(f"pidfd_getfd: {os.strerror(ctypes.get_errno())}; run as the daemon's user or root")
        end = socket.socket(fileno=copy)
        if end.family == socket.AF_UNIX and end.type & 15 == socket.SOCK_DGRAM:
            found.append((end.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF), number, end))
    if len(found) < 2:
        sys.exit("no pair of datagram sockets: is the daemon watched (--monitor full)?")
    return max(found, key=lambda item: item[:2])[2]


def processor_seconds(pid):
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat") as file:
            total += int(file.read().split()[0])
    return total / 1e9


def datagrams(path):
    """Each with the places of its records' stamps."""
    data = open(path, "rb").read()
    at, result = 0, []
    while at < len(data):
        (length,) = struct.unpack_from("<I", data, at)
        body = bytearray(data[at + 4 : at + 4 + length])
        at += 4 + length
        places, place = [], 0
        while place < length:
            places.append(place + 8)
            place += struct.unpack_from("<I", body, place)[0]
        result.append((body, places))
    return result


def main():
    pid, path, file, seconds = int(sys.argv[1]), sys.argv[2], sys.argv[3], float(sys.argv[4])
    before = monitor(path)
    children = open(f"/proc/{pid}/task/{pid}/children").read().split()
    workers = {item["pid"] for item in before["workers"]}
    (companion,) = [int(child) for child in children if int(child) not in workers]
    end = sending_end(pid)
    end.setblocking(False)
    poll = select.poll()
    poll.register(end, select.POLLOUT)
    sent = datagrams(file)
    number, turn, spent = int(time.time()) << 32, 0, processor_seconds(companion)
    began = time.time()
    while time.time() < began + seconds:
        body, places = sent[turn % len(sent)]
        turn += 1
        now = int(time.time() * 1e6)
        for place in places:
            number += 1
            # A stamp, and a key that no other event has.
            struct.pack_into("<qQ", body, place, now, number * 0x9E3779B97F4A7C15 & (1 << 64) - 1)
        while True:
            try:
                end.send(body)
                break
            except BlockingIOError:
                poll.poll(100)
    took = time.time() - began
    events = sum(len(sent[index % len(sent)][1]) for index in range(turn))
    for _ in range(300):
        handled = monitor(path)["texts"] - before["texts"]
        if handled >= events:
            break
        time.sleep(0.1)
    spent = processor_seconds(companion) - spent
    print(f"{events / took:.0f} a second sent, {handled} of {events} handled, {handled / spent:.0f} a second of processor time")


main()
