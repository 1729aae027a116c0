"""Times `martlet tokenize` and Hugging Face's tokenizers on one thread, in turn, on the same texts.

    speed.py --martlet BINARY --tokenizers DIRECTORY --data DIR [--megabytes N] [--rounds N] [NAME …]

Texts: AG News and Chinese reviews and titles in equal parts by bytes, shuffled. tokenizers runs in its fastest form of one
thread (the best of encode_batch_fast, encode_batch and a loop); Martlet in `martlet bench tokenizer`, which reads the same
file. Each round is a fresh pass of both; the ratio is that of the medians. The first pass, with nothing in any cache, is
given by itself.
"""
import argparse
import glob
import json
import os
import pathlib
import random
import statistics
import subprocess
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

from tokenizers import Tokenizer  # noqa: E402  (the environment comes first)

# One of each kind; MARTLET_TOKENIZERS has more.
KINDS = ["wordpiece-minilm", "bpe-roberta", "llama3", "qwen2", "gpt4", "o200k", "tekken", "modernbert", "deepseek", "starcoder", "clip", "llama2", "mistral",
         "gemma", "t5", "deberta-v3", "albert", "camembert", "xlm-roberta"]


def read(pattern):
    texts = []
    for path in sorted(glob.glob(pattern, recursive=True)):
        with open(path, encoding="utf-8", newline="\n") as file:
            texts += [line.rstrip("\n").split("\t", 1)[-1] for line in file]
    random.Random(1).shuffle(texts)
    return texts


def mixed(data, size):
    texts = []
    for pattern in (f"{data}/ag-news/*.tsv", f"{data}/zh-*/**/*.tsv"):
        taken = 0
        for text in read(pattern):
            if taken >= size / 2:
                break
            texts.append(text)
            taken += len(text.encode())
    random.Random(2).shuffle(texts)
    return texts


def peer_pass(tokenizer, texts, form):
    start = time.perf_counter()
    if form == "loop":
        for text in texts:
            tokenizer.encode(text)
    else:
        getattr(tokenizer, form)(texts)
    return time.perf_counter() - start


def our_passes(binary, directory, path, rounds):
    output = subprocess.run([binary, "bench", "tokenizer", directory, path, "--rounds", str(rounds), "--json"], check=True, capture_output=True).stdout
    return json.loads(output)["seconds"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--martlet", required=True)
    parser.add_argument("--tokenizers", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--megabytes", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("names", nargs="*", default=KINDS)
    options = parser.parse_args()
    texts = mixed(options.data, options.megabytes * 1e6)
    size = sum(len(t.encode()) for t in texts) / 1e6
    print(f"{len(texts)} texts, {size:.1f} MB, one thread\n")
    print("| tokenizer | tokenizers MB/s | martlet MB/s | ratio | ratio of the first pass |\n|---|---:|---:|---:|---:|", flush=True)
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.write("\n".join(texts) + "\n")
        file.flush()
        for name in options.names:
            directory = str(pathlib.Path(options.tokenizers) / name)
            theirs, ours, first = {}, [], None
            for _ in range(options.rounds):
                tokenizer = Tokenizer.from_file(directory + "/tokenizer.json")
                tokenizer.no_truncation()
                tokenizer.no_padding()
                cold = peer_pass(tokenizer, texts, "encode_batch_fast")
                for form in ("encode_batch_fast", "encode_batch", "loop"):
                    theirs.setdefault(form, []).append(peer_pass(tokenizer, texts, form))
                passes = our_passes(options.martlet, directory, file.name, 3)
                ours += passes[1:]
                first = first or []
                first.append(cold / passes[0])
            best = min(statistics.median(times) for times in theirs.values())
            mine = statistics.median(ours)
            print(f"| {name} | {size / best:.2f} | {size / mine:.1f} | {best / mine:.1f} | {statistics.median(first):.1f} |", flush=True)


if __name__ == "__main__":
    main()
