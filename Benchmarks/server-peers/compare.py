"""Loads each server in turn with wrk and prints req/s, p99 and memory: python compare.py --help"""

import argparse
import json
import os
import pathlib
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "Tests/Daemon"))
from daemon import Daemon

HERE = pathlib.Path(__file__).parent


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A process that serves /predict on a port."""

    def __init__(self, name, process, port):
        self.name, self.process, self.url = name, process, f"http://127.0.0.1:{port}/predict"

    def ask(self, body):
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
        return urllib.request.urlopen(request, timeout=5).read()

    def wait(self, body):
        for _ in range(300):
            try:
                return json.loads(self.ask(body))
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.1)
        raise RuntimeError(f"{self.name} did not come up; what it said stands above")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def proportional_megabytes(self):
        """Proportional set size of the whole tree of processes."""
        parents = {}
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                stat = (folder / "stat").read_text()
            except OSError:
                continue
            parents.setdefault(int(stat.rsplit(")", 1)[1].split()[1]), []).append(int(folder.name))
        total, waiting = 0, [self.process.pid]
        while waiting:
            pid = waiting.pop()
            waiting += parents.get(pid, [])
            rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
            total += int(re.search(r"^Pss:\s+(\d+)", rollup, re.MULTILINE).group(1))
        return total / 1024


def milliseconds(text):
    number, unit = re.match(r"([\d.]+)(\w+)", text).groups()
    return float(number) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit]


def load(server, script, options):
    """Requests a second and p99 in milliseconds of one run of wrk."""
    result = subprocess.run(
        ["wrk", "-t1", f"-c{options.connections}", f"-d{options.seconds}s", "--latency", "-s", script, server.url],
        capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in result:
        raise RuntimeError(f"{server.name} refused requests:\n{result}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", result)
    # At the beginning of its line: the table above may have a share such as "68.99%" before the next line's name.
    p99 = re.search(r"^\s*99%\s+([\d.]+\w+)", result, re.MULTILINE)
    if re.search(r"\b0 requests in", result) or not rate or not p99:
        raise RuntimeError(f"{server.name} answered nothing that could be timed:\n{result}")
    return float(rate.group(1)), milliseconds(p99.group(1))


def main():
    parser = argparse.ArgumentParser(prog="Benchmarks/server-peers/run")
    parser.add_argument("--martlet", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--prepared", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--model8", help="int8 model with the same head, from martlet quantize")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    bodies = {tokens: (options.prepared / f"{tokens}.json").read_bytes() for tokens in (15, 112)}
    model = str(options.prepared / "model")
    servers = []
    environment = {"OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        try:
            for precision, directory in (("f32", model), ("int8", options.model8)):
                port = free_port()
                peer = {"MODEL": model, "ONNX": str(options.prepared / f"{precision}.onnx")}
                process = subprocess.Popen(
                    [sys.executable, "-m", "gunicorn", "-w", str(options.workers), "-b", f"127.0.0.1:{port}", "app:app"],
                    env=os.environ | environment | peer, stdout=sys.stderr, cwd=HERE)
                servers.append(Server(f"gunicorn + flask + onnxruntime {precision}", process, port))
                if directory:
                    own = pathlib.Path(folder) / precision
                    own.mkdir()
                    daemon = Daemon(
                        options.martlet, [directory, "-w", options.workers, "--admin-bind", "127.0.0.1:0"], own, environment)
                    servers.append(Server(f"martlet {precision}", daemon.process, daemon.port()))
            compare(servers, bodies, options)
        finally:
            for server in servers:
                server.stop()


def compare(servers, bodies, options):
    answers = {server.name: server.wait(bodies[15]) for server in servers}
    print("answers:", answers, file=sys.stderr)
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        for tokens, body in bodies.items():
            script = os.path.join(folder, f"{tokens}.lua")
            with open(script, "w") as file:
                file.write('wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\n')
                file.write(f"wrk.body = [[{body.decode()}]]\n")
            for _ in range(options.rounds):
                for server in servers:
                    figures.setdefault((server.name, tokens), []).append(load(server, script, options))
    memory = {server.name: server.proportional_megabytes() for server in servers}
    print(f"{options.workers} workers, {options.connections} connections, wrk on the same {os.cpu_count()} cores, "
          f"{options.rounds} alternating runs of {options.seconds} s; the median\n")
    print("| server | 15 tokens, req/s | p99 ms | ratio | 112 tokens, req/s | p99 ms | ratio | PSS of the pool, MB |")
    print("|---" * 8 + "|")
    for server in servers:
        cells = []
        for tokens in bodies:
            rate = statistics.median(rate for rate, _ in figures[server.name, tokens])
            p99 = statistics.median(p99 for _, p99 in figures[server.name, tokens])
            peer = statistics.median(
                rate for rate, _ in figures[f"gunicorn + flask + onnxruntime {server.name.split()[-1]}", tokens])
            cells.append(f"{rate:.0f} | {p99:.1f} | {rate / peer:.2f}")
        print(f"| {server.name} | {' | '.join(cells)} | {memory[server.name]:.0f} |")


if __name__ == "__main__":
    main()
