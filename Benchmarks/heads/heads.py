"""Heads over one encoder, of random weights (seed 7); and what they cost. Standard library alone.

    heads.py make MODEL FOLDER COUNT     FOLDER/0 … FOLDER/COUNT-1, each MODEL with a last layer of its own
    heads.py ask URL COUNT TEXTS ROUNDS  time of a request for one head and for COUNT, in turn, for each line of the file TEXTS
"""

import http.client
import json
import random
import shutil
import statistics
import struct
import sys
import time
import urllib.parse
from pathlib import Path

LABELS = 4


def read(path):
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    return header, data[8 + length :]


def make(model, folder, count):
    config = json.loads((model / "config.json").read_text())
    header, data = read(model / "model.safetensors")
    width = config.get("hidden_size") or config["dim"]
    config["architectures"] = [
        config["architectures"][0].removesuffix("Model").removesuffix("ForSequenceClassification") + "ForSequenceClassification"]
    config["id2label"] = {str(index): f"label {index}" for index in range(LABELS)}
    config.pop("label2id", None)
    kept = [(name, entry) for name, entry in header.items() if name not in ("classifier.weight", "classifier.bias")]
    generator = random.Random(7)
    for number in range(count):
        target = folder / str(number)
        target.mkdir(parents=True, exist_ok=True)
        for name in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
            if (model / name).exists():
                shutil.copy(model / name, target / name)
        (target / "config.json").write_text(json.dumps(config))
        written, body = {}, []
        offset = 0

        def add(name, kind, shape, content):
            nonlocal offset
            written[name] = {"dtype": kind, "shape": shape, "data_offsets": [offset, offset + len(content)]}  # noqa: B023
            body.append(content)  # noqa: B023
            offset += len(content)

        for name, entry in kept:
            start, end = entry["data_offsets"]
            add(name, entry["dtype"], entry["shape"], data[start:end])
        weights = [generator.gauss(0, 0.1) for _ in range(LABELS * width)]
        add("classifier.weight", "F32", [LABELS, width], struct.pack(f"<{len(weights)}f", *weights))
        add("classifier.bias", "F32", [LABELS], struct.pack(f"<{LABELS}f", *[0.0] * LABELS))
        text = json.dumps(written).encode()
        with (target / "model.safetensors").open("wb") as file:
            file.write(struct.pack("<Q", len(text)) + text + b"".join(body))


def ask(url, count, texts, rounds):
    address = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname, address.port)
    names = [str(number) for number in range(count)]

    def seconds(text, models):
        body = json.dumps({"input": text, "models": models})
        start = time.perf_counter()
        connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        taken = time.perf_counter() - start
        assert answer.status == 200, content
        return taken

    for text in texts:
        one, all_heads = [], []
        for number in range(rounds + 5):
            first = seconds(text, names[:1])
            both = seconds(text, names)
            if number >= 5:
                one.append(first)
                all_heads.append(both)
        one, both = (statistics.median(times) * 1e6 for times in (one, all_heads))
        print(
            f"{len(text.split())} words: one head {one:.0f} µs, {count} heads {both:.0f} µs: {both / one:.2f} times, "
            f"{(both - one) / max(1, count - 1):.1f} µs a further head")


def main():
    command, *rest = sys.argv[1:]
    if command == "make":
        make(Path(rest[0]), Path(rest[1]), int(rest[2]))
    else:
        texts = Path(rest[2]).read_text().splitlines()
        ask(rest[0], int(rest[1]), texts, int(rest[3]))


if __name__ == "__main__":
    main()
