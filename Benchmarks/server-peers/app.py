"""The peer: Flask + onnxruntime behind Gunicorn, POST /predict {"input": "text"} -> {"prediction": "label"}.

MODEL names a Hugging Face directory, ONNX the graph with its head. One thread a worker; each loads its own session after
the fork, because onnxruntime's threads do not survive one.
"""

import json
import os

import numpy as np
import onnxruntime
from flask import Flask, jsonify, request
from tokenizers import Tokenizer

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["ONNX"], options, providers=["CPUExecutionProvider"])
names = {item.name for item in session.get_inputs()}
tokenizer = Tokenizer.from_file(os.path.join(os.environ["MODEL"], "tokenizer.json"))
tokenizer.no_padding()
tokenizer.enable_truncation(512)
with open(os.path.join(os.environ["MODEL"], "config.json")) as file:
    labels = json.load(file)["id2label"]
app = Flask(__name__)


@app.post("/predict")
def predict():
    ids = np.array([tokenizer.encode(request.get_json()["input"]).ids], dtype=np.int64)
    inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    logits = session.run(None, {key: value for key, value in inputs.items() if key in names})[0]
    return jsonify(prediction=labels[str(int(logits[0].argmax()))])
