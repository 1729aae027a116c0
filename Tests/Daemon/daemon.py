"""Starts `martlet serve`, and knows by its ready file that all workers serve; daemon.sh beside it is the same for shells."""

import json
import os
import subprocess
import time
from pathlib import Path


class Daemon:
    """A daemon on free ports; FOLDER gets `log` and `ready.json`."""

    def __init__(self, binary, arguments, folder, environment=None):
        self.folder = Path(folder)
        self.file = self.folder / "ready.json"
        with open(self.folder / "log", "w") as log:
            self.process = subprocess.Popen(
                [binary, "serve", *map(str, arguments), "-b", "127.0.0.1:0", "--ready-file", self.file],
                stdout=log, stderr=log, env=os.environ | (environment or {}))
        end = time.monotonic() + 60
        while not self.file.exists():
            if self.process.poll() is not None or time.monotonic() > end:
                self.process.kill()
                raise SystemExit("the daemon did not start:\n" + (self.folder / "log").read_text())
            time.sleep(0.05)

    def ready(self):
        """What the ready file says now."""
        return json.loads(self.file.read_text())

    def port(self, admin=False):
        """The port of the first such listener."""
        return next(address["port"] for address in self.ready()["addresses"] if address["admin"] == admin)

    def stop(self):
        """Asks it to end, and waits; kills it after half a minute."""
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
