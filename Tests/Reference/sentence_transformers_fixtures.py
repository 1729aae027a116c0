"""Makes the fixtures of what sentence-transformers saves: tiny models as version 6 writes them, with what it says of texts.

    python3 Tests/Reference/sentence_transformers_fixtures.py Tests/TransformerTests/Fixtures/sentence-transformers

Needs: pip install "sentence-transformers>=6". Each folder is a model directory; expected.json beside its files holds inputs and
answers, and where files stand that several models share: in the folder shared. Those whose name begins with "old" are changed to what
earlier versions wrote, and asked then.
"""
import hashlib
import json
import os
import shutil
import sys

import torch
from sentence_transformers import CrossEncoder, SentenceTransformer
from sentence_transformers.base.modules import Dense, Normalize, Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    BertTokenizerFast,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForSequenceClassification,
    RobertaModel,
)

OUT = sys.argv[1]
shutil.rmtree(OUT, ignore_errors=True)
os.makedirs(OUT)
WORDS = [f"w{i}" for i in range(40)]
SHAPE = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)
LONG = " ".join(WORDS[(7 * i) % 40] for i in range(60))
TEXTS = ["w1 w2 w3", "W4 w5", "w6", LONG, "w1 <pad> w2 [PAD] w3", "w9 [MASK] W8"]
PAIRS = [["w1 w2", "w3"], ["w4", "w5 w6 w7"], [LONG, "w1"], ["w1 <pad>", "w2"]]


def randomised(model, seed):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            scale = 0.2 if p.dim() == 1 else 0.35
            p.copy_(torch.randn(p.shape, generator=generator) * scale + (1.0 if "LayerNorm.weight" in name else 0.0))
    return model.eval()


def bert_tokenizer(folder, lowercases=False):
    os.makedirs(folder, exist_ok=True)
    vocabulary = {w: i for i, w in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + WORDS)}
    return BertTokenizerFast(vocab=vocabulary, do_lower_case=lowercases)


def roberta_tokenizer():
    vocabulary = {w: i for i, w in enumerate(["<s>", "<pad>", "</s>", "<unk>", "<mask>"] + WORDS)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", cls_token="<s>", sep_token="</s>", unk_token="<unk>",
        pad_token="<pad>", mask_token="<mask>", model_input_names=["input_ids", "attention_mask"])


def start(name, roberta=False, head=None, seed=1, lowercases=False, **labels):
    """A folder of transformers' files alone."""
    folder = f"/tmp/st-start-{name}"
    shutil.rmtree(folder, ignore_errors=True)
    if roberta:
        config = RobertaConfig(vocab_size=45, max_position_embeddings=34, type_vocab_size=1, pad_token_id=1, bos_token_id=0,
                               eos_token_id=2, layer_norm_eps=1e-5, **SHAPE, **labels)
        model, tokenizer = (RobertaForSequenceClassification if head else RobertaModel)(config), roberta_tokenizer()
    else:
        config = BertConfig(vocab_size=45, max_position_embeddings=32, **SHAPE, **labels)
        model = (BertForSequenceClassification if head else BertModel)(config)
        tokenizer = bert_tokenizer(folder, lowercases)
    randomised(model, seed).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def put(folder, name, **members):
    path = f"{folder}/{name}"
    old = json.load(open(path)) if os.path.exists(path) else {}
    old.update(members)
    json.dump({k: v for k, v in old.items() if v is not ...}, open(path, "w"), indent=2)


def embeddings(name, model, change=None):
    folder = f"{OUT}/{name}"
    model.save(folder)
    if change:
        change(folder)
    finish(folder, TEXTS, SentenceTransformer(folder, device="cpu").encode(TEXTS).tolist())


def scores(name, model, change=None):
    folder = f"{OUT}/{name}"
    model.save(folder)
    if change:
        change(folder)
    finish(folder, PAIRS, CrossEncoder(folder, device="cpu").predict(PAIRS).tolist())


def finish(folder, inputs, values):
    if os.path.exists(f"{folder}/README.md"):
        os.remove(f"{folder}/README.md")
    os.makedirs(f"{OUT}/shared", exist_ok=True)
    shared = {}
    for file in ("model.safetensors", "tokenizer.json"):
        data = open(f"{folder}/{file}", "rb").read()
        shared[file] = hashlib.sha256(data).hexdigest()[:12] + "-" + file
        shutil.move(f"{folder}/{file}", f"{OUT}/shared/{shared[file]}")
    json.dump({"shared": shared, "inputs": inputs, "values": [[round(x, 6) for x in (v if isinstance(v, list) else [v])] for v in values]},
              open(f"{folder}/expected.json", "w"))


