"""Makes the fixtures of what sentence-transformers saves: tiny models as version 6 writes them, with what it says of texts.

    python3 Tests/Reference/sentence_transformers_fixtures.py Tests/TransformerTests/Fixtures/sentence-transformers

Needs: pip install "sentence-transformers>=6" model2vec. Each folder is a model directory; expected.json beside its files holds inputs and
answers, and where files stand that several models share: in the folder shared. Those whose name begins with "old" are changed to what
earlier versions wrote, and asked then.
"""
import hashlib
import json
import os
import shutil
import sys

import numpy as np
import torch
from model2vec import StaticModel
from model2vec.model import StaticModel as Model2Vec
from safetensors.torch import save_file
from sentence_transformers import (
    CrossEncoder,
    MultiVectorEncoder,
    SentenceTransformer,
    SparseEncoder,
)
from sentence_transformers.base.modules import Dense, Normalize, Router, Transformer
from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask
from sentence_transformers.sentence_transformer.modules import (
    Dropout,
    LayerNorm,
    Pooling,
    StaticEmbedding,
)
from sentence_transformers.sparse_encoder.modules import (
    SparseStaticEmbedding,
    SpladePooling,
)
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    BertModel,
    BertTokenizerFast,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
    RobertaConfig,
    RobertaForMaskedLM,
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


def start(name, roberta=False, head=None, seed=1, lowercases=False, words=False, **labels):
    """A folder of transformers' files alone."""
    folder = f"/tmp/st-start-{name}"
    shutil.rmtree(folder, ignore_errors=True)
    if roberta:
        config = RobertaConfig(vocab_size=45, max_position_embeddings=34, type_vocab_size=1, pad_token_id=1, bos_token_id=0,
                               eos_token_id=2, layer_norm_eps=1e-5, **SHAPE, **labels)
        kind = RobertaForMaskedLM if words else RobertaForSequenceClassification if head else RobertaModel
        model, tokenizer = kind(config), roberta_tokenizer()
    else:
        config = BertConfig(vocab_size=45, max_position_embeddings=32, **SHAPE, **labels)
        model = (BertForMaskedLM if words else BertForSequenceClassification if head else BertModel)(config)
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
    files = [os.path.relpath(f"{at}/{file}", folder) for at, _, all_files in os.walk(folder) for file in all_files]
    for file in sorted(f for f in files if os.path.basename(f) in ("model.safetensors", "tokenizer.json")):
        data = open(f"{folder}/{file}", "rb").read()
        shared[file] = hashlib.sha256(data).hexdigest()[:12] + "-" + os.path.basename(file)
        shutil.move(f"{folder}/{file}", f"{OUT}/shared/{shared[file]}")
    if not isinstance(values, dict):
        values = [v if isinstance(v, list) else [v] for v in values]
    json.dump({"shared": shared, "inputs": inputs, "values": rounded(values)}, open(f"{folder}/expected.json", "w"))


def rounded(value):
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    return [rounded(v) for v in value] if isinstance(value, list) else round(value, 6) if isinstance(value, float) else value


def sides(name, model, load, values, change=None):
    """What a model says of texts as queries, as documents, and as neither."""
    folder = f"{OUT}/{name}"
    model.save(folder)
    if change:
        change(folder)
    model = load(folder, device="cpu")
    finish(folder, TEXTS, {"query": values(model.encode_query(TEXTS)), "document": values(model.encode_document(TEXTS)),
                           "none": values(model.encode(TEXTS))})


def sparse(vectors):
    rows = vectors.to_dense().tolist()
    return [[[i for i, x in enumerate(row) if x != 0], [x for x in row if x != 0]] for row in rows]


def several(vectors):
    return [v.tolist() for v in vectors]


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

# Steps before Pooling and behind it, in other orders than usual.
def tokenwise(module):
    module.module_input_name = module.module_output_name = "token_embeddings"
    return module


def dense(inputs, outputs, seed, **arguments):
    return randomised(Dense(inputs, outputs, **arguments), seed)


embeddings("dense-before-pooling", built(bare, tokenwise(dense(16, 12, 11)), Normalize("token_embeddings"), Pooling(12)))
embeddings("norms-and-layers", built(
    bare, Pooling(16), Normalize(), dense(16, 12, 12, activation_function=torch.nn.ReLU()), randomised(LayerNorm(12), 13), Dropout(0.5),
    dense(12, 6, 14), Normalize()))
