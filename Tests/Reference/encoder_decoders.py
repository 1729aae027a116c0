"""Makes the fixtures of encoder-decoders: tiny random models, and the scores and texts that transformers gives.

    python3 Tests/Reference/encoder_decoders.py Tests/TransformerTests/Fixtures/encoder-decoders

Needs: pip install torch transformers safetensors. Each row of CASES is a family with one set of config keys that change its
mathematics. Scores are of all tokens of a target at once; texts are those of `generate` under the settings of DECODING. The
weights file is what save_pretrained writes.
"""
import json
import os
import sys
import zlib

import torch
import transformers as tf
from safetensors.torch import load_file, save_file

OUT = sys.argv[1]
# Ids 0 to 2 have roles; sources end in 2 or, for T5, in 1.
SOURCES = [[7, 9, 21, 2], [30, 2], [5 + (i * 7) % 33 for i in range(17)] + [2], [8, 4, 33, 11, 30, 3, 2]]
TARGETS = [[9, 14, 3], [6], [4 + (i * 5) % 35 for i in range(12)], [21, 33, 7, 7, 7]]
BART = dict(vocab_size=40, d_model=16, encoder_layers=2, decoder_layers=2, encoder_attention_heads=2, decoder_attention_heads=4,
            encoder_ffn_dim=20, decoder_ffn_dim=24, max_position_embeddings=32, pad_token_id=1, bos_token_id=0, eos_token_id=2,
            decoder_start_token_id=2, forced_eos_token_id=None)
MARIAN = dict(BART, decoder_vocab_size=40, scale_embedding=True, activation_function="swish", decoder_start_token_id=39, pad_token_id=39, bos_token_id=None)
T5 = dict(vocab_size=40, d_model=16, d_kv=6, d_ff=20, num_layers=2, num_heads=2, relative_attention_num_buckets=8,
          relative_attention_max_distance=10, pad_token_id=0, eos_token_id=2, decoder_start_token_id=0)
# Family, variant, class, config keys.
CASES = [
    ("bart", "", "BartForConditionalGeneration", BART),
    ("bart", "scaled", "BartForConditionalGeneration", dict(BART, scale_embedding=True, activation_function="relu", decoder_layers=1)),
    ("mbart", "", "MBartForConditionalGeneration", dict(BART, scale_embedding=True)),
    ("marian", "", "MarianMTModel", MARIAN),
    ("marian", "odd", "MarianMTModel", dict(MARIAN, d_model=12, encoder_attention_heads=3, decoder_attention_heads=3, scale_embedding=False, encoder_layers=3, activation_function="gelu")),
    ("t5", "", "T5ForConditionalGeneration", T5),
    ("t5", "v1.1", "T5ForConditionalGeneration", dict(T5, feed_forward_proj="gated-gelu", tie_word_embeddings=False)),
    ("t5", "gated silu", "T5ForConditionalGeneration", dict(T5, feed_forward_proj="gated-silu", d_kv=8)),
    ("m2m_100", "", "M2M100ForConditionalGeneration", dict(BART, scale_embedding=True, activation_function="relu")),
    ("pegasus", "", "PegasusForConditionalGeneration", dict(BART, scale_embedding=True, pad_token_id=0, decoder_start_token_id=0, bos_token_id=None)),
]
DECODING = [
    ("greedy", dict()),
    ("greedy, no bigram twice, penalty", dict(no_repeat_ngram_size=2, repetition_penalty=1.4)),
    ("greedy, least and most tokens", dict(min_new_tokens=4, max_new_tokens=6)),
    ("beam 4", dict(num_beams=4)),
    ("beam 4, short ones", dict(num_beams=4, length_penalty=0.2, early_stopping=True)),
    ("beam 3, long ones, never early", dict(num_beams=3, length_penalty=2.0, early_stopping="never")),
    ("beam 4, 3 answers", dict(num_beams=4, num_return_sequences=3, no_repeat_ngram_size=3)),
    ("beam 2, forced", dict(num_beams=2, forced_bos_token_id=11, forced_eos_token_id=2)),
    ("beam 3, bad words", dict(num_beams=3, bad_words_ids=[[5], [9, 14], [21]], repetition_penalty=1.3)),
]


