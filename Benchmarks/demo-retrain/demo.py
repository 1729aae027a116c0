"""The demonstration of `run`: speaks to the daemon as clients do, and prints what it says."""

import glob
import http.client
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "Tests/Daemon"))
from daemon import Daemon

BINARY, DATA, SEED = os.path.abspath(sys.argv[1]), Path(sys.argv[2]).resolve(), int(sys.argv[3])
RATE = 40  # requests a second: about what one client of a small service sends
begun = time.monotonic()


def say(text):
    print(f"{time.monotonic() - begun:6.1f} s  {text}", flush=True)


def rows(pattern):
    found = []
    for path in sorted(glob.glob(str(DATA / pattern))):
        for line in Path(path).read_text(encoding="utf-8").splitlines():
            label, _, text = line.partition("\t")
            if text:
                found.append((label, text))
    unique = list(dict.fromkeys(found))
    random.Random(SEED).shuffle(unique)
    return unique


class Client(Daemon):
    """A daemon, and a client that keeps its connection."""

    def __init__(self, folder, model, options):
        super().__init__(BINARY, [model, "-w", "2", "--admin-bind", "127.0.0.1:0", *options], folder)
        self.public, self.admin = self.port(), self.port(admin=True)
        self.connection = None
        self.failures = 0

    def post(self, path, body):
        for attempt in (1, 2):
            try:
                if self.connection is None:
                    self.connection = http.client.HTTPConnection("127.0.0.1", self.public, timeout=30)
                self.connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
                answer = self.connection.getresponse()
                content = json.loads(answer.read())
                if answer.getheader("Connection") == "close":
                    self.connection = None
                return answer.status, content, answer.getheader("X-Request-Id")
            except (ConnectionError, http.client.HTTPException):
                # A kept connection that a leaving worker has closed; a client sends again on a new one.
                self.connection = None
                if attempt == 2:
                    raise

    def monitor(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=30)
        try:
            connection.request("GET", "/monitor.json")
            return json.loads(connection.getresponse().read())
        except (ConnectionError, http.client.HTTPException):
            return None  # the health process is being replaced
        finally:
            connection.close()

    def send(self, row, labelled):
        """Sends one text and, if asked, its true label; whether the model was right."""
        label, text = row
        status, answer, request_id = self.post("/predict", {"input": text})
        if status != 200:
            self.failures += 1
            return None
        if labelled:
            self.post("/feedback", {"request_id": request_id, "label": label})
        return answer["prediction"] == label


def show(state):
    if state is None:
        return
    say(f"      verdict: {state['verdict']['action']}")
    for sentence in state["verdict"]["evidence"][:3]:
        say(f"        - {sentence}")


def phase(daemon, texts, share, name, until=lambda state: False, look_every=100):
    """Sends texts at an even rate, a share of them with their label afterwards; ends early where `until` says so."""
    generator = random.Random(SEED + len(texts))
    right, sent = 0, 0
    start = time.monotonic()
    state = None
    for row in texts:
        right += bool(daemon.send(row, generator.random() < share))
        sent += 1
        time.sleep(max(0.0, start + sent / RATE - time.monotonic()))
        if sent % look_every == 0 or sent == len(texts):
            state = daemon.monitor() or state
            say(f"{name}: {sent} texts, right {100 * right / sent:.1f} %")
            show(state)
            if until(state):
                break
    return right / sent, sent, state


