"""Drives a running Martlet with the clients that its protocols' own projects publish.

    protocols.py URL

The server has the models of Tests/Clients/run: spam (a classifier), embedder, reranker, tagger. Exits with 1 and says which
check failed.
"""

import sys

import numpy
import openai
import requests
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

URL = sys.argv[1]
TEXTS = ["Are you coming home for dinner tonight?", "WINNER!! Call now to claim your free prize of 1000 pounds"]
checks = []


def check(function):
    checks.append(function)
    return function


def post(path, body, status=200):
    answer = requests.post(URL + path, json=body, timeout=10)
    assert answer.status_code == status, f"{path}: {answer.status_code} {answer.text}"
    return answer.json()


@check
def open_inference_with_tritonclient():
    client = triton.InferenceServerClient(URL.removeprefix("http://"))
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("spam")
    assert client.get_server_metadata()["name"] == "martlet"
    metadata = client.get_model_metadata("spam")
    assert [output["name"] for output in metadata["outputs"]] == ["label", "scores"]
    array = numpy.array([text.encode() for text in TEXTS], dtype=object)
    results = []
    for binary_in in (False, True):
        for binary_out in (False, True):
            tensor = triton.InferInput("text", [2], "BYTES")
            tensor.set_data_from_numpy(array, binary_data=binary_in)
            outputs = [triton.InferRequestedOutput(name, binary_data=binary_out) for name in ("label", "scores")]
            result = client.infer("spam", [tensor], outputs=outputs, request_id="r-1")
            assert result.get_response()["id"] == "r-1"
            labels = [value.decode() if isinstance(value, bytes) else value for value in result.as_numpy("label")]
            assert labels == ["ham", "spam"], labels
            scores = result.as_numpy("scores")
            assert scores.shape == (2, 2) and abs(scores.sum(axis=1) - 1).max() < 1e-5
            results.append(scores)
    # JSON and binary tensors hold the same bits.
    assert all((scores == results[0]).all() for scores in results)
    # What the client asks for by itself: binary in, binary out.
    tensor = triton.InferInput("text", [2, 1], "BYTES")
    tensor.set_data_from_numpy(array.reshape(2, 1))
    vectors = client.infer("embedder", [tensor]).as_numpy("embedding")
    assert vectors.shape == (2, 16) and vectors.dtype == numpy.float32
    wrong = triton.InferInput("text", [1], "FP32")
    wrong.set_data_from_numpy(numpy.zeros(1, dtype=numpy.float32))
    try:
        client.infer("spam", [wrong])
        raise AssertionError("FP32 was taken")
    except InferenceServerException as error:
        assert error.status() == "400" and "BYTES" in error.message()


@check
def embeddings_with_openai():
    client = openai.OpenAI(base_url=URL + "/v1", api_key="none", max_retries=0)
    assert {model.id for model in client.models.list()} >= {"spam", "embedder"}
    assert client.models.retrieve("embedder").id == "embedder"
    # The client asks for base64 by itself.
    packed = client.embeddings.create(model="embedder", input=TEXTS)
    plain = client.embeddings.create(model="embedder", input=TEXTS, encoding_format="float")
    for a, b in zip(packed.data, plain.data):
        assert a.index == b.index
        assert numpy.array_equal(numpy.float32(a.embedding), numpy.float32(b.embedding))
        assert abs(numpy.linalg.norm(b.embedding) - 1) < 1e-5
    assert packed.usage.prompt_tokens == packed.usage.total_tokens > 4
    short = client.embeddings.create(model="embedder", input="hello", dimensions=4)
    assert len(short.data[0].embedding) == 4
    for model, kind in (("none", openai.NotFoundError), ("spam", openai.BadRequestError)):
        try:
            client.embeddings.create(model=model, input="a")
            raise AssertionError(f"{model} gave embeddings")
        except kind as error:
            assert error.body["param"] == "model", error.body


@check
def tensorflow_serving_by_its_description():
    rows = post("/v1/models/spam:predict", {"signature_name": "serving_default", "instances": TEXTS})
    assert [row["label"] for row in rows["predictions"]] == ["ham", "spam"]
    columns = post("/v1/models/spam:predict", {"inputs": {"text": TEXTS}})
    assert columns["outputs"]["label"] == ["ham", "spam"]
    assert columns["outputs"]["scores"] == [row["scores"] for row in rows["predictions"]]
    status = requests.get(URL + "/v1/models/spam", timeout=10).json()["model_version_status"][0]
    assert status["state"] == "AVAILABLE"
    again = post(f"/v1/models/spam/versions/{status['version']}:predict", {"instances": TEXTS})
    assert again == rows
    assert "error" in post("/v1/models/spam:predict", {}, status=400)


@check
def text_embeddings_inference_by_its_description():
    vectors = post("/embed", {"inputs": TEXTS})
    assert len(vectors) == 2 and len(vectors[0]) == 16
    ranks = post("/rerank", {"query": "hello", "texts": TEXTS + ["berlin"], "return_text": True})
    assert sorted(rank["index"] for rank in ranks) == [0, 1, 2]
    assert all(a["score"] >= b["score"] for a, b in zip(ranks, ranks[1:]))
    assert all(rank["text"] == (TEXTS + ["berlin"])[rank["index"]] for rank in ranks)
    raw = post("/rerank", {"query": "hello", "texts": TEXTS, "raw_scores": True})
    cooked = {rank["index"]: rank["score"] for rank in ranks}
    for rank in raw:
        assert abs(1 / (1 + numpy.exp(-rank["score"])) - cooked[rank["index"]]) < 1e-5
    long = {"inputs": "hello " * 100}
    assert len(post("/embed", long)) == 1
    assert post("/embed", {**long, "truncate": False}, status=413)["error_type"] == "Validation"
    tokens = post("/tokenize", {"inputs": ["hé hello berlin"], "model": "embedder"})[0]
    assert [token["special"] for token in tokens] == [True] + [False] * (len(tokens) - 2) + [True]
    # Places are counted in bytes, as there.
    assert [(token["text"], token["start"], token["stop"]) for token in tokens[-3:-1]] == [("hello", 4, 9), ("berlin", 10, 16)]
    ids = [token["id"] for token in tokens[-3:]]
    assert post("/decode", {"ids": ids, "model": "embedder"}) == ["hello berlin"]
    assert len(post("/tokenize", {"inputs": "hello", "model": "embedder", "add_special_tokens": False})[0]) == 1


@check
def own_api():
    assert post("/predict", {"input": TEXTS})["prediction"] == ["ham", "spam"]
    tokens = post("/models/tagger/predict", {"input": "hello berlin"})["prediction"]
    assert [token["token"] for token in tokens] == ["hello", "berlin"]
    names = ["tagger", "spam", "reranker"]
    together = post("/predict?scores=true", {"input": TEXTS, "models": names})["predictions"]
    assert list(together) == names
    for name, answer in together.items():
        assert answer == post(f"/models/{name}/predict?scores=true", {"input": TEXTS})
    identity = requests.post(URL + "/predict", json={"input": TEXTS[1]}, timeout=10).headers["X-Request-Id"]
    answer = requests.post(URL + "/feedback", json={"request_id": identity, "label": "spam"}, timeout=10)
    assert answer.status_code == 202 and answer.json()["correct"] is True


for function in checks:
    function()
    print(f"ok   {function.__name__}")
