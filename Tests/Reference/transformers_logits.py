"""Checks a model directory that Martlet wrote against Hugging Face's transformers, or makes the fixture.

    python3 Tests/Reference/transformers_logits.py check DIR martlet-logits.json
    python3 Tests/Reference/transformers_logits.py fixture DIR TEXT... > fixture.json

Needs: pip install torch transformers safetensors. Reference data only; Martlet itself runs no Python.
"""
import json
import sys

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer


def logits(directory, texts):
    tokenizer = AutoTokenizer.from_pretrained(directory)
    model = AutoModelForSequenceClassification.from_pretrained(directory).eval()
    rows = []
    with torch.no_grad():
        for text in texts:
            ids = tokenizer(text, truncation=True, max_length=model.config.max_position_embeddings, return_tensors="pt")
            rows.append({
                "text": text,
                "ids": ids["input_ids"][0].tolist(),
                "logits": model(input_ids=ids["input_ids"]).logits[0].tolist(),
            })
    return rows


if __name__ == "__main__":
    mode, directory, *rest = sys.argv[1:]
    if mode == "fixture":
        print(json.dumps({"rows": logits(directory, rest)}, indent=1, ensure_ascii=False))
    else:
        ours = json.load(open(rest[0]))["rows"]
        theirs = logits(directory, [row["text"] for row in ours])
        worst = 0.0
        for a, b in zip(ours, theirs):
            assert a["ids"] == b["ids"], (a["text"], a["ids"], b["ids"])
            worst = max(worst, max(abs(x - y) for x, y in zip(a["logits"], b["logits"])))
        print(f"{len(ours)} texts, largest difference of a logit {worst:.2e}")
        sys.exit(worst > 1e-4)
