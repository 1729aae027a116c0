"""Makes the fixtures of further encoder families: tiny random models, and what their classes of transformers say.

    python3 Tests/Reference/encoder_families.py Tests/TransformerTests/Fixtures/families

Needs: pip install torch transformers safetensors. Each row of CASES is a family with one set of config keys that change its
mathematics. Families that transformers has no class for are made by Tests/Reference/own_families.py. One weights file
holds the encoder and the heads of all tasks with three labels; a case of encoders.json names the weights and gives config.json.
"""
import json
import os
import sys
import tempfile
import zlib

import torch
import transformers as tf
from safetensors.torch import load_file, save_file

OUT = sys.argv[1]
LABELS = {0: "red", 1: "green", 2: "blue"}
ROWS = [[2, 7, 9, 3], [2, 3], [2] + [5 + (i * 7) % 43 for i in range(20)] + [3], [2, 8, 4, 3, 11, 40, 3]]
TYPES = [0, 0, 0, 0, 1, 1, 1]
BASE = dict(vocab_size=48, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=20, max_position_embeddings=24)
ROBERTA = dict(BASE, max_position_embeddings=26, type_vocab_size=1, pad_token_id=1, layer_norm_eps=1e-5)
ESM = dict(ROBERTA, position_embedding_type="rotary", token_dropout=True, mask_token_id=8, emb_layer_norm_before=False)
DECODER = dict(BASE, num_attention_heads=4, num_key_value_heads=2, pad_token_id=0, bos_token_id=2, eos_token_id=3)
LOCAL = dict(BASE, num_hidden_layers=3, local_attention=6, pad_token_id=0, cls_token_id=2, sep_token_id=3, bos_token_id=2, eos_token_id=3)
DEBERTA = dict(BASE, relative_attention=True, pos_att_type=["c2p", "p2c"], type_vocab_size=0, position_biased_input=False, layer_norm_eps=1e-7, pad_token_id=0)
V3 = dict(DEBERTA, position_buckets=6, max_relative_positions=-1, norm_rel_ebd="layer_norm", share_att_key=True, pooler_hidden_size=16, pooler_hidden_act="gelu", pooler_dropout=0)
HALF_LOCAL = ["full_attention", "sliding_attention", "full_attention"]