def made(kind, family, keys, seed):
    config = tf.AutoConfig.for_model(family, **keys)
    config._attn_implementation = "eager"
    torch.manual_seed(seed)
    model = getattr(tf, kind)(config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if not p.requires_grad or "embed_positions" in name and family != "bart" and family != "mbart":
                continue
            norm = p.dim() == 1 and name.endswith("weight")
            p.copy_((torch.randn(p.shape, generator=generator) * (0.2 if p.dim() == 1 else 0.4) + norm).to(torch.bfloat16).float())
        if hasattr(model, "final_logits_bias"):
            bias = torch.randn(model.final_logits_bias.shape, generator=generator) * 0.5
            # The end comes now and then.
            bias[0, 2] += 3.5
            bias[0, model.config.pad_token_id] -= 20
            model.final_logits_bias.copy_(bias.to(torch.bfloat16).float())
    return model.eval()


def batch(sources, pad):
    width = max(map(len, sources))
    ids = torch.tensor([s + [pad] * (width - len(s)) for s in sources])
    mask = torch.tensor([[1] * len(s) + [0] * (width - len(s)) for s in sources])
    return dict(input_ids=ids, attention_mask=mask)


def main():
    os.makedirs(OUT, exist_ok=True)
    cases = []
    for family, variant, kind, keys in CASES:
        stem = f"{family}{'-' if variant else ''}{variant.replace(' ', '-')}"
        model = made(kind, family, keys, zlib.crc32(stem.encode()))
        if keys.get("tie_word_embeddings") is False:
            # Version 5 ties on making; checkpoints with an output of their own come apart when they are read.
            model.lm_head.weight = torch.nn.Parameter((torch.randn(model.lm_head.weight.shape) * 0.4).to(torch.bfloat16).float())
        folder = f"/tmp/encoder-decoders-{stem}"
        model.save_pretrained(folder)
        tensors = load_file(f"{folder}/model.safetensors")
        if keys.get("tie_word_embeddings") is False and "lm_head.weight" not in tensors:
            tensors["lm_head.weight"] = model.lm_head.weight.detach()
        # Constant places are no weights, and compared with the formula.
        save_file({k: v.contiguous() if family == "pegasus" and "embed_positions" in k else v.to(torch.bfloat16).contiguous() for k, v in tensors.items()}, f"{OUT}/{stem}.safetensors", metadata={"format": "pt"})
        config = json.load(open(f"{folder}/config.json"))
        if keys.get("tie_word_embeddings") is False:
            config["tie_word_embeddings"] = False
            config.pop("scale_decoder_outputs", None)
        config.pop("transformers_version", None)
        start, pad = model.config.decoder_start_token_id, model.config.pad_token_id
        scores = []
        with torch.no_grad():
            for source, target in zip(SOURCES, TARGETS):
                out = model(input_ids=torch.tensor([source]), decoder_input_ids=torch.tensor([[start] + target])).logits[0]
                scores.append([[round(float(x), 5) for x in row] for row in out])
            texts = []
            for name, settings in DECODING:
                settings = {"max_new_tokens": 14, "do_sample": False, **settings}
                out = model.generate(**batch(SOURCES, pad), **settings, return_dict_in_generate=True, output_scores=True)
                rows = []
                for row in out.sequences.tolist():
                    row = row[1:]
                    # What fills up is the padding token, or where that is 0 the end.
                    row = row[:row.index(2) + 1] if 2 in row else row
                    rows.append(row)
                entry = {"name": name, "settings": settings, "ids": rows}
                if settings.get("num_beams", 1) > 1:
                    entry["scores"] = [round(float(x), 5) for x in out.sequences_scores]
                texts.append(entry)
        cases.append({"name": f"{family} {variant}".strip(), "weights": f"{stem}.safetensors", "config": config, "scores": scores, "texts": texts})
    json.dump({"sources": SOURCES, "targets": TARGETS, "cases": cases}, open(f"{OUT}/cases.json", "w"), separators=(",", ":"))
    print(len(cases), "cases", sum(os.path.getsize(f"{OUT}/{f}") for f in os.listdir(OUT)), "bytes")


main()