def built(folder, *modules, **settings):
    first = Transformer(folder, **settings)
    return SentenceTransformer(modules=[first, *modules], device="cpu")


def length(value):
    def change(folder):
        put(folder, "tokenizer_config.json", model_max_length=value)
    return change


# Cross-encoders: the last function stands in config_sentence_transformers.json.
one = start("one", head=True, num_labels=1)
scores("cross-encoder-sigmoid", CrossEncoder(one, device="cpu"))
scores("cross-encoder-identity", CrossEncoder(one, device="cpu", activation_fn=torch.nn.Identity()))
scores("cross-encoder-roberta-length", CrossEncoder(start("one-roberta", roberta=True, head=True, num_labels=1, seed=2), device="cpu",
                                                    max_length=12))
# As versions before 4 and before 5.4 wrote it.
scores("old-cross-encoder-4", CrossEncoder(one, device="cpu", activation_fn=torch.nn.Identity()), lambda folder: (
    os.remove(f"{folder}/config_sentence_transformers.json"), os.remove(f"{folder}/modules.json"),
    put(folder, "config.json", sentence_transformers={"activation_fn": "torch.nn.modules.linear.Identity", "version": "4.1.0"})))
scores("old-cross-encoder-3", CrossEncoder(one, device="cpu", activation_fn=torch.nn.Identity()), lambda folder: (
    os.remove(f"{folder}/config_sentence_transformers.json"), os.remove(f"{folder}/modules.json"),
    put(folder, "config.json", sbert_ce_default_activation_function="torch.nn.modules.linear.Identity")))
scores("cross-encoder-default", CrossEncoder(one, device="cpu"), lambda folder: put(
    folder, "config_sentence_transformers.json", activation_fn=...))

# Lengths: of the tokenizer, which may say 10^30, and of the settings' file under any of its names.
bare, robust = start("bare"), start("bare-roberta", roberta=True, seed=3)
embeddings("length-of-tokenizer", built(bare, Pooling(16)), length(9))
embeddings("length-unbounded", built(bare, Pooling(16, pooling_mode="max")), length(int(1e30)))
embeddings("roberta-length-of-tokenizer", built(robust, Pooling(16, pooling_mode="cls"), Normalize()), length(11))
embeddings("roberta-pad", built(robust, Pooling(16, pooling_mode="lasttoken")), length(30))
for number, kind in enumerate(["bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet"]):
    def rename(folder, number=number, kind=kind):
        os.remove(f"{folder}/sentence_bert_config.json")
        json.dump({"max_seq_length": 6 + number, "do_lower_case": number == 0}, open(f"{folder}/sentence_{kind}_config.json", "w"))
    embeddings(f"old-length-{kind}", built(bare, Pooling(16)), rename)

# Prompts, pooling without them, a cut width, a dense layer with what goes around it.
prompted = SentenceTransformer(modules=[Transformer(bare), Pooling(16, include_prompt=False)], device="cpu",
                               prompts={"query": "w7 w8 ", "document": ""}, default_prompt_name="query")
embeddings("prompt-excluded", prompted)
embeddings("prompt-included", SentenceTransformer(modules=[Transformer(bare), Pooling(16, pooling_mode="weightedmean")], device="cpu",
                                                  prompts={"query": "w7 w8 "}, default_prompt_name="query"))
embeddings("no-prompt-to-exclude", SentenceTransformer(modules=[Transformer(bare), Pooling(16, include_prompt=False)], device="cpu"))
embeddings("cut-width", SentenceTransformer(modules=[Transformer(bare), Pooling(16, pooling_mode=("cls", "mean"))], device="cpu",
                                            truncate_dim=7))
embeddings("cut-width-normalised", SentenceTransformer(modules=[Transformer(bare), Pooling(16), Normalize()], device="cpu",
                                                       truncate_dim=5))
for name, arguments in {
        "dense-residual": dict(in_features=16, out_features=16, use_residual=True),
        "dense-projected-residual": dict(in_features=16, out_features=8, use_residual=True, bias=False),
        "dense-sigmoid": dict(in_features=16, out_features=8, activation_function=torch.nn.Sigmoid()),
        "dense-gelu": dict(in_features=16, out_features=8, activation_function=torch.nn.GELU())}.items():
    embeddings(name, built(bare, Pooling(16), randomised(Dense(**arguments), 9)))
