"""Loads a pool with small requests and lists; Benchmarks/pool/run says what for."""

import argparse
import asyncio
import json
import math
import pathlib
import random
import statistics
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "Tests/Daemon"))
from daemon import Daemon

LIST = 256


class Connection:
    """One kept connection with at most one request in flight."""

    def __init__(self, port, token=None):
        self.port = port
        self.head = f"Authorization: Bearer {token}\r\n" if token else ""

    async def open(self):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self

    async def ask(self, texts):
        """The status of the answer, and the seconds until it was there."""
        body = json.dumps({"input": texts})
        start = time.monotonic()
        self.writer.write(
            f"POST /predict HTTP/1.1\r\nHost: a\r\n{self.head}Content-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
        head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
        await self.reader.readexactly(length)
        return int(head.split()[1]), time.monotonic() - start


class Seen:
    """What became of requests."""

    def __init__(self):
        self.times, self.refused = [], 0

    def add(self, answer):
        status, seconds = answer
        if status == 200:
            self.times.append(seconds)
        elif status == 503:
            self.refused += 1
        else:
            raise SystemExit(f"status {status}")

    def __str__(self):
        return (f"{len(self.times)} answered, {self.refused} refused, p50 {1e3 * quantile(self.times, 0.5):.1f} ms, "
                f"p99 {1e3 * quantile(self.times, 0.99):.1f} ms")


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, math.floor(share * len(values)))] if values else math.nan


async def closed(connections, texts, end, pause=0.0):
    """Each connection asks again when it has its answer, after a pause of that mean, until `end`."""
    seen = Seen()

    async def one(connection):
        while time.monotonic() < end:
            if pause:
                await asyncio.sleep(random.expovariate(1 / pause))
            seen.add(await connection.ask(texts))

    await asyncio.gather(*map(one, connections))
    return seen