def main():
    folder = Path(tempfile.mkdtemp(prefix="martlet-demo-"))
    daemon = None
    try:
        say(f"seed {SEED}, in {folder}")
        models = folder / "models"
        models.mkdir()
        sms = DATA / "sms-spam"
        say("training the first model on text messages (ham, spam)")
        trained = subprocess.run(
            [BINARY, "train", str(sms / "train.tsv"), "--validation", str(sms / "validation.tsv"), "-o",
             str(models / "first"), "--epochs", "4"], capture_output=True, text=True)
        if trained.returncode:
            sys.exit(trained.stderr)
        say("    " + [line for line in (trained.stdout + trained.stderr).splitlines() if "best epoch" in line][-1])
        (models / "current").symlink_to("first")
        hook = (f"deploy/retrain.sh --old {sms}/train.tsv --old-check {sms}/validation.tsv "
                "--minimum 150 --watch-labels 120 --watch-seconds 120 --train-options '--epochs 8'")
        options = ["--keep-text", "--on-retrain", hook, "--retrain-after", "3", "--retrain-labels", "240",
                   "--retrain-cooldown", "600", "--retrain-folder", str(folder / "retrain")]
        say("martlet serve models/current " + " ".join(options[:1]) + " --on-retrain 'deploy/retrain.sh …'")
        daemon = Client(folder, models / "current", options)

        say("1. text messages that the model has not seen, three in ten labelled afterwards")
        usual, usual_count, state = phase(daemon, rows("sms-spam/test.tsv"), 0.3, "messages", look_every=250)
        quiet = state["verdict"]["action"] == "keep"

        say("2. comments from YouTube, eight in ten labelled afterwards")
        comments = rows("youtube-spam/*/*.tsv")
        drift_at = []

        def is_running(state):
            if state and state["drift"]["since"] and not drift_at:
                drift_at.append(sorted(state["drift"]["since"]))
                say(f"      drift seen in: {', '.join(drift_at[0])}")
            return bool(state and state.get("retraining"))

        drifted, drifted_count, state = phase(daemon, comments[:500], 0.8, "comments", until=is_running, look_every=50)
        wait = time.monotonic() + 60
        while not is_running(state) and time.monotonic() < wait:
            time.sleep(1)
            state = daemon.monitor()
        if not is_running(state):
            sys.exit("the hook did not run")
        say(f"      the hook runs, because {state['retraining']['reason']}")
        alerts = [a["name"] for a in state["alerts"]["active"]]
        say(f"      alerts: {', '.join(alerts)}")

        say("3. traffic goes on while it trains (the comments so far, without labels)")
        served, during, promoted = 0, comments[:drifted_count], False
        wait = time.monotonic() + 900
        while not promoted and time.monotonic() < wait:
            daemon.send(during[served % len(during)], False)
            served += 1
            time.sleep(1 / RATE)
            if served % 20 == 0:
                promoted = os.readlink(models / "current") != "first"
                state = daemon.monitor() or state
                if not promoted and state["retraining"]["outcome"] != "running":
                    break
        say(f"      {served} requests meanwhile, {daemon.failures} failed; the live model is now "
            f"{os.path.basename(os.readlink(models / 'current'))}")
        if not promoted:
            sys.exit("no model was promoted; the log:\n" + (folder / "log").read_text()[-3000:])
        time.sleep(3)

        say("4. comments that neither model has seen, eight in ten labelled afterwards")
        after, after_count, state = phase(daemon, comments[drifted_count:], 0.8, "comments")
        wait = time.monotonic() + 60
        while time.monotonic() < wait:
            state = daemon.monitor()
            if state and state["retraining"]["outcome"] != "running":
                break
            time.sleep(1)
        run = state["retraining"]
        say(f"      the hook: {run['outcome']}, exit status {run['exit_status']}, {run['seconds']:.0f} s")
        show(state)
        print("\nWhat the hook said:")
        for line in Path(folder, "retrain", run["name"], "output.log").read_text().splitlines():
            print("    " + line)
        print("\n| traffic | model | texts | right |\n|---|---|---|---|")
        print(f"| text messages | first | {usual_count} | {100 * usual:.1f} % |")
        print(f"| YouTube comments | first | {drifted_count} | {100 * drifted:.1f} % |")
        print(f"| YouTube comments, unseen | retrained | {after_count} | {100 * after:.1f} % |")
        checks = {
            "quiet on usual traffic": quiet, "drift found and named": bool(drift_at),
            "alert RetrainModel": "RetrainModel" in alerts, "hook ended well": run["exit_status"] == 0,
            "accuracy recovers by ten points": after >= drifted + 0.1, "no request failed": daemon.failures == 0,
        }
        print()
        for name, is_so in checks.items():
            print(f"{'yes' if is_so else 'NO '}  {name}")
        print(f"\n{time.monotonic() - begun:.0f} s in all")
        return 0 if all(checks.values()) else 1
    finally:
        if daemon:
            daemon.stop()
        subprocess.run(["rm", "-rf", str(folder)], check=False)


sys.exit(main())
