"""Exchanges LoRA adapters with peft, for every family: what the built program trains is read by peft, and the other way round.

    python3 Tests/Reference/peft_adapters.py .build/release/martlet Tests/TransformerTests/Fixtures/families [PART OF A NAME]

Needs: pip install torch transformers safetensors numpy scipy peft. Compared are scores up to a constant, to 1e-4, over the same base.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoConfig, AutoModelForSequenceClassification
from written_models import (
    FIXTURES,
    PART,
    PROGRAM,
    TEXTS,
    answers,
    ids,
    labels_of,
    laid_out,
    rows,
)

VARIANTS = {
    "queries and values": dict(r=3, lora_alpha=7),
    "all layers, ranks apart": dict(r=2, lora_alpha=5, target_modules="all-linear", use_rslora=True),
}


def base_model(directory, config=None):
    model = AutoModelForSequenceClassification.from_pretrained(directory, config=config, attn_implementation="eager", ignore_mismatched_sizes=True, dtype=torch.float32).eval()
    # The fixtures keep ESM's angles rounded to bfloat16.
    for name, value in AutoModelForSequenceClassification.from_config(model.config).named_buffers():
        if name.endswith("rotary_embeddings.inv_freq"):
            model.get_buffer(name).copy_(value)
    return model


def scores(model):
    with torch.no_grad():
        return [model(input_ids=torch.tensor([ids(text)])).logits[0].double().numpy() for text in TEXTS]


def difference(directory, labels, wanted):
    worst = 0.0
    for got, want in zip(answers(directory), wanted):
        values = np.log([got[label] for label in labels])
        worst = max(worst, np.abs((values - values.mean()) - (want - want.mean())).max())
    return worst


def ours_there(base, folder, name, kind):
    """Trained here, read by peft."""
    target = folder + "/" + name
    data = rows(folder + "/rows.tsv", ["yes", "no"])
    made = subprocess.run([PROGRAM, "train", data, "--validation", data, "--from", base, "-o", target, "--epochs", "3", "--batch", "8", "--lora", "3", "--lora-save", "adapter",
                           "--learning-rate", "0.02", "--checkpoint-every", "0", "--threads", "1", *kind], text=True, capture_output=True)
    assert made.returncode == 0, made.stderr.strip().splitlines()[-1:]
    os.remove(target + "/martlet.json")
    plain = base_model(base, AutoConfig.from_pretrained(target))
    before = scores(plain)
    model = PeftModel.from_pretrained(plain, target).eval()
    state = {name: value for name, value in model.named_parameters() if "lora_" in name or "modules_to_save" in name}
    stored = json.load(open(target + "/adapter_config.json"))
    assert len(state) > 2 and stored["peft_type"] == "LORA"
    wanted = scores(model)
    assert max(np.abs(a - b).max() for a, b in zip(before, wanted)) > 1e-3, "the adapter changes nothing"
    return difference(target, labels_of(target), wanted)


def theirs_here(base, folder, kind, targets):
    """Made by peft, read here."""
    target = folder + "/made"
    # peft takes DistilBERT's first layer of the head for its classifier; the other is a layer of ESM's that no answer reads.
    keys = dict(target_modules=targets, **kind) if "target_modules" not in kind else kind
    model = get_peft_model(base_model(base), LoraConfig(task_type="SEQ_CLS", exclude_modules=["pre_classifier", "regression"], **keys)).eval()
    torch.manual_seed(1)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "lora_B" in name or "modules_to_save" in name:
                value.copy_(torch.randn_like(value) * 0.3)
    model.save_pretrained(target)
    return difference(target, labels_of(base), scores(model))


def main():
    worst, tried, wrong = 0.0, 0, []
    for file in ("families.json", "encoders.json"):
        for case in json.load(open(f"{FIXTURES}/{file}")):
            if not case["name"].endswith(" text-classification") or PART not in case["name"]:
                continue
            with tempfile.TemporaryDirectory() as folder:
                base = laid_out(case, folder + "/base")
                steps = [("trained here", lambda: ours_there(base, folder, "trained", [])),
                         ("trained here, all layers", lambda: ours_there(base, folder, "wide", ["--lora-targets", "all", "--lora-alpha", "2", "--lora-dropout", "0.1"]))]
                for name, kind in VARIANTS.items():
                    # The layers that are chosen by default, as the trained adapter has them.
                    steps.append((name, lambda kind=kind: theirs_here(base, folder, kind, json.load(open(folder + "/trained/adapter_config.json"))["target_modules"])))
                for name, step in steps:
                    tried += 1
                    try:
                        found = step()
                        worst = max(worst, found)
                        assert found < 1e-4, found
                    except Exception as error:
                        wrong.append(case["name"])
                        print(f"{case['name']}, {name}: {type(error).__name__}: {str(error)[:600]}", flush=True)
                    shutil.rmtree(folder + "/made", ignore_errors=True)
    print(f"{tried} adapters, {len(wrong)} wrong, largest difference {worst:.1e}")
    sys.exit(bool(wrong))


main()