class Pool:
    def __init__(self, options):
        self.options = options
        # One token a word, and two around them.
        self.text = "the " * (options.tokens - 2)

    async def connect(self, count, token=None):
        return [await Connection(self.port, token).open() for _ in range(count)]

    def end(self):
        return time.monotonic() + self.options.seconds

    async def small(self):
        """Small requests beside one list after another."""
        connections = await self.connect(16 if self.options.workers > 1 else 4)
        pause = 8 * len(connections) * self.service / self.options.workers
        alone = await closed(connections, self.text, self.end(), pause)
        end = self.end()
        lists = asyncio.create_task(closed(await self.connect(1), [self.text] * LIST, end))
        beside = await closed(connections, self.text, end, pause)
        print(f"without a list: {alone}\nbeside a list:  {beside}")
        own = quantile(alone.times, 0.99)
        print(f"p99 beside by p99 without: {quantile(beside.times, 0.99) / own:.2f}; "
              f"own time {1e3 * self.service:.1f} ms")
        print(f"the lists: {await lists}")

    async def arrivals(self):
        """Open Poisson arrivals, and what one queue in their order would give with the service times that this run had."""
        rate = 0.7 * self.options.workers / self.service
        due, now = [], 0.0
        while now < self.options.seconds:
            now += random.expovariate(rate)
            due.append(now)
        idle, seen = await self.connect(64), Seen()
        start = time.monotonic()

        async def one(moment):
            await asyncio.sleep(start + moment - time.monotonic())
            connection = idle.pop() if idle else await Connection(self.port).open()
            _, late = time.monotonic(), time.monotonic() - start - moment
            status, seconds = await connection.ask(self.text)
            seen.add((status, seconds + late))
            idle.append(connection)

        await asyncio.gather(*map(one, due))
        # Busy times of the same run: requests that found the pool empty.
        services = self.services + await self.measure(50)
        free = [0.0] * self.options.workers
        single = []
        for moment in due:
            place = min(range(len(free)), key=free.__getitem__)
            free[place] = max(free[place], moment) + random.choice(services)
            single.append(free[place] - moment)
        print(f"{len(due)} arrivals at {rate:.1f}/s; service {1e3 * statistics.mean(services):.1f} ms\nmeasured:  {seen}")
        print(f"simulated: p50 {1e3 * quantile(single, 0.5):.1f} ms, p99 {1e3 * quantile(single, 0.99):.1f} ms")
        for share in (0.5, 0.9, 0.99):
            print(f"p{100 * share:g} ratio: {quantile(seen.times, share) / quantile(single, share):.2f}")

    async def spread(self):
        """A closed loop of eight."""
        seen = await closed(await self.connect(8), self.text, self.end())
        print(f"{seen}; {len(seen.times) / self.options.seconds:.0f} req/s; "
              f"p99 by p50 {quantile(seen.times, 0.99) / quantile(seen.times, 0.5):.2f}")

    async def lists(self):
        """The throughput of lists, alone and beside small requests which take a tenth of the pool."""
        rates = []
        for beside in (False, True):
            start = time.monotonic()
            end = self.end()
            lists = asyncio.create_task(closed(await self.connect(2), [self.text] * 64, end))
            small = Seen()
            if beside:
                small = await closed(await self.connect(4), self.text, end, 40 * self.service / self.options.workers)
            seen = await lists
            texts, seconds = 64 * len(seen.times), time.monotonic() - start
            rates.append((texts + len(small.times)) / seconds)
            print(f"{'beside' if beside else 'alone '}: {texts / seconds:.1f} texts/s of lists, "
                  f"{len(small.times) / seconds:.1f} small; small: {small}")
        print(f"all texts beside by lists alone: {rates[1] / rates[0]:.3f}")

    async def clients(self):
        """Texts a second of a client with lists, and of one with single texts on 8 connections."""
        end = self.end()
        lists, small = await asyncio.gather(
            closed(await self.connect(2, "a" * 16), [self.text] * 16, end), closed(await self.connect(8, "b" * 16), self.text, end))
        rates = [16 * len(lists.times) / self.options.seconds, len(small.times) / self.options.seconds]
        print(f"lists: {rates[0]:.1f} texts/s ({lists})\nsmall: {rates[1]:.1f} texts/s ({small})")
        print(f"shares: {rates[0] / rates[1]:.2f}")

    async def measure(self, count):
        connection, = await self.connect(1)
        return [(await connection.ask(self.text))[1] for _ in range(count)]

    async def run(self):
        with tempfile.TemporaryDirectory() as folder:
            arguments = [self.options.model, "-w", self.options.workers, "--admin-bind", "none", "--monitor", "none"]
            if self.options.figure == "clients":
                tokens = pathlib.Path(folder) / "tokens"
                tokens.write_text(f"a:{'a' * 16}\nb:{'b' * 16}\n")
                tokens.chmod(0o600)
                arguments += ["--token-file", tokens]
            if self.options.precision:
                arguments += ["--precision", self.options.precision]
            daemon = Daemon(self.options.martlet, arguments, folder)
            try:
                self.port = daemon.port()
                if self.options.figure != "clients":
                    await self.measure(20 * self.options.workers)
                    self.services = await self.measure(50)
                    self.service = statistics.mean(self.services)
                await getattr(self, self.options.figure)()
            finally:
                daemon.stop()


def main():
    parser = argparse.ArgumentParser(prog="Benchmarks/pool/run")
    parser.add_argument("figure", choices=["small", "arrivals", "spread", "lists", "clients"])
    parser.add_argument("--martlet", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--model", required=True)
    parser.add_argument("--precision")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--tokens", type=int, default=112)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    random.seed(options.seed)
    print(f"{options.figure}: {options.workers} worker(s), {options.tokens} tokens, {options.seconds:g} s, seed {options.seed}")
    asyncio.run(Pool(options).run())


if __name__ == "__main__":
    main()
