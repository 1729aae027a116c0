"""Writes tiny models with random weights, so that every protocol of the API has a model that speaks it.

    tiny_models.py DIRECTORY

makes DIRECTORY/embedder (sentence-transformers, 16 numbers of length 1), DIRECTORY/reranker (a cross-encoder with one
output), DIRECTORY/tagger and DIRECTORY/entities (token classification, the latter's labels begin with B- and I-),
DIRECTORY/reader (question answering) and DIRECTORY/entailment (natural language inference): BERT of one layer, width 16. Standard
library alone.
"""

import json
import random
import struct
import sys
from pathlib import Path

WIDTH, INNER, HEADS, POSITIONS = 16, 32, 2, 64
WORDS = "how old are you what is your age hello call now to claim prize coming home for dinner many people live in berlin".split()
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *"abcdefghijklmnopqrstuvwxyz", *("##" + c for c in "abcdefghijklmnopqrstuvwxyz")]


def shapes():
    """Names and shapes of a BERT encoder, as transformers writes them."""
    yield "embeddings.word_embeddings.weight", [len(VOCABULARY), WIDTH]
    yield "embeddings.position_embeddings.weight", [POSITIONS, WIDTH]
    yield "embeddings.token_type_embeddings.weight", [2, WIDTH]
    layers = [
        ("attention.self.query", [WIDTH, WIDTH]),
        ("attention.self.key", [WIDTH, WIDTH]),
        ("attention.self.value", [WIDTH, WIDTH]),
        ("attention.output.dense", [WIDTH, WIDTH]),
        ("intermediate.dense", [INNER, WIDTH]),
        ("output.dense", [WIDTH, INNER]),
    ]
    for name, shape in layers:
        yield f"encoder.layer.0.{name}.weight", shape
        yield f"encoder.layer.0.{name}.bias", shape[:1]
    for name in ["embeddings", "encoder.layer.0.attention.output", "encoder.layer.0.output"]:
        yield f"{name}.LayerNorm.weight", [WIDTH]
        yield f"{name}.LayerNorm.bias", [WIDTH]


def write(directory, architecture, prefix, head, labels, extra):
    directory.mkdir(parents=True, exist_ok=True)
    generator = random.Random(7)
    tensors = [(prefix + name, shape) for name, shape in shapes()] + head
    header, data = {}, b""
    for name, shape in tensors:
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        if name.endswith("LayerNorm.weight"):
            values = [1.0] * count
        else:
            values = [generator.gauss(0, 0.3) for _ in range(count)]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + 4 * count]}
        data += struct.pack(f"<{count}f", *values)
    head_bytes = json.dumps(header).encode()
    (directory / "model.safetensors").write_bytes(struct.pack("<Q", len(head_bytes)) + head_bytes + data)
    (directory / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
    (directory / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True, "model_max_length": POSITIONS}))
    config = {
        "architectures": [architecture], "model_type": "bert", "vocab_size": len(VOCABULARY), "hidden_size": WIDTH,
        "num_hidden_layers": 1, "num_attention_heads": HEADS, "intermediate_size": INNER, "hidden_act": "gelu",
        "max_position_embeddings": POSITIONS, "type_vocab_size": 2, "layer_norm_eps": 1e-12, "pad_token_id": 0,
    }
    if labels:
        config["id2label"] = dict(enumerate(labels))
        config["label2id"] = {label: index for index, label in enumerate(labels)}
    (directory / "config.json").write_text(json.dumps(config | extra))


def main():
    root = Path(sys.argv[1])
    write(root / "embedder", "BertModel", "", [], [], {})
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
    ]
    (root / "embedder/modules.json").write_text(json.dumps(modules))
    (root / "embedder/1_Pooling").mkdir(exist_ok=True)
    pooling = {"word_embedding_dimension": WIDTH, "pooling_mode_mean_tokens": True}
    (root / "embedder/1_Pooling/config.json").write_text(json.dumps(pooling))
    pooler = [("bert.pooler.dense.weight", [WIDTH, WIDTH]), ("bert.pooler.dense.bias", [WIDTH])]
    one = [("classifier.weight", [1, WIDTH]), ("classifier.bias", [1])]
    write(root / "reranker", "BertForSequenceClassification", "bert.", pooler + one, ["LABEL_0"], {})
    three = [("classifier.weight", [3, WIDTH]), ("classifier.bias", [3])]
    write(root / "tagger", "BertForTokenClassification", "bert.", three, ["O", "B", "I"], {})
    write(root / "entities", "BertForTokenClassification", "bert.", three, ["O", "B-LOC", "I-LOC"], {})
    inference = ["contradiction", "neutral", "entailment"]
    write(root / "entailment", "BertForSequenceClassification", "bert.", pooler + three, inference, {})
    two = [("qa_outputs.weight", [2, WIDTH]), ("qa_outputs.bias", [2])]
    write(root / "reader", "BertForQuestionAnswering", "bert.", two, [], {})


main()
