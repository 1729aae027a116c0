"""One engine as a coprocess: python engine.py NAME PRECISION MODEL PREPARED

Reads a line {"ids": [[…], …], "repeat": n}, runs the forward pass n times on one thread, and answers
{"ms": […], "embedding": [[…], …]}: each run's time, taken in this process from arrays in to hidden states out, and the mean
over the tokens of each row. `martlet bench forward --interactive` speaks the same lines.
"""

import json
import sys
import time

import numpy as np

OUTPUT = sys.stdout


def load_onnxruntime(precision, model, prepared):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    path = "onnx/model.onnx" if precision == "plain f32" else f"onnxruntime/{precision.replace(' ', '-')}.onnx"
    session = onnxruntime.InferenceSession(f"{prepared}/{path}", options, providers=["CPUExecutionProvider"])
    names = {item.name for item in session.get_inputs()}

    def prepare(ids):
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        inputs = {key: value for key, value in inputs.items() if key in names}
        return lambda: session.run(None, inputs)[0]

    return prepare


def load_openvino(precision, model, prepared):
    import openvino

    core = openvino.Core()
    settings = {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1, "ENABLE_CPU_PINNING": False}
    # As it comes, it computes in bf16 where the CPU multiplies that.
    if precision not in ("as it comes", "auto int8"):
        settings["INFERENCE_PRECISION_HINT"] = "f32"
    name = "int8" if precision.endswith("int8") else "f32"
    compiled = core.compile_model(f"{prepared}/openvino/{name}.xml", "CPU", settings)
    request = compiled.create_infer_request()
    hidden = compiled.outputs[0]

    def prepare(ids):
        arrays = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        for item in compiled.inputs:
            request.set_tensor(item, openvino.Tensor(arrays[item.get_any_name()], shared_memory=True))

        def run():
            request.infer()
            return request.get_tensor(hidden).data

        run.kept = arrays
        return run

    return prepare


def load_ctranslate2(precision, model, prepared):
    import ctranslate2

    kind = "float32" if precision == "f32" else "int8"
    encoder = ctranslate2.Encoder(
        f"{prepared}/ctranslate2/{precision}", device="cpu", compute_type=kind, inter_threads=1, intra_threads=1
    )

    def prepare(ids):
        view = ctranslate2.StorageView.from_array(ids.astype(np.int32))
        lengths = ctranslate2.StorageView.from_array(np.full(ids.shape[0], ids.shape[1], np.int32))

        def run():
            return np.asarray(encoder.forward_batch(view, lengths).last_hidden_state)

        run.kept = (view, lengths)
        return run

    return prepare


def load_torch(precision, model, prepared):
    import torch
    from transformers import AutoModel

    torch.set_num_threads(1)
    torch.set_num_interop_threads(1)
    network = AutoModel.from_pretrained(model).eval()
    fixed = {"use_cache": False} if network.config.model_type.startswith("qwen") else {}
    if precision == "int8":
        network = torch.ao.quantization.quantize_dynamic(network, {torch.nn.Linear}, dtype=torch.qint8)
    if precision == "compiled":
        network = torch.compile(network, dynamic=True)

    def prepare(ids):
        inputs = torch.from_numpy(ids)

        def run():
            with torch.inference_mode():
                return network(input_ids=inputs, **fixed).last_hidden_state.numpy()

        return run

    return prepare


LOADERS = {
    "onnxruntime": load_onnxruntime,
    "openvino": load_openvino,
    "ctranslate2": load_ctranslate2,
    "pytorch": load_torch,
}


def main():
    name, precision, model, prepared = sys.argv[1:5]
    prepare = LOADERS[name](precision, model, prepared)
    print(json.dumps({"ready": name}), file=OUTPUT, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        run = prepare(np.array(request["ids"], dtype=np.int64))
        times = []
        for _ in range(request["repeat"]):
            start = time.perf_counter()
            hidden = run()
            times.append((time.perf_counter() - start) * 1000)
        pooled = np.asarray(hidden, dtype=np.float64).mean(axis=1)
        print(json.dumps({"ms": times, "embedding": pooled.tolist()}), file=OUTPUT, flush=True)


if __name__ == "__main__":
    # Libraries print to standard output as they load; the answers have the real one to themselves.
    import os

    OUTPUT = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    main()
