"""A browser for tests: headless Chromium, driven by chromedriver over WebDriver (W3C). Standard library only."""

import base64
import http.client
import json
import os
import socket
import subprocess
import time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(port, method, path, body=None, fields=None):
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    client.request(method, path, None if body is None else json.dumps(body), fields or {})
    answer = client.getresponse()
    return answer.status, json.loads(answer.read() or b"null")


def wait_for(body, seconds=60):
    end = time.time() + seconds
    while True:
        try:
            value = body()
            if value:
                return value
        except (OSError, http.client.HTTPException):
            pass
        if time.time() > end:
            raise SystemExit("FAILED  waited too long")
        time.sleep(0.1)


class Browser:
    """The part of WebDriver (W3C) that is needed here; to be used by `with`."""

    def __init__(self, folder):
        self.port = free_port()
        self.log = open(f"{folder}/driver.log", "w")
        self.driver = subprocess.Popen(
            ["chromedriver", f"--port={self.port}"], stdout=self.log, stderr=self.log, env=os.environ | {"HOME": str(folder)}
        )
        self.session = None

    def __enter__(self):
        wait_for(lambda: ask(self.port, "GET", "/status")[1]["value"]["ready"])
        options = {"args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]}
        capabilities = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        answer = self.call("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})
        self.session = f"/session/{answer['sessionId']}"
        return self

    def __exit__(self, *_):
        if self.session:
            self.call("DELETE", self.session)
        self.driver.terminate()
        self.driver.wait()
        self.log.close()

    def complaints(self):
        """What the console calls severe, but for an icon that the page does not have."""
        entries = self.do("/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE" and "favicon" not in entry["message"]]

    def call(self, method, path, body=None):
        status, answer = ask(self.port, method, path, body, {"Content-Type": "application/json"})
        if status != 200:
            raise SystemExit(f"FAILED  chromedriver: {answer}")
        return answer["value"]

    def do(self, path, body):
        return self.call("POST", self.session + path, body)

    def run(self, script, *arguments):
        return self.do("/execute/sync", {"script": script, "args": list(arguments)})

    def devtools(self, command, parameters):
        return self.do("/goog/cdp/execute", {"cmd": command, "params": parameters})

    def show(self, url, width, height, scheme):
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.devtools("Emulation.setEmulatedMedia", {"features": features})
        self.do("/url", {"url": url})

    def shot(self, path):
        size = self.devtools("Page.getLayoutMetrics", {})["cssContentSize"]
        image = self.devtools(
            "Page.captureScreenshot",
            {
                "captureBeyondViewport": True,
                "clip": {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1},
            },
        )
        with open(path, "wb") as file:
            file.write(base64.b64decode(image["data"]))

    def press(self, key):
        actions = [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        self.do("/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})
