"""Compares the ids of `martlet tokenize` with those of Hugging Face's tokenizers, line by line.

    compare.py --martlet BINARY --tokenizers DIRECTORY --lines LINES.jsonl [NAME …]

Every line alone and whole; every tenth pair of neighbours, whole and cut to 48 tokens, with segments. Prints the lines
that differ; the exit status says whether any does.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

from tokenizers import Tokenizer

BATCH = 2000
PAIRS = 200
SHOWN = 3


def martlet(options, name, lines, *arguments):
    command = [options.martlet, "tokenize", str(pathlib.Path(options.tokenizers) / name), lines, *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    for line in process.stdout:
        yield line
    if process.wait() != 0:
        sys.exit(f"{' '.join(command)} failed")


def show(text, found, wanted):
    print(f"  {ascii(text)[:300]}\n    martlet    {found[:400]}\n    tokenizers {wanted[:400]}")


def singles(options, name, tokenizer, texts):
    differing = total = 0
    found = martlet(options, name, options.lines, "--ids")
    for start in range(0, len(texts), BATCH):
        batch = texts[start:start + BATCH]
        for text, encoding in zip(batch, tokenizer.encode_batch_fast(batch)):
            line = next(found).decode().rstrip("\n")
            wanted = " ".join(map(str, encoding.ids))
            total += 1
            if line != wanted:
                differing += 1
                if differing <= SHOWN:
                    show(text, line, wanted)
    assert next(found, None) is None, "martlet wrote more lines than there are"
    return total, differing


def pairs(options, name, tokenizer, texts, length):
    couples = [(texts[i], texts[i + 1]) for i in range(0, len(texts) - 1, 10)]
    differing = 0
    if length:
        # tokenizers keeps what it cuts off in every combination: of two long texts, tens of gigabytes.
        couples = [pair for pair in couples if min(map(len, pair)) < 2000]
        tokenizer.enable_truncation(length)
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        for a, b in couples:
            file.write(json.dumps({"text": a, "text_pair": b}, ensure_ascii=False) + "\n")
        file.flush()
        found = martlet(options, name, file.name, "--json", "--pair-column", "text_pair", *(["--max-length", str(length)] if length else []))
        for start in range(0, len(couples), PAIRS):
            batch = couples[start:start + PAIRS]
            for couple, encoding in zip(batch, tokenizer.encode_batch(batch)):
                line = json.loads(next(found))
                if (line["ids"], line["type_ids"]) != (encoding.ids, encoding.type_ids):
                    differing += 1
                    if differing <= SHOWN:
                        show(couple, str(line["ids"]), str(encoding.ids))
    tokenizer.no_truncation()
    return len(couples), differing


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--martlet", required=True)
    parser.add_argument("--tokenizers", required=True)
    parser.add_argument("--lines", required=True)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    with open(options.lines, encoding="utf-8") as file:
        texts = [json.loads(line)["text"] for line in file]
    names = options.names or sorted(p.parent.name for p in pathlib.Path(options.tokenizers).glob("*/tokenizer.json"))
    print("| tokenizer | lines | differ | pairs | differ | pairs cut to 48 | differ |\n|---|---:|---:|---:|---:|---:|---:|", flush=True)
    bad = 0
    for name in names:
        tokenizer = Tokenizer.from_file(str(pathlib.Path(options.tokenizers) / name / "tokenizer.json"))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        results = [singles(options, name, tokenizer, texts), pairs(options, name, tokenizer, texts, None), pairs(options, name, tokenizer, texts, 48)]
        bad += sum(differing for _, differing in results)
        print(f"| {name} | " + " | ".join(f"{total} | {differing}" for total, differing in results) + " |", flush=True)
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
