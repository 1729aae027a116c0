"""Trains each family's tiny model with the built program, and says whether transformers reads what was written with the same answers.

    python3 Tests/Reference/written_models.py .build/release/martlet Tests/TransformerTests/Fixtures/families [PART OF A NAME]

Needs: pip install torch transformers safetensors numpy scipy. Each fixture of families.json, encoders.json and own.json goes through
`martlet train --from`, with the head that it has and with a new one. Compared are the scores up to a constant, which softmax takes
away: those of AutoModelForSequenceClassification, or of own_families.py where a model has code of its own.
"""
import json
import os
import subprocess
import sys
import tempfile

import numpy as np
import own_families as own
import torch
from safetensors.numpy import load_file
from transformers import AutoModelForSequenceClassification

PROGRAM, FIXTURES = os.path.abspath(sys.argv[1]), sys.argv[2]
PART = sys.argv[3] if len(sys.argv) > 3 else ""
TEXTS = ["w7 w9", "w5 w12 w19 w26 w33 w40 w47 w11 w18 w25", "w20", "w8 w40 w41"]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + [f"w{i}" for i in range(5, 48)]
# Constants that their classes make where a file lacks them, and a layer of ESM's that no answer reads.
MADE = {"roformer.encoder.embed_positions.weight", "esm.rotary_embeddings.inv_freq", "esm.contact_head.regression.weight", "esm.contact_head.regression.bias"}
OWN = {"nomic own": own.nomic, "gte own": own.gte, "jina own": own.jina, "bert relative": own.bert}


def laid_out(case, directory):
    os.makedirs(directory)
    for name, source in case["weights"].items():
        os.symlink(os.path.abspath(f"{FIXTURES}/{source}"), f"{directory}/{name}")
    for name, text in case["files"].items():
        if name == "config.json":  # the files' numbers are named as on the Hub, whatever is written from them
            text = json.dumps({**json.loads(text), "dtype": "bfloat16"})
        with open(f"{directory}/{name}", "w") as file:
            file.write(text)
    with open(f"{directory}/vocab.txt", "w") as file:
        file.write("\n".join(WORDS) + "\n")
    return directory


def rows(path, labels):
    """Texts whose label a word tells."""
    with open(path, "w") as file:
        for i in range(48):
            kind = i % len(labels)
            file.write(f"{labels[kind]}\tw{5 + kind} w{20 + i % 19} w{30 + i % 11}\n")
    return path


def answers(directory):
    lines = subprocess.run([PROGRAM, "predict", directory, "-", "--format", "text", "--output-format", "jsonl", "--scores"], input="\n".join(TEXTS) + "\n", text=True, check=True, capture_output=True).stdout
    return [json.loads(line)["scores"] for line in lines.splitlines()]


def ids(text):
    return [2] + [int(word[1:]) for word in text.split()] + [3]


def wanted(name, directory):
    config = json.load(open(f"{directory}/config.json"))
    own_code = next((forward for start, forward in OWN.items() if name.startswith(start)), None)
    if own_code:
        weights = {}
        for key, value in load_file(f"{directory}/model.safetensors").items():
            weights[key if key.startswith("classifier") else key.split(".", 1)[1]] = value.astype(np.float64)
        return [own.head(ids(text), [0] * len(ids(text)), own_code, weights, config) for text in TEXTS]
    model, said = AutoModelForSequenceClassification.from_pretrained(directory, attn_implementation="eager", output_loading_info=True)
    odd = {key: sorted(value) for key, value in said.items() if any(name not in MADE for name in value)}
    assert not odd, odd
    assert model.dtype == torch.float32, model.dtype
    assert type(model).__name__ in config["architectures"], type(model).__name__
    with torch.no_grad():
        return [model(input_ids=torch.tensor([ids(text)])).logits[0].double().numpy() for text in TEXTS]


def labels_of(directory):
    names = json.load(open(f"{directory}/config.json"))["id2label"]
    return [names[str(i)] for i in range(len(names))]


def main():
    worst, tried, wrong = 0.0, 0, []
    for file in ("families.json", "encoders.json", "own.json"):
        for case in json.load(open(f"{FIXTURES}/{file}")):
            if not case["name"].endswith((" text-classification", " sentence-embedding")) or PART not in case["name"]:
                continue
            labels = ["red", "green", "blue"] if case["name"].endswith(" text-classification") else ["yes", "no"]
            with tempfile.TemporaryDirectory() as folder:
                base, target = laid_out(case, folder + "/base"), folder + "/written"
                data = rows(folder + "/rows.tsv", labels)
                made = subprocess.run([PROGRAM, "train", data, "--validation", data, "--from", base, "-o", target, "--epochs", "1", "--batch", "16",
                                       "--checkpoint-every", "0", "--threads", "1"], text=True, capture_output=True)
                tried += 1
                try:
                    assert made.returncode == 0, made.stderr.strip().splitlines()[-1:]
                    os.remove(target + "/martlet.json")  # its temperature divides the scores
                    assert sorted(labels_of(target)) == sorted(labels), labels_of(target)
                    difference = 0.0
                    for got, want in zip(answers(target), wanted(case["name"], target)):
                        values = np.log([got[label] for label in labels_of(target)])
                        difference = max(difference, np.abs((values - values.mean()) - (want - want.mean())).max())
                    worst = max(worst, difference)
                    assert difference < 1e-4, difference
                except Exception as error:
                    wrong.append(case["name"])
                    print(f"{case['name']}: {type(error).__name__}: {error}", flush=True)
    print(f"{tried} models, {len(wrong)} wrong, largest difference {worst:.1e}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
