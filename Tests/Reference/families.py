"""Makes the fixtures of every family and task: tiny random models and what transformers and sentence-transformers say.

    python3 Tests/Reference/families.py Tests/TransformerTests/Fixtures/families

Needs: pip install torch transformers safetensors sentence-transformers. One weights file holds a family's encoder and the
heads of all tasks with three labels; a case of families.json names the weights and gives config.json and further files.
"""
import json
import os
import sys

import torch
from safetensors.torch import save_file
from sentence_transformers.sentence_transformer import modules as st
from transformers import (
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    BertConfig,
    DistilBertConfig,
    RobertaConfig,
    XLMRobertaConfig,
)

OUT = sys.argv[1]
os.makedirs(OUT, exist_ok=True)
COMMON = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, vocab_size=48)
FAMILIES = {
    "bert": (BertConfig(max_position_embeddings=24, type_vocab_size=2, **COMMON), torch.float32),
    "distilbert": (DistilBertConfig(dim=16, n_layers=2, n_heads=2, hidden_dim=32, vocab_size=48, max_position_embeddings=24), torch.float16),
    "distilbert-sinusoidal": (DistilBertConfig(dim=16, n_layers=2, n_heads=2, hidden_dim=32, vocab_size=48, max_position_embeddings=24, sinusoidal_pos_embds=True), torch.float32),
    "roberta": (RobertaConfig(max_position_embeddings=26, type_vocab_size=1, pad_token_id=1, layer_norm_eps=1e-5, **COMMON), torch.bfloat16),
    "xlm-roberta": (XLMRobertaConfig(max_position_embeddings=26, type_vocab_size=1, pad_token_id=1, layer_norm_eps=1e-5, **COMMON), torch.float16),
}
LABELS = {"0": "red", "1": "green", "2": "blue"}
IDS = [[2, 7, 9, 3], [2, 3], [2] + [5 + (i * 7) % 43 for i in range(20)] + [3]]
PAIR = ([2, 8, 4, 3, 11, 40, 3], [0, 0, 0, 0, 1, 1, 1])


def randomised(model, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if not p.requires_grad:
                continue
            scale = 0.2 if p.dim() == 1 else 0.35
            p.copy_(torch.randn(p.shape, generator=generator) * scale + (1.0 if "LayerNorm.weight" in name or "layer_norm.weight" in name else 0.0))
    return model.eval()


def rounded(model, dtype):
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(p.to(dtype).float())
    return model


def run(model, ids, types, family):
    arguments = dict(input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long))
    if family.startswith("bert"):
        arguments["token_type_ids"] = torch.tensor([types])
    with torch.no_grad():
        return model(**arguments)


def inputs(family):
    rows = [(ids, [0] * len(ids)) for ids in IDS]
    return rows + [PAIR if family == "bert" else (PAIR[0], [0] * len(PAIR[0]))]


def config(model, task_class, **changes):
    body = json.loads(model.config.to_json_string(use_diff=True))
    body["architectures"] = [task_class]
    body.update(changes)
    return {k: v for k, v in body.items() if k not in ("transformers_version", "dtype")}


def rows(family, value):
    return [{"ids": i, "types": t, "value": [round(x, 6) for x in value(i, t)]} for i, t in inputs(family)]


