"""Makes the fixtures of masked words: tiny models of every family with such a head, and what FillMaskPipeline says.

    python3 Tests/Reference/masked_words.py Tests/TransformerTests/Fixtures/masked-words

Needs: pip install transformers torch. Each folder is a model directory; expected.json beside its files holds requests and answers.
"""
import json
import os
import shutil
import sys
import warnings

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import (
    AutoConfig,
    AutoModelForMaskedLM,
    BertTokenizerFast,
    FillMaskPipeline,
    PreTrainedTokenizerFast,
)

warnings.filterwarnings("ignore")
OUT = sys.argv[1]
shutil.rmtree(OUT, ignore_errors=True)
WORDS = "the cat sat on a mat and dog ran far away ##s ##ing un ##happy , . ' ! w1 w2 w3 w4 w5 Café é".split()
SMALL = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24, max_position_embeddings=40,
             vocab_size=5 + len(WORDS))


def tokenizer(marks):
    words = (["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] if marks == "bert" else ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]) + WORDS
    vocabulary = {word: i for i, word in enumerate(words)}
    if marks == "bert":
        return BertTokenizerFast(vocab=vocabulary, do_lower_case=False)
    made = Tokenizer(models.WordPiece(vocabulary, unk_token="<unk>"))
    made.pre_tokenizer, made.decoder = pre_tokenizers.BertPreTokenizer(), decoders.WordPiece()
    made.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return PreTrainedTokenizerFast(
        tokenizer_object=made, bos_token="<s>", eos_token="</s>", cls_token="<s>", sep_token="</s>", unk_token="<unk>",
        pad_token="<pad>", mask_token="<mask>", model_input_names=["input_ids", "attention_mask"])


CASES = {
    "bert": ("bert", {}),
    "bert-relu": ("bert", dict(model_type="bert", hidden_act="relu")),
    "ernie": ("bert", {}),
    "distilbert": ("bert", dict(dim=16, n_layers=2, n_heads=2, hidden_dim=24)),
    "albert": ("bert", dict(embedding_size=8)),
    "electra": ("bert", dict(embedding_size=8)),
    "deberta-v2": ("bert", dict(relative_attention=True, pos_att_type=["p2c", "c2p"], position_buckets=8, legacy=True)),
    "modernbert": ("bert", dict(pad_token_id=0, cls_token_id=2, sep_token_id=3, global_attn_every_n_layers=2, local_attention=8)),
    "modernbert-biases": ("bert", dict(
        model_type="modernbert", pad_token_id=0, cls_token_id=2, sep_token_id=3, norm_bias=True, classifier_bias=True, mlp_bias=True,
        decoder_bias=False)),
    "mpnet": ("roberta", dict(pad_token_id=1)),
    "roberta": ("roberta", dict(pad_token_id=1, type_vocab_size=1)),
    "roberta-apart": ("roberta", dict(model_type="roberta", pad_token_id=1, type_vocab_size=1, tie_word_embeddings=False)),
    "xlm-roberta": ("roberta", dict(pad_token_id=1)),
}
for name, (marks, keys) in CASES.items():
    keys = dict(keys)
    kind = keys.pop("model_type", name)
    torch.manual_seed(sum(map(ord, name)))
    config = AutoConfig.for_model(kind, **{**SMALL, **keys})
    model = AutoModelForMaskedLM.from_config(config).eval()
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if "embed_positions" not in key:  # a constant, which is made and not read
                parameter.add_(torch.randn(parameter.shape) * 0.3)
    words = tokenizer(marks)
    folder = f"{OUT}/{name}"
    model.half().float().save_pretrained(folder)
    words.save_pretrained(folder)
    model = AutoModelForMaskedLM.from_pretrained(folder)
    pipeline = FillMaskPipeline(model=model, tokenizer=words, device="cpu")
    mask = words.mask_token
    requests = [
        (f"the cat {mask} on a mat .", {}), (f"{mask} dogs ran", dict(top_k=3)),
        (f"a {mask} , and {mask} sat !", dict(top_k=2)),
        (f"the {mask} ran", dict(targets=["cat", "dog", "mat"])),
        (f"the {mask} ran", dict(targets=["unhappy", "w3"], top_k=9)),
    ]
    answers = [pipeline(text, **parameters) for text, parameters in requests]
    json.dump([{"text": t, "parameters": p, "answer": a} for (t, p), a in zip(requests, answers)],
              open(f"{folder}/expected.json", "w"), ensure_ascii=False)
    for file in os.listdir(folder):
        if file not in ("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors", "expected.json"):
            os.remove(f"{folder}/{file}")
