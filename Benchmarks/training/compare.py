"""Trains the same model on the same batches with Martlet and with PyTorch, in turns, and prints medians and their ratio."""
import argparse
import json
import random
import statistics
import subprocess
import time

import torch
from transformers import DistilBertConfig, DistilBertForSequenceClassification

parser = argparse.ArgumentParser()
parser.add_argument("--martlet", required=True)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--steps", type=int, default=15)
options = parser.parse_args()

torch.set_num_threads(options.threads)
SHAPES = [("default, 2 x 128", 128, 2, 256), ("4 x 256", 256, 4, 1024), ("MiniLM's, 6 x 384", 384, 6, 1536)]


def batches(kind, rows):
    draw = random.Random(5)
    if kind == "64 tokens":
        return [[64] * rows for _ in range(options.steps + 3)]
    # Lengths as of reviews and messages, in batches of similar ones.
    lengths = sorted(min(128, max(4, int(draw.lognormvariate(3.0, 0.6)))) for _ in range(rows * (options.steps + 3)))
    groups = [lengths[i:i + rows] for i in range(0, len(lengths), rows)]
    draw.shuffle(groups)
    return groups


def martlet(width, layers, feed_forward, groups):
    lines = "\n".join(json.dumps(g) for g in groups)
    shape = ["--width", str(width), "--layers", str(layers), "--heads", "4", "--feed-forward", str(feed_forward)]
    out = subprocess.run([options.martlet, "bench", "training", *shape, "--threads", str(options.threads), "--lengths", "-", "--json"],
                         input=lines, capture_output=True, text=True, check=True)
    return json.loads(out.stdout)["tokens_per_second"]


def pytorch(width, layers, feed_forward, groups):
    longest = max(max(g) for g in groups)
    model = DistilBertForSequenceClassification(DistilBertConfig(
        vocab_size=8000, dim=width, n_layers=layers, n_heads=4, hidden_dim=feed_forward, max_position_embeddings=max(8, longest),
        sinusoidal_pos_embds=True, num_labels=2, dropout=0.1, attention_dropout=0.1, seq_classif_dropout=0.1))
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    rates = []
    for step, group in enumerate(groups):
        ids = torch.randint(0, 8000, (len(group), max(group)))
        mask = torch.tensor([[1] * n + [0] * (max(group) - n) for n in group])
        labels = torch.randint(0, 2, (len(group),))
        start = time.perf_counter()
        optimizer.zero_grad()
        loss = model(input_ids=ids, attention_mask=None if mask.all() else mask, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        seconds = time.perf_counter() - start
        if step >= 3:
            rates.append(sum(group) / seconds)
    return statistics.median(rates)


print(f"training tokens/s on {options.threads} threads, AdamW, batches of 32 rows; medians of {options.rounds} rounds in turns "
      f"(PyTorch {torch.__version__})\n")
print("| model | rows | PyTorch | Martlet | ratio |\n|---|---|---|---|---|")
for name, width, layers, feed_forward in SHAPES:
    for kind in ["64 tokens", "uneven"]:
        groups = batches(kind, 32)
        ours, theirs = [], []
        for _ in range(options.rounds):
            theirs.append(pytorch(width, layers, feed_forward, groups))
            ours.append(martlet(width, layers, feed_forward, groups))
        a, b = statistics.median(theirs), statistics.median(ours)
        print(f"| {name} | {kind} | {a:,.0f} | {b:,.0f} | {b / a:.2f} |", flush=True)
