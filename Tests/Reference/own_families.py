"""Makes the fixtures of families that no class of transformers 5 has: a reading of their published mathematics in NumPy.

    python3 Tests/Reference/own_families.py Tests/TransformerTests/Fixtures/families

Needs: pip install numpy scipy safetensors. Weights have the names of each model's own code: nomic-ai's NomicBERT, Alibaba's
GTE ("new"), Jina's BERT with ALiBi; and BERT's relative places (Shaw et al., 2018; Huang et al., 2020) as transformers 4 had them.
"""
import json
import sys

import numpy as np
from safetensors.numpy import save_file
from scipy.special import erf

ROWS = [[2, 7, 9, 3], [2, 3], [2] + [5 + (i * 7) % 43 for i in range(20)] + [3], [2, 8, 4, 3, 11, 40, 3]]
TYPES = [0, 0, 0, 0, 1, 1, 1]
LABELS = {"0": "red", "1": "green", "2": "blue"}
D, LAYERS, INSIDE, VOCABULARY, LONGEST = 16, 2, 20, 48, 24


def gelu(x):
    return x * (1 + erf(x / np.sqrt(2))) / 2


def silu(x):
    return x / (1 + np.exp(-x))


def norm(x, w, name, epsilon=1e-12):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + epsilon) * w[name + ".weight"] + w[name + ".bias"]


def linear(x, w, name):
    y = x @ w[name + ".weight"].T
    return y + w[name + ".bias"] if name + ".bias" in w else y