embeddings("two-poolings-and-layers", built(
    bare, tokenwise(dense(16, 8, 15, use_residual=True)), Pooling(8, pooling_mode=("max", "mean")), randomised(LayerNorm(16), 16)))
embeddings("normalised-before-anything", built(bare, Normalize(), Pooling(16), tokenwise(dense(16, 8, 17))))

# Tables without layers.
table = torch.randn(45, 12, generator=torch.Generator().manual_seed(21))
words = bert_tokenizer("/tmp/st-start-table")
embeddings("static", SentenceTransformer(modules=[StaticEmbedding(words, embedding_weights=table)], device="cpu"))
embeddings("static-with-steps", SentenceTransformer(
    modules=[StaticEmbedding(words, embedding_weights=table), Normalize(), dense(12, 6, 22)], device="cpu", truncate_dim=4,
    prompts={"query": "w7 "}, default_prompt_name="query"))


def model2vec(name, model, inputs=TEXTS):
    folder = f"{OUT}/{name}"
    model.save_pretrained(folder)
    finish(folder, inputs, StaticModel.from_pretrained(folder, force_download=False).encode(inputs).astype(float).tolist())


plain = words._tokenizer
MANY = " ".join(WORDS[(7 * i) % 40] for i in range(700))
model2vec("model2vec", Model2Vec(table.numpy(), plain, {"model_type": "model2vec"}, normalize=True), TEXTS + [MANY, "w1 unheard w2"])
model2vec("model2vec-plain", Model2Vec(table.numpy(), plain, {"model_type": "model2vec"}, normalize=False, max_length=7))
model2vec("model2vec-mapped", Model2Vec(
    table.numpy()[:9], plain, {"model_type": "model2vec"}, normalize=True, weights=np.linspace(0.5, 2, 45, dtype=np.float32),
    token_mapping=np.arange(45) % 9))
model2vec("model2vec-int8", Model2Vec(
    np.clip(table.numpy() * 40, -127, 127).astype(np.int8), plain, {"model_type": "model2vec"}, normalize=True))

# Prompts by side.
sides("prompts-by-side", SentenceTransformer(
    modules=[Transformer(bare), Pooling(16, include_prompt=False)], device="cpu",
    prompts={"query": "w7 w8 ", "document": "w9 ", "classify": "w1 w1 "}, default_prompt_name="classify"), SentenceTransformer, several)

# Sparse vectors: SPLADE, the sum of its first version, OpenSearch's two logarithms, queries without layers.
mlm, robust_mlm = start("mlm", words=True, seed=4), start("mlm-roberta", roberta=True, words=True, seed=5)
filled = dict(transformer_task="fill-mask")
sides("sparse", SparseEncoder(modules=[Transformer(mlm, **filled), SpladePooling("max")], device="cpu"), SparseEncoder, sparse)
sides("sparse-sum", SparseEncoder(modules=[Transformer(robust_mlm, **filled), SpladePooling("sum")], device="cpu",
                                  prompts={"query": "w3 "}), SparseEncoder, sparse, length(30))
idf = torch.rand(45, generator=torch.Generator().manual_seed(23)) * 4
sides("sparse-queries-without-layers", SparseEncoder(modules=[Router.for_query_document(
    query_modules=[SparseStaticEmbedding(words, weight=idf)],
    document_modules=[Transformer(mlm, **filled), SpladePooling("max", activation_function="log1p_relu")])], device="cpu"),
    SparseEncoder, sparse)


def before_5_4(folder):
    """As versions 5.0 to 5.3 wrote it."""
    modules = json.load(open(f"{folder}/modules.json"))
    modules[0]["type"] = "sentence_transformers.sparse_encoder.models.MLMTransformer"
    modules[1]["type"] = "sentence_transformers.sparse_encoder.models.SpladePooling"
    json.dump(modules, open(f"{folder}/modules.json", "w"))
    json.dump({"max_seq_length": 20, "do_lower_case": False}, open(f"{folder}/sentence_bert_config.json", "w"))
    json.dump({"pooling_strategy": "max", "activation_function": "relu", "word_embedding_dimension": 45},
              open(f"{folder}/1_SpladePooling/config.json", "w"))