# Family, name of the variant, class prefix, config keys.
CASES = [
    ("camembert", "", "Camembert", ROBERTA),
    ("data2vec-text", "", "Data2VecText", ROBERTA),
    ("roberta-prelayernorm", "", "RobertaPreLayerNorm", ROBERTA),
    ("xlm-roberta-xl", "", "XLMRobertaXL", ROBERTA),
    ("electra", "", "Electra", dict(BASE, embedding_size=16)),
    ("electra", "narrow tables", "Electra", dict(BASE, embedding_size=8, hidden_act="relu")),
    ("ernie", "", "Ernie", BASE),
    ("bert", "quick_gelu", "Bert", dict(BASE, hidden_act="quick_gelu")),
    ("bert", "silu", "Bert", dict(BASE, hidden_act="silu", num_attention_heads=4)),
    ("albert", "one group", "Albert", dict(BASE, embedding_size=8, num_hidden_groups=1)),
    ("albert", "two groups", "Albert", dict(BASE, embedding_size=8, num_hidden_layers=3, num_hidden_groups=2, hidden_act="gelu")),
    ("modernbert", "", "ModernBert", LOCAL),
    ("modernbert", "mean", "ModernBert", dict(LOCAL, classifier_pooling="mean", attention_bias=True, mlp_bias=True, norm_bias=True, classifier_bias=True)),
    ("modernbert", "kinds", "ModernBert", dict(LOCAL, layer_types=HALF_LOCAL, hidden_activation="silu", rope_parameters={
        "full_attention": {"rope_type": "linear", "factor": 2.5, "rope_theta": 900.0}, "sliding_attention": {"rope_type": "default", "rope_theta": 70.0}})),
    ("mpnet", "", "MPNet", dict(ROBERTA, relative_attention_num_buckets=32)),
    ("nomic_bert", "", "NomicBert", dict(BASE, pad_token_id=0)),
    ("nomic_bert", "wide heads", "NomicBert", dict(BASE, head_dim=10, hidden_act="gelu", rope_parameters={"rope_type": "default", "rope_theta": 500.0})),
    ("gte", "", "Gte", dict(BASE, type_vocab_size=1)),
    ("gte", "no types", "Gte", dict(BASE, type_vocab_size=0, rope_parameters={"rope_type": "linear", "factor": 3.0, "rope_theta": 500.0})),
    ("deberta-v2", "as v3", "DebertaV2", V3),
    ("deberta-v2", "as v2", "DebertaV2", dict(DEBERTA, pooler_hidden_size=16, pooler_hidden_act="tanh", type_vocab_size=2, position_biased_input=True, max_relative_positions=8)),
    ("deberta-v2", "c2p", "DebertaV2", dict(V3, pos_att_type="c2p", share_att_key=False)),
    ("deberta-v2", "p2c", "DebertaV2", dict(V3, pos_att_type=["p2c"], norm_rel_ebd="none", share_att_key=False)),
    ("deberta-v2", "c2p shared", "DebertaV2", dict(V3, pos_att_type=["c2p"])),
    ("deberta-v2", "plain", "DebertaV2", dict(V3, relative_attention=False, pos_att_type=None, norm_rel_ebd="none", position_biased_input=True)),
    ("deberta-v2", "convolution", "DebertaV2", dict(V3, conv_kernel_size=3, conv_act="gelu")),
    ("deberta-v2", "one layer", "DebertaV2", dict(V3, num_hidden_layers=1, conv_kernel_size=5)),
    ("deberta", "", "Deberta", dict(DEBERTA, pooler_hidden_size=16, max_relative_positions=-1)),
    ("deberta", "near", "Deberta", dict(DEBERTA, pos_att_type=["c2p"], pooler_hidden_size=16, max_relative_positions=5, position_biased_input=True, type_vocab_size=2)),
    ("deberta", "p2c", "Deberta", dict(DEBERTA, pos_att_type=["p2c"], pooler_hidden_size=16)),
    ("roformer", "", "RoFormer", dict(BASE, embedding_size=16)),
    ("roformer", "values", "RoFormer", dict(BASE, embedding_size=8, rotary_value=True, hidden_act="relu")),
    ("esm", "", "Esm", ESM),
    ("esm", "as ESM-1b", "Esm", dict(ESM, position_embedding_type="absolute", emb_layer_norm_before=True, hidden_act="relu")),
    ("esm", "no dropout", "Esm", dict(ESM, token_dropout=False, num_attention_heads=4)),
    ("eurobert", "late", "EuroBert", dict(DECODER)),
    ("eurobert", "mean", "EuroBert", dict(DECODER, classifier_pooling="mean", attention_bias=True, mlp_bias=True)),
    ("eurobert", "bos", "EuroBert", dict(DECODER, classifier_pooling="bos", num_key_value_heads=4)),
    ("llama", "", "Llama", DECODER),
    ("llama", "biases", "Llama", dict(DECODER, attention_bias=True, mlp_bias=True, head_dim=6, rope_parameters={
        "rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 12, "rope_theta": 300.0})),
    ("mistral", "window", "Mistral", dict(DECODER, sliding_window=5)),
    ("mistral", "no window", "Mistral", dict(DECODER, sliding_window=None, head_dim=8)),
    ("qwen2", "", "Qwen2", DECODER),
    ("qwen2", "windows", "Qwen2", dict(DECODER, num_hidden_layers=3, use_sliding_window=True, sliding_window=4, max_window_layers=1)),
    ("qwen3", "", "Qwen3", dict(DECODER, head_dim=8)),
    ("qwen3", "biases", "Qwen3", dict(DECODER, head_dim=4, attention_bias=True, rope_parameters={
        "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 6, "rope_theta": 300.0})),
    ("gemma2", "", "Gemma2", dict(DECODER, head_dim=6, sliding_window=5, query_pre_attn_scalar=9, attn_logit_softcapping=1.5)),
    ("gemma2", "no cap", "Gemma2", dict(DECODER, head_dim=4, sliding_window=5, query_pre_attn_scalar=4, attn_logit_softcapping=None, attention_bias=True)),
    ("gemma3_text", "", "Gemma3Text", dict(DECODER, num_hidden_layers=3, head_dim=6, sliding_window=5, query_pre_attn_scalar=9, layer_types=HALF_LOCAL)),
    ("gemma3_text", "both ways", "Gemma3Text", dict(DECODER, num_hidden_layers=3, head_dim=6, sliding_window=6, query_pre_attn_scalar=9, use_bidirectional_attention=True, layer_types=HALF_LOCAL)),
]
# Files of earlier versions keep the same shape under other keys.
OLD_KEYS = {
    "modernbert": (dict(rope_parameters=None, layer_types=None), dict(global_rope_theta=160000.0, local_rope_theta=10000.0, global_attn_every_n_layers=3)),
    "llama": (dict(rope_parameters=None, head_dim=None), dict(rope_theta=10000.0, rope_scaling=None)),
    "gemma3_text": (dict(rope_parameters=None), dict(rope_theta=1000000.0, rope_local_base_freq=10000.0)),
}


def made(kind, task, config, seed):
    cls = getattr(tf, kind + task, None)
    if cls is None:
        return None
    model = cls._from_config(config, attn_implementation="eager") if hasattr(cls, "_from_config") else cls(config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if not p.requires_grad:
                continue
            norm = p.dim() == 1 and name.endswith("weight") and not kind.startswith("Gemma")
            p.copy_((torch.randn(p.shape, generator=generator) * (0.2 if p.dim() == 1 else 0.35) + norm).to(torch.bfloat16).float())
    return model.eval()


def body(config, architecture, changes):
    data = json.loads(config.to_json_string(use_diff=False))
    keep = {k: v for k, v in data.items() if v is not None or k in ("sliding_window", "attn_logit_softcapping")}
    for key in ("transformers_version", "dtype", "_name_or_path", "chunk_size_feed_forward", "output_attentions", "output_hidden_states", "return_dict"):
        keep.pop(key, None)
    keep.update(architectures=[architecture], **{k: v for k, v in changes.items() if v is not None})
    for key in [k for k, v in changes.items() if v is None]:
        keep.pop(key, None)
    return keep


def written(model):
    """What save_pretrained writes, where that has other names than the model's own; nil elsewhere."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        tensors = load_file(f"{folder}/model.safetensors")
    return tensors if tensors.keys() - model.state_dict().keys() else None


def main():
    os.makedirs(OUT, exist_ok=True)
    cases = []
    for family, variant, kind, keys in CASES:
        config = tf.AutoConfig.for_model(family, **keys)
        config.num_labels, config.id2label, config.label2id = 3, LABELS, {v: k for k, v in LABELS.items()}
        config._attn_implementation = "eager"
        stem = f"{family}{'-' if variant else ''}{variant.replace(' ', '-')}"
        seed = zlib.crc32(stem.encode())  # by name, so that further cases leave these as they are
        sequence = made(kind, "ForSequenceClassification", config, seed)
        bare = getattr(sequence, sequence.base_model_prefix) if sequence else made(kind, "Model", config, seed)
        tokens = made(kind, "ForTokenClassification", config, seed + 100)
        state = dict((sequence or bare).state_dict())
        if tokens:
            tokens.load_state_dict({k: v for k, v in state.items() if k in tokens.state_dict()}, strict=False)
            if tokens.state_dict().keys() & {"score.bias"}:  # the head on the text is the same layer without a bias
                state["score.bias"] = tokens.state_dict()["score.bias"]
            state.update({k: v for k, v in tokens.state_dict().items() if k not in state})
        weights = {k: v.to(torch.bfloat16).contiguous().clone() for k, v in state.items() if v.is_floating_point() and "embed_positions" not in k}
        save_file(weights, f"{OUT}/{stem}.safetensors", metadata={"format": "pt"})
        hasTypes = getattr(config, "type_vocab_size", 0) > 1

        def run(model, ids):
            inputs = dict(input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=torch.long))
            if hasTypes:
                inputs["token_type_ids"] = torch.tensor([TYPES if len(ids) == 7 else [0] * len(ids)])
            with torch.no_grad():
                return model(**inputs)

        def case(task, architecture, value, changes=None, note="", file=f"{stem}.safetensors"):
            rows = [{"ids": i, "types": TYPES if len(i) == 7 and hasTypes else [0] * len(i), "value": [round(x, 6) for x in value(i)]} for i in ROWS]
            cases.append({"name": " ".join(filter(None, [family, variant, note, task])), "weights": {"model.safetensors": file}, "task": task,
                          "files": {"config.json": json.dumps(body(config, architecture, changes or {}))}, "rows": rows})

        def labels(ids):
            logits = run(tokens, ids).logits[0]
            return logits.softmax(1).max(1).values.tolist() + [float(x) for x in logits.argmax(1)]

        def mean(ids):
            return run(bare, ids).last_hidden_state[0].mean(0).tolist()

        if sequence:
            case("text-classification", kind + "ForSequenceClassification", lambda ids: run(sequence, ids).logits[0].softmax(0).tolist())
        if tokens:
            case("token-classification", kind + "ForTokenClassification", labels)
        case("sentence-embedding", kind + "Model", mean)
        if sequence and variant == "" and (tensors := written(sequence)):
            save_file({k: v.to(torch.bfloat16) for k, v in tensors.items()}, f"{OUT}/{stem}-written.safetensors", metadata={"format": "pt"})
            case("text-classification", kind + "ForSequenceClassification", lambda ids: run(sequence, ids).logits[0].softmax(0).tolist(),
                 note="as written", file=f"{stem}-written.safetensors")
        if family in OLD_KEYS and variant in ("", "mean"):
            gone, old = OLD_KEYS[family]
            case("sentence-embedding", kind + "Model", mean, {**gone, **old}, note="old keys")
    json.dump(cases, open(f"{OUT}/encoders.json", "w"), separators=(",", ":"))
    print(len(cases), "cases", sum(os.path.getsize(f"{OUT}/{f}") for f in os.listdir(OUT)), "bytes")


main()