cases = []
for seed, (family, (shape, dtype)) in enumerate(FAMILIES.items()):
    kind = {"bert": "Bert", "distilbert": "DistilBert", "distilbert-sinusoidal": "DistilBert", "roberta": "Roberta", "xlm-roberta": "XLMRoberta"}[family]
    shape.num_labels = 3
    shape.id2label = {int(k): v for k, v in LABELS.items()}
    shape.label2id = {v: int(k) for k, v in LABELS.items()}
    sequence = rounded(randomised(AutoModelForSequenceClassification.from_config(shape, attn_implementation="eager"), seed), dtype)
    tokens = rounded(randomised(AutoModelForTokenClassification.from_config(shape, attn_implementation="eager"), seed + 50), dtype)
    state = sequence.state_dict()
    missing = tokens.load_state_dict({k: v for k, v in state.items() if k in tokens.state_dict()}, strict=False)
    state.update({k: v for k, v in tokens.state_dict().items() if k not in state})
    bare = getattr(sequence, sequence.base_model_prefix)
    tensors = {k: v.to(dtype).contiguous().clone() for k, v in state.items() if v.is_floating_point()}
    if family == "xlm-roberta":  # two shards and an index
        names = sorted(tensors)
        parts = [names[::2], names[1::2]]
        weight_map = {}
        for number, part in enumerate(parts):
            file = f"model-{number + 1:05d}-of-00002.safetensors"
            save_file({k: tensors[k] for k in part}, f"{OUT}/{family}.{file}", metadata={"format": "pt"})
            weight_map.update({k: file for k in part})
        weights = {f: f"{family}.{f}" for f in sorted(set(weight_map.values()))}
        index = {"model.safetensors.index.json": json.dumps({"metadata": {}, "weight_map": weight_map})}
    else:
        save_file(tensors, f"{OUT}/{family}.safetensors", metadata={"format": "pt"})
        weights, index = {"model.safetensors": f"{family}.safetensors"}, {}

    def case(task, architecture, value, files=None, more=None, **changes):
        cases.append({
            "name": f"{family} {task}", "weights": {**weights, **(more or {})}, "task": task.split(",")[0],
            "files": {"config.json": json.dumps(config(sequence, architecture, **changes)), **index, **(files or {})},
            "rows": rows(family, value)})

    def logits(i, t):
        return run(sequence, i, t, family).logits[0]

    case("text-classification", kind + "ForSequenceClassification", lambda i, t: logits(i, t).softmax(0).tolist())
    case("multi-label-classification", kind + "ForSequenceClassification", lambda i, t: logits(i, t).sigmoid().tolist(), problem_type="multi_label_classification")
    case("regression", kind + "ForSequenceClassification", lambda i, t: logits(i, t).tolist(), problem_type="regression")
    case("regression, cross-encoder", kind + "ForSequenceClassification", lambda i, t: logits(i, t).sigmoid().tolist(), problem_type="regression",
         sentence_transformers={"activation_fn": "torch.nn.modules.activation.Sigmoid", "version": "5.0.0"})
    case("token-classification", kind + "ForTokenClassification", lambda i, t: run(tokens, i, t, family).logits[0].softmax(1).max(1).values.tolist()
         + [float(x) for x in run(tokens, i, t, family).logits[0].argmax(1)])

    def states(i, t):
        return run(bare, i, t, family).last_hidden_state

    case("sentence-embedding", kind + "Model", lambda i, t: states(i, t)[0].mean(0).tolist())
    dense = st.Dense(16, 12, activation_function=torch.nn.Tanh())
    randomised(dense, seed + 90)
    save_file({k: v.contiguous() for k, v in dense.state_dict().items()}, f"{OUT}/dense-{family}.safetensors")
    for mode in ["cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]:
        pooling = st.Pooling(16, pooling_mode=mode)
        hasDense = mode in ("cls", "mean")

        def embedding(i, t):
            features = {"token_embeddings": states(i, t), "attention_mask": torch.ones(1, len(i), dtype=torch.long)}
            features = pooling(features)
            if hasDense:
                features = dense(features)
            with torch.no_grad():
                return st.Normalize()(features)["sentence_embedding"][0].tolist()

        if mode != "mean" and mode != "cls" and family != "bert":
            continue
        kinds = ["Transformer", "Pooling"] + (["Dense"] if hasDense else []) + ["Normalize"]
        modules = [{"idx": n, "name": str(n), "path": "" if n == 0 else f"{n}_{k}", "type": f"sentence_transformers.models.{k}"} for n, k in enumerate(kinds)]
        flags = {"word_embedding_dimension": 16, **{f"pooling_mode_{k}": k in (mode, f"{mode}_token", f"{mode}_tokens") for k in
                 ["cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens", "weightedmean_tokens", "lasttoken"]}}
        files = {"modules.json": json.dumps(modules), "sentence_bert_config.json": '{"max_seq_length": 22}',
                 # The older form of the file in one half of the cases, the present one in the other.
                 "1_Pooling/config.json": json.dumps(flags if family != "roberta" else pooling.get_config_dict())}
        if hasDense:
            files["2_Dense/config.json"] = json.dumps({"in_features": 16, "out_features": 12, "bias": True, "activation_function": "torch.nn.modules.activation.Tanh"})
        case(f"sentence-embedding, {mode}", kind + "Model", embedding, files, {"2_Dense/model.safetensors": f"dense-{family}.safetensors"} if hasDense else None)

json.dump(cases, open(f"{OUT}/families.json", "w"), separators=(",", ":"))
print(len(cases), "cases", sum(os.path.getsize(f"{OUT}/{f}") for f in os.listdir(OUT)), "bytes")