sides("old-sparse", SparseEncoder(modules=[Transformer(mlm, **filled), SpladePooling("max")], device="cpu"), SparseEncoder, sparse,
      before_5_4)

# A vector for each token.
def late(start, expansion, skipped=(), prompts=None, **settings):
    return MultiVectorEncoder(
        modules=[Transformer(start, query_expansion=expansion, **settings),
                 tokenwise(dense(16, 8, 31, bias=False, activation_function=torch.nn.Identity())),
                 MultiVectorMask(skiplist_words=list(skipped)), Normalize("token_embeddings")], device="cpu", prompts=prompts)


def multi(name, model, change=None):
    sides(name, model, MultiVectorEncoder, several, change)


multi("multi-vector", late(bare, dict(strategy="fixed", length=12), ["w3", "w4"], {"query": "w30 ", "document": "w31 "},
                           document_length=20))
multi("multi-vector-attending", late(bare, dict(strategy="fixed", length=12, attend=True), ["w3"]))
multi("multi-vector-at-least", late(bare, dict(strategy="min", length=9, token="w39"), query_length=15))
multi("multi-vector-roberta", late(robust, dict(strategy="fixed", length=10), ["w1"]), length(30))
multi("multi-vector-plain", late(robust, None, query_length=6, document_length=9), length(30))


def pylate(**settings):
    """As PyLate up to 3 wrote it."""
    def change(folder):
        modules = json.load(open(f"{folder}/modules.json"))[:2]
        modules[0]["type"], modules[1]["type"] = "sentence_transformers.models.Transformer", "pylate.models.Dense.Dense"
        json.dump(modules, open(f"{folder}/modules.json", "w"))
        for old in ("2_MultiVectorMask", "3_Normalize"):
            shutil.rmtree(f"{folder}/{old}")
        json.dump({"max_seq_length": 20, "do_lower_case": False}, open(f"{folder}/sentence_bert_config.json", "w"))
        put(folder, "1_Dense/config.json", module_input_name=..., module_output_name=...)
        put(folder, "config_sentence_transformers.json", model_type=..., prompts={}, similarity_fn_name="MaxSim", **settings)
    return change


multi("old-pylate", late(bare, None), pylate(
    query_prefix="w30 ", document_prefix="w31 ", query_length=12, document_length=18, attend_to_expansion_tokens=False,
    skiplist_words=["w1", "w5"], do_query_expansion=True))
multi("old-pylate-attending", late(bare, None), pylate(
    query_prefix="w30 ", document_prefix="w31 ", query_length=9, document_length=18, attend_to_expansion_tokens=True, skiplist_words=[]))
multi("old-pylate-without-expansion", late(bare, None), pylate(
    query_prefix="w30 ", document_prefix="w31 ", query_length=9, document_length=18, do_query_expansion=False, skiplist_words=["w2"]))

