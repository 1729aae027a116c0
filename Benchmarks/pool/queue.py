"""Open arrivals at a pool whose model sleeps, beside a simulated single queue with as many servers (first come, first served).

    queue.py PROGRAM [--milliseconds 10] [--workers 2,4,8,16] [--loads 50,70,90] [--seconds 8] [--share on|off] [--kill] [--seed 1]

PROGRAM is `sleeping-pool` (Tests/SleepingPool). The simulation has the same arrivals, and for the time of each request what one
alone takes. "wait" is what a request took beyond that. With --kill one worker is killed each second; what was on
its connections is sent again once, as a proxy would, and counted.
"""

import argparse
import heapq
import json
import os
import random
import select
import signal
import socket
import statistics
import subprocess
import tempfile
import time

BODY = b'{"input":"a text"}'
REQUEST = (
    b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
)


class Lane:
    """A connection with at most one request."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.due = None
        self.isAgain = False
        self.received = b""

    def answer(self):
        """The status of a whole answer; None while it is not there, 0 where the connection is cut."""
        try:
            part = self.socket.recv(65536)
        except BlockingIOError:
            return None
        except OSError:
            return 0
        if not part:
            return 0
        self.received += part
        head, found, body = self.received.partition(b"\r\n\r\n")
        if not found:
            return None
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:") and len(body) >= int(line.split(b":")[1]):
                self.received = b""
                return int(head.split(b" ")[1])
        return None


class Pool:
    def __init__(self, program, workers, milliseconds, share):
        self.folder = tempfile.TemporaryDirectory()
        ready = os.path.join(self.folder.name, "ready")
        self.process = subprocess.Popen([program, str(workers), str(milliseconds), ready, share], stderr=subprocess.DEVNULL)
        while not os.path.exists(ready):
            time.sleep(0.02)
            if self.process.poll() is not None:
                raise SystemExit("the pool ended")
        with open(ready) as file:
            self.port = json.load(file)["addresses"][0]["port"]

    def workers(self):
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children") as file:
            return [int(word) for word in file.read().split()]

    def stop(self):
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait()


def alone(pool, count=30):
    """Seconds that one request takes while nothing else is there."""
    times = []
    lane = Lane(pool.port)
    lane.socket.setblocking(True)
    for _ in range(count):
        start = time.monotonic()
        lane.socket.sendall(REQUEST)
        while lane.answer() is None:
            pass
        times.append(time.monotonic() - start)
    return statistics.median(times)


def drive(pool, arrivals, lanes, kill):
    """Latencies of the requests, in seconds; how many were cut and sent again, and how many failed."""
    poller = select.epoll()
    byNumber = {}

    def add():
        lane = Lane(pool.port)
        byNumber[lane.socket.fileno()] = lane
        poller.register(lane.socket, select.EPOLLIN)
        return lane

    idle = [add() for _ in range(lanes)]
    latencies, again, failed = [], 0, 0
    pending = list(reversed(arrivals))
    underWay = 0
    start = time.monotonic()
    nextKill = start + 0.5
    while pending or underWay:
        now = time.monotonic() - start
        if kill and now + start >= nextKill and pending:
            os.kill(random.choice(pool.workers()), signal.SIGKILL)
            nextKill += 1
        while pending and pending[-1] <= now:
            lane = idle.pop(random.randrange(len(idle))) if idle else add()
            lane.due = pending.pop()
            lane.socket.send(REQUEST)
            underWay += 1
        pause = min(0.05, max(0, pending[-1] - (time.monotonic() - start))) if pending else 0.05
        # Waits that are shorter than the kernel's are spent awake.
        for number, _ in poller.poll(pause if pause > 0.0015 else 0):
            lane = byNumber[number]
            status = lane.answer()
            if status is None:
                continue
            if status == 0:
                poller.unregister(number)
                del byNumber[number]
                lane.socket.close()
                other = add()
                if lane.due is None:
                    if lane in idle:
                        idle.remove(lane)
                    idle.append(other)
                elif lane.isAgain:
                    failed += 1
                    underWay -= 1
                    idle.append(other)
                else:
                    again += 1
                    other.due, other.isAgain = lane.due, True
                    other.socket.send(REQUEST)
                continue
            if status == 200:
                latencies.append(time.monotonic() - start - lane.due)
            else:
                failed += 1
            lane.due, lane.isAgain = None, False
            underWay -= 1
            idle.append(lane)
    for lane in byNumber.values():
        lane.socket.close()
    return latencies, again, failed


def simulated(arrivals, workers, service):
    """Seconds that each request waits in one queue."""
    free = [0.0] * workers
    waits = []
    for arrival in arrivals:
        begin = max(arrival, heapq.heappop(free))
        waits.append(begin - arrival)
        heapq.heappush(free, begin + service)
    return waits


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--milliseconds", type=float, default=10)
    parser.add_argument("--workers", default="2,4,8,16")
    parser.add_argument("--loads", default="50,70,90")
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--share", default="on")
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    random.seed(options.seed)
    print(f"seed {options.seed}, {options.milliseconds:g} ms a text, sharing {options.share}, {options.seconds:g} s a row")
    print("workers  load  wait/ms  queue  ratio   p99/ms  queue  ratio  again failed")
    for workers in map(int, options.workers.split(",")):
        pool = Pool(options.program, workers, options.milliseconds, options.share)
        try:
            # What a batch saves, which is nothing, is learned as it serves.
            drive(pool, [0.02 * number for number in range(40) for _ in range(2 * workers)], 16 * workers, False)
            service = alone(pool)
            for load in map(int, options.loads.split(",")):
                rate = load / 100 * workers / service
                arrivals, now = [], 0.0
                while now < options.seconds:
                    now += random.expovariate(rate)
                    arrivals.append(now)
                latencies, again, failed = drive(pool, arrivals, 16 * workers, options.kill)
                waits = [max(0, latency - service) for latency in latencies]
                single = simulated(arrivals, workers, service)
                mean, ideal = 1e3 * statistics.mean(waits), 1e3 * statistics.mean(single)
                late = 1e3 * quantile(latencies, 0.99)
                idealLate = 1e3 * (service + quantile(single, 0.99))
                print(
                    f"{workers:7} {load:4}% {mean:8.2f} {ideal:6.2f} {mean / ideal:6.2f}  {late:7.2f} {idealLate:6.2f}"
                    f" {late / idealLate:6.2f} {again:6} {failed:6}",
                    flush=True,
                )
        finally:
            pool.stop()


main()