def turned(x, width, frequencies):
    """x [heads, tokens, size]: pairs i and i + width / 2 of the first `width` floats turn."""
    angle = np.arange(x.shape[1])[:, None] * frequencies
    a, b = x[..., : width // 2], x[..., width // 2 : width]
    return np.concatenate([a * np.cos(angle) - b * np.sin(angle), b * np.cos(angle) + a * np.sin(angle), x[..., width:]], -1)


def attend(q, k, v, heads, extra=None, turn=None):
    q, k, v = (t.reshape(len(t), heads, -1).transpose(1, 0, 2) for t in (q, k, v))
    if turn:
        q, k = turn(q), turn(k)
    scores = q @ k.transpose(0, 2, 1)
    scale = np.sqrt(q.shape[-1])
    scores = scores / scale + (extra(q, k, scale) if extra else 0)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    mixed = (weights / weights.sum(-1, keepdims=True)) @ v
    return mixed.transpose(1, 0, 2).reshape(len(scores[0]), -1)


def slopes(heads):
    """ALiBi's published code: a power of two directly, else that of the power below and every other one of the power above."""
    def power(n):
        start = 2.0 ** (-(2.0 ** -(np.log2(n) - 3)))
        return [start * start**i for i in range(n)]
    if np.log2(heads).is_integer():
        return np.array(power(heads))
    below = 2 ** int(np.floor(np.log2(heads)))
    return np.array(power(below) + list(slopes(2 * below))[0::2][: heads - below])


def embedded(ids, types, w, norm_name):
    x = w["embeddings.word_embeddings.weight"][ids]
    if "embeddings.token_type_embeddings.weight" in w:
        x = x + w["embeddings.token_type_embeddings.weight"][types]
    return norm(x, w, norm_name)


def nomic(ids, types, w, c):
    x = embedded(ids, types, w, "emb_ln")
    width = int(D // c["n_head"] * c["rotary_emb_fraction"])
    base = c["rotary_emb_base"]
    factor, trained = c["rotary_scaling_factor"], c["max_trained_positions"]
    if factor and len(ids) > trained:
        base = base * (factor * len(ids) / trained - (factor - 1)) ** (width / (width - 2))
    frequencies = base ** (-np.arange(0, width, 2) / width)
    for i in range(LAYERS):
        p = f"encoder.layers.{i}."
        q, k, v = np.split(linear(x, w, p + "attn.Wqkv"), 3, -1)
        x = norm(x + linear(attend(q, k, v, c["n_head"], turn=lambda t: turned(t, width, frequencies)), w, p + "attn.out_proj"), w, p + "norm1")
        inner = linear(x, w, p + "mlp.fc11") * silu(linear(x, w, p + "mlp.fc12"))
        x = norm(x + linear(inner, w, p + "mlp.fc2"), w, p + "norm2")
    return x


def gte(ids, types, w, c):
    x = embedded(ids, types, w, "embeddings.LayerNorm")
    size = D // c["num_attention_heads"]
    scaling, base = c.get("rope_scaling"), c["rope_theta"]
    places = np.arange(0, size, 2) / size
    if scaling and scaling.get("mixed_b") is None:
        frequencies = (base * scaling["factor"]) ** -places / scaling["factor"] ** (2 / size)
    elif scaling:
        a = np.log(scaling["factor"]) / (size / 2) ** scaling["mixed_b"]
        frequencies = base**-places / np.exp(a * np.arange(1, size // 2 + 1) ** scaling["mixed_b"])
    else:
        frequencies = base**-places
    for i in range(LAYERS):
        p = f"encoder.layer.{i}."
        q, k, v = np.split(linear(x, w, p + "attention.qkv_proj"), 3, -1)
        mixed = attend(q, k, v, c["num_attention_heads"], turn=lambda t: turned(t, size, frequencies))
        x = norm(x + linear(mixed, w, p + "attention.o_proj"), w, p + "attn_ln")
        up, gate = np.split(linear(x, w, p + "mlp.up_gate_proj"), 2, -1)
        x = norm(x + linear(gelu(gate) * up, w, p + "mlp.down_proj"), w, p + "mlp_ln")
    return x


def jina(ids, types, w, c):
    x = embedded(ids, types, w, "embeddings.LayerNorm")
    heads = c["num_attention_heads"]
    place = np.arange(len(ids))
    distance = -np.abs(place[:, None] - place) * slopes(heads)[:, None, None]
    act = gelu if c["feed_forward_type"] == "geglu" else lambda t: np.maximum(t, 0)
    for i in range(LAYERS):
        p = f"encoder.layer.{i}."
        q, k, v = (linear(x, w, p + f"attention.self.{n}") for n in ("query", "key", "value"))
        mixed = attend(q, k, v, heads, extra=lambda q, k, s: distance)
        x = norm(x + linear(mixed, w, p + "attention.output.dense"), w, p + "attention.output.LayerNorm")
        gate, value = np.split(linear(x, w, p + "mlp.gated_layers"), 2, -1)
        x = norm(x + linear(act(gate) * value, w, p + "mlp.wo"), w, p + "mlp.layernorm")
    return x


def bert(ids, types, w, c):
    x = embedded(ids, types, w, "embeddings.LayerNorm")
    place = np.arange(len(ids))
    for i in range(LAYERS):
        p = f"encoder.layer.{i}."
        far = w[p + "attention.self.distance_embedding.weight"][place[:, None] - place + LONGEST - 1]

        def extra(q, k, scale):
            score = np.einsum("hld,lrd->hlr", q, far)
            if c["position_embedding_type"] == "relative_key_query":
                score = score + np.einsum("hrd,lrd->hlr", k, far)
            return score / scale

        q, k, v = (linear(x, w, p + f"attention.self.{n}") for n in ("query", "key", "value"))
        x = norm(x + linear(attend(q, k, v, c["num_attention_heads"], extra), w, p + "attention.output.dense"), w, p + "attention.output.LayerNorm")
        x = norm(x + linear(gelu(linear(x, w, p + "intermediate.dense")), w, p + "output.dense"), w, p + "output.LayerNorm")
    return x


def layer(name, outputs, inputs, bias=True):
    return {name + ".weight": (outputs, inputs), **({name + ".bias": (outputs,)} if bias else {})}


def norms(name):
    return {name + ".weight": (D,), name + ".bias": (D,)}


def shapes(kind, c):
    types = c.get("type_vocab_size", 2)
    s = {"embeddings.word_embeddings.weight": (VOCABULARY, D), **({"embeddings.token_type_embeddings.weight": (types, D)} if types else {})}
    s.update(norms("emb_ln" if kind == "nomic" else "embeddings.LayerNorm"))
    for i in range(LAYERS):
        p = f"encoder.layer{'s' if kind == 'nomic' else ''}.{i}."
        if kind == "nomic":
            s.update({**layer(p + "attn.Wqkv", 3 * D, D, c["qkv_proj_bias"]), **layer(p + "attn.out_proj", D, D, c["qkv_proj_bias"]), **norms(p + "norm1"), **norms(p + "norm2")})
            s.update({**layer(p + "mlp.fc11", INSIDE, D, c["mlp_fc1_bias"]), **layer(p + "mlp.fc12", INSIDE, D, c["mlp_fc1_bias"]), **layer(p + "mlp.fc2", D, INSIDE, c["mlp_fc2_bias"])})
        elif kind == "gte":
            s.update({**layer(p + "attention.qkv_proj", 3 * D, D), **layer(p + "attention.o_proj", D, D), **norms(p + "attn_ln"), **norms(p + "mlp_ln")})
            s.update({**layer(p + "mlp.up_gate_proj", 2 * INSIDE, D, False), **layer(p + "mlp.down_proj", D, INSIDE)})
        else:
            for n in ("query", "key", "value"):
                s.update(layer(p + f"attention.self.{n}", D, D))
            s.update({**layer(p + "attention.output.dense", D, D), **norms(p + "attention.output.LayerNorm")})
            if kind == "jina":
                s.update({**layer(p + "mlp.gated_layers", 2 * INSIDE, D, False), **layer(p + "mlp.wo", D, INSIDE), **norms(p + "mlp.layernorm")})
            else:
                s[p + "attention.self.distance_embedding.weight"] = (2 * LONGEST - 1, D // c["num_attention_heads"])
                s.update({**layer(p + "intermediate.dense", INSIDE, D), **layer(p + "output.dense", D, INSIDE), **norms(p + "output.LayerNorm")})
    return {**s, **layer("pooler.dense", D, D)}


NOMIC = dict(model_type="nomic_bert", n_embd=D, n_layer=LAYERS, n_head=2, n_inner=INSIDE, n_positions=LONGEST, activation_function="swiglu", layer_norm_epsilon=1e-12,
             rotary_emb_base=1000, rotary_emb_fraction=1.0, rotary_emb_interleaved=False, rotary_scaling_factor=None, max_trained_positions=2048, prenorm=False,
             parallel_block=False, causal=False, qkv_proj_bias=False, mlp_fc1_bias=False, mlp_fc2_bias=False, type_vocab_size=2, use_rms_norm=False)
BERT = dict(hidden_size=D, num_hidden_layers=LAYERS, num_attention_heads=2, intermediate_size=INSIDE, max_position_embeddings=LONGEST, type_vocab_size=2, layer_norm_eps=1e-12, pad_token_id=0)
GTE = dict(BERT, model_type="new", position_embedding_type="rope", rope_theta=500.0, hidden_act="gelu", layer_norm_type="layer_norm", pack_qkv=True, logn_attention_scale=False)
JINA = dict(BERT, model_type="bert", position_embedding_type="alibi", feed_forward_type="geglu", hidden_act="gelu")
CASES = [
    ("nomic", "nomic own code", nomic, "bert.", "NomicBert", NOMIC),
    ("nomic", "nomic own code, long texts", nomic, "bert.", "NomicBert", dict(NOMIC, rotary_emb_fraction=0.5, rotary_scaling_factor=2.0, max_trained_positions=6, qkv_proj_bias=True, mlp_fc1_bias=True, mlp_fc2_bias=True)),
    ("gte", "gte own code", gte, "new.", "New", GTE),
    ("gte", "gte own code, ntk", gte, "new.", "New", dict(GTE, type_vocab_size=0, rope_scaling={"type": "ntk", "factor": 2.0})),
    ("gte", "gte own code, mixed ntk", gte, "new.", "New", dict(GTE, rope_scaling={"type": "ntk", "factor": 2.0, "mixed_b": 0.5})),
    ("jina", "jina own code", jina, "bert.", "JinaBert", JINA),
    ("jina", "jina own code, three heads", jina, "bert.", "JinaBert", dict(JINA, hidden_size=24, num_attention_heads=3, feed_forward_type="reglu")),
    ("bert", "bert relative_key", bert, "bert.", "Bert", dict(BERT, model_type="bert", hidden_act="gelu", position_embedding_type="relative_key")),
    ("bert", "bert relative_key_query", bert, "bert.", "Bert", dict(BERT, model_type="bert", hidden_act="gelu", num_attention_heads=4, position_embedding_type="relative_key_query")),
]

def head(ids, types, forward, w, config):
    """The logits of BERT's head on the first token; the tables' width is that of the config."""
    global D
    D = config.get("hidden_size", 16)
    return linear(np.tanh(linear(forward(ids, types, w, config)[0], w, "pooler.dense")), w, "classifier")


def main(out):
    global D
    cases = []
    for seed, (kind, name, forward, prefix, classes, config) in enumerate(CASES):
        random = np.random.default_rng(seed)
        D = config.get("hidden_size", 16)
        made = {}
        for key, shape in {**shapes(kind, config), **layer("classifier", 3, D)}.items():
            value = random.standard_normal(shape) * (0.2 if len(shape) == 1 else 0.35)
            if len(shape) == 1 and key.endswith("weight"):
                value = value + 1
            made[key] = value.astype(np.float16)
        stem = "own-" + name.replace(",", "").replace(" ", "-").replace("_", "-")
        save_file({(k if k.startswith("classifier") else prefix + k): v for k, v in made.items()}, f"{out}/{stem}.safetensors", metadata={"format": "pt"})
        w = {k: v.astype(np.float64) for k, v in made.items()}
        body = dict(config, vocab_size=VOCABULARY, id2label=LABELS)
        has_types = config.get("type_vocab_size", 0) > 1

        def types(ids):
            return TYPES if len(ids) == 7 and has_types else [0] * len(ids)

        def scores(ids):
            logits = np.exp(head(ids, types(ids), forward, w, config))
            return logits / logits.sum()

        def mean(ids):
            return forward(ids, types(ids), w, config).mean(0)

        for task, architecture, value in [("text-classification", "ForSequenceClassification", scores), ("sentence-embedding", "Model", mean)]:
            cases.append({"name": f"{name} {task}", "weights": {"model.safetensors": f"{stem}.safetensors"}, "task": task,
                          "files": {"config.json": json.dumps(dict(body, architectures=[classes + architecture]))},
                          "rows": [{"ids": i, "types": types(i), "value": [round(float(x), 6) for x in value(i)]} for i in ROWS]})
    json.dump(cases, open(f"{out}/own.json", "w"), separators=(",", ":"))
    print(len(cases), "cases")


if __name__ == "__main__":
    main(sys.argv[1])