# As Stanford's ColBERT saves it: the projection beside the encoder, marks that the tokenizer would take apart.
folder = f"{OUT}/stanford-colbert"
os.makedirs(folder)
vocabulary = {w: i for i, w in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[unused0]", "[unused1]", ".", "!"] + WORDS)}
marked = BertTokenizerFast(vocab=vocabulary, do_lower_case=False)
config = BertConfig(vocab_size=len(vocabulary), max_position_embeddings=40, architectures=["HF_ColBERT"], **SHAPE)
bert = randomised(BertModel(config), 41)
bert.save_pretrained(folder)
marked.save_pretrained(folder)
weights = {"bert." + name: tensor.contiguous() for name, tensor in bert.state_dict().items()}
weights["linear.weight"] = torch.randn(8, 16, generator=torch.Generator().manual_seed(42))
save_file(weights, f"{folder}/model.safetensors", metadata={"format": "pt"})
put(folder, "config.json", architectures=["HF_ColBERT"])
json.dump({"query_maxlen": 10, "doc_maxlen": 25, "mask_punctuation": True, "attend_to_mask_tokens": False,
           "query_token_id": "[unused0]", "doc_token_id": "[unused1]"}, open(f"{folder}/artifact.metadata", "w"))
colbert = MultiVectorEncoder(folder, device="cpu")
SENTENCES = ["w1 w2 . w3", "w4 !", LONG]
finish(folder, SENTENCES, {"query": several(colbert.encode_query(SENTENCES)), "document": several(colbert.encode_document(SENTENCES))})

# A decoder that says by two words whether a document answers a query, asked in the template of Qwen3-Reranker.
folder = f"{OUT}/cross-encoder-causal"
os.makedirs(folder)
letters = {c: i for i, c in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
byte_level = Tokenizer(models.BPE(letters, []))
byte_level.pre_tokenizer, byte_level.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
byte_level.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
byte_level.add_tokens(["<think>", "</think>"])
chat = PreTrainedTokenizerFast(tokenizer_object=byte_level, pad_token="<|endoftext|>", eos_token="<|im_end|>", padding_side="left")
decoder = randomised(Qwen3ForCausalLM(Qwen3Config(
    vocab_size=264, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1, head_dim=8, intermediate_size=24,
    max_position_embeddings=600, tie_word_embeddings=True, pad_token_id=256, eos_token_id=258, bos_token_id=None)), 43)
decoder.save_pretrained(folder)
chat.save_pretrained(folder)
json.dump([{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.base.modules.transformer.Transformer"},
           {"idx": 1, "name": "1", "path": "1_LogitScore",
            "type": "sentence_transformers.cross_encoder.modules.logit_score.LogitScore"}], open(f"{folder}/modules.json", "w"))
os.makedirs(f"{folder}/1_LogitScore")
json.dump({"true_token_id": 88, "false_token_id": 77, "module_input_name": "causal_logits"}, open(f"{folder}/1_LogitScore/config.json", "w"))
json.dump({"model_type": "CrossEncoder", "prompts": {"web": "Given a question, find its answer"}, "default_prompt_name": "web"},
          open(f"{folder}/config_sentence_transformers.json", "w"))
OPENING = ('<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct provided. Note that '
           'the answer can only be "yes" or "no".<|im_end|>\n<|im_start|>user\n')
CLOSING = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"


def relevance(query, document):
    text = f"{OPENING}<Instruct>: Given a question, find its answer\n<Query>: {query}\n<Document>: {document}{CLOSING}"
    logits = decoder(**chat(text, return_tensors="pt", add_special_tokens=False)).logits[0, -1]
    return torch.sigmoid(logits[88] - logits[77]).item()


QUESTIONS = [["Where is Berlin?", "Berlin is in Germany."], ["Where is Berlin?", "Bread is baked."]]
with torch.no_grad():
    finish(folder, QUESTIONS, [relevance(*pair) for pair in QUESTIONS])

# bge-m3's layers beside its encoder: what the functions of FlagEmbedding compute, written out.
embeddings("token-layers", built(robust, Pooling(16, pooling_mode="cls"), Normalize()), length(30))
folder = f"{OUT}/token-layers"
generator = torch.Generator().manual_seed(44)
layers = {"sparse_linear": {"weight": torch.randn(1, 16, generator=generator), "bias": torch.tensor([0.1])},
          "colbert_linear": {"weight": torch.randn(16, 16, generator=generator), "bias": torch.randn(16, generator=generator)}}
for name, tensors in layers.items():
    save_file(tensors, f"{folder}/{name}.safetensors")
encoder, words_of = RobertaModel.from_pretrained(robust).eval(), roberta_tokenizer()
every = {"sparse": [], "vectors": []}
with torch.no_grad():
    for text in TEXTS:
        ids = words_of(text, return_tensors="pt", truncation=True, max_length=30)
        states = encoder(**ids).last_hidden_state[0]
        found = {}
        for token, weight in zip(ids["input_ids"][0].tolist(), torch.relu(
                states @ layers["sparse_linear"]["weight"].T + layers["sparse_linear"]["bias"])[:, 0].tolist()):
            if token > 3 and weight > 0:
                found[token] = max(found.get(token, 0), weight)
        every["sparse"].append([sorted(found), [found[t] for t in sorted(found)]])
        rows = states[1:] @ layers["colbert_linear"]["weight"].T + layers["colbert_linear"]["bias"]
        every["vectors"].append(torch.nn.functional.normalize(rows, dim=-1).tolist())
expected = json.load(open(f"{folder}/expected.json"))
expected["tasks"] = rounded(every)
json.dump(expected, open(f"{folder}/expected.json", "w"))
