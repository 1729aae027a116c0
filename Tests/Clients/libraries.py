"""Drives a running Martlet with the client libraries of other servers' dialects, as their users point them at it.

    libraries.py URL

The server has the models of Tests/Clients/run: spam (a classifier, the default), tiny/embedder:v1, reranker, tagger. Exits with 1
and says which check failed.
"""

import logging
import os
import sys

os.environ |= {"HF_HUB_DISABLE_TELEMETRY": "1", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}

import cohere
import litellm
import numpy
import openai
from huggingface_hub import InferenceClient
from langchain_cohere import CohereEmbeddings, CohereRerank
from langchain_huggingface import HuggingFaceEndpointEmbeddings
from langchain_openai import OpenAIEmbeddings
from llama_index.embeddings.openai_like import OpenAILikeEmbedding
from llama_index.embeddings.text_embeddings_inference import TextEmbeddingsInference

logging.disable(logging.WARNING)
litellm.suppress_debug_info = True
URL = sys.argv[1]
EMBEDDER = "tiny/embedder:v1"
TEXTS = ["how old are you", "call now to claim your prize"]
SPAM = "WINNER!! Call now to claim your free prize of 1000 pounds"
DOCUMENTS = ["many people live in berlin", "hello", "claim now"]
checks = []


def check(function):
    checks.append(function)
    return function


def refused(kind, function):
    try:
        function()
    except kind as error:
        return error
    raise AssertionError(f"not refused with {kind.__name__}")


def same(vectors, others):
    assert numpy.allclose(numpy.array(vectors, dtype=float), numpy.array(others, dtype=float), atol=1e-6)


def expected():
    """The vectors, by the client that the others are compared with."""
    data = openai.OpenAI(base_url=URL + "/v1", api_key="k", max_retries=0).embeddings.create(model=EMBEDDER, input=TEXTS).data
    vectors = [one.embedding for one in data]
    assert len(vectors) == 2 and len(vectors[0]) == 16
    return vectors


def best_first(results, score):
    scores = [score(result) for result in results]
    assert scores == sorted(scores, reverse=True) and all(0 <= one <= 1 for one in scores), scores


@check
def openai_names_models_with_slash_and_colon():
    client = openai.OpenAI(base_url=URL + "/v1", api_key="k", max_retries=0)
    assert EMBEDDER in {model.id for model in client.models.list()}
    assert client.models.retrieve(EMBEDDER).id == EMBEDDER
    error = refused(openai.NotFoundError, lambda: client.models.retrieve("tiny/none"))
    assert EMBEDDER in str(error), error
    # What LangChain sends unless it is told otherwise.
    error = refused(openai.BadRequestError, lambda: client.embeddings.create(model=EMBEDDER, input=[[1820, 374]]))
    assert "check_embedding_ctx_length=False" in str(error), error


@check
def cohere_client():
    old, new = cohere.Client(api_key="k", base_url=URL), cohere.ClientV2(api_key="k", base_url=URL)
    answer = new.embed(model=EMBEDDER, texts=TEXTS, input_type="search_document", embedding_types=["float"])
    same(answer.embeddings.float_, expected())
    same(old.embed(model=EMBEDDER, texts=TEXTS, input_type="search_document").embeddings, expected())
    by_type = old.embed(model=EMBEDDER, texts=TEXTS, input_type="search_query", embedding_types=["float"])
    same(by_type.embeddings.float_, expected())
    short = new.embed(model=EMBEDDER, texts=TEXTS, input_type="clustering", embedding_types=["float"], output_dimension=4)
    assert len(short.embeddings.float_[0]) == 4
    ranked = new.rerank(model="reranker", query="how many people", documents=DOCUMENTS, top_n=2).results
    assert len(ranked) == 2
    best_first(ranked, lambda one: one.relevance_score)
    older = old.rerank(model="reranker", query="how many people", documents=DOCUMENTS, top_n=2, return_documents=True)
    assert [one.index for one in older.results] == [one.index for one in ranked]
    assert all(one.document.text == DOCUMENTS[one.index] for one in older.results)
    error = refused(cohere.NotFoundError, lambda: new.rerank(model="none", query="a", documents=["b"]))
    assert "reranker" in error.body["message"], error.body
    refused(cohere.UnprocessableEntityError, lambda: new.rerank(model="reranker", query="a", documents=[]))


@check
def huggingface_hub_client():
    spam = InferenceClient(model=URL + "/models/spam").text_classification(SPAM, top_k=1)
    assert [one.label for one in spam] == ["spam"] and spam[0].score > 0.9, spam
    assert [one.label for one in InferenceClient(model=URL).text_classification(SPAM)] == ["spam", "ham"]
    named = InferenceClient(model=URL + "/models/" + EMBEDDER)
    same(named.feature_extraction(TEXTS), expected())
    same(InferenceClient(model=URL + "/embed").feature_extraction(TEXTS, truncate=True), expected())
    scores = named.sentence_similarity(TEXTS[0], TEXTS)
    assert abs(scores[0] - 1) < 1e-5 and scores[1] < 1, scores


@check
def huggingface_hub_client_of_other_tasks():
    context = "Hello! Many people live in Berlin, and how old are you?"
    answer = InferenceClient(model=URL + "/models/reader").question_answering(question="who lives in berlin", context=context)
    assert context[answer.start : answer.end] == answer.answer and 0 <= answer.score <= 1, answer
    several = InferenceClient(model=URL + "/models/reader").question_answering(question="who", context=context, top_k=3)
    best_first(several, lambda one: one.score)
    labels = ["age", "city", "prize"]
    ranked = InferenceClient(model=URL + "/models/entailment").zero_shot_classification(context, candidate_labels=labels)
    assert sorted(one.label for one in ranked) == labels and abs(sum(one.score for one in ranked) - 1) < 1e-5, ranked
    best_first(ranked, lambda one: one.score)
    entities = InferenceClient(model=URL + "/models/entities")
    spans = entities.token_classification(context, aggregation_strategy="simple")
    assert spans and all(one.entity_group == "LOC" and context[one.start : one.end] for one in spans), spans
    tokens = entities.token_classification(context, aggregation_strategy="none")
    known = [one for one in tokens if one.word != "[UNK]"]
    assert known and all(context[one.start : one.end].lower() == one.word.removeprefix("##") for one in known), tokens


@check
def langchain():
    vectors = OpenAIEmbeddings(model=EMBEDDER, base_url=URL + "/v1", api_key="k", check_embedding_ctx_length=False)
    same(vectors.embed_documents(TEXTS), expected())
    same([vectors.embed_query(TEXTS[0])], expected()[:1])
    # It takes names of the hub alone; its client is pointed at the server.
    hugging_face = HuggingFaceEndpointEmbeddings(model=EMBEDDER.split(":")[0], huggingfacehub_api_token="k")
    hugging_face.client = InferenceClient(model=URL + "/embed")
    same(hugging_face.embed_documents(TEXTS), expected())
    same(CohereEmbeddings(model=EMBEDDER, base_url=URL, cohere_api_key="k").embed_documents(TEXTS), expected())
    ranked = CohereRerank(model="reranker", base_url=URL, cohere_api_key="k").rerank(DOCUMENTS, "how many people")
    best_first(ranked, lambda one: one["relevance_score"])


@check
def llama_index():
    vectors = OpenAILikeEmbedding(model_name=EMBEDDER, api_base=URL + "/v1", api_key="k")
    same(vectors.get_text_embedding_batch(TEXTS), expected())
    same(TextEmbeddingsInference(model_name=EMBEDDER, base_url=URL).get_text_embedding_batch(TEXTS), expected())


@check
def litellm_library():
    def embed(provider, path):
        answer = litellm.embedding(model=f"{provider}/{EMBEDDER}", input=TEXTS, api_base=URL + path, api_key="k")
        same([one["embedding"] for one in answer.data], expected())

    for provider, path in (("openai", "/v1"), ("hosted_vllm", "/v1"), ("cohere", "/v2/embed")):
        embed(provider, path)
    for provider in ("cohere", "jina_ai", "hosted_vllm", "huggingface"):
        answer = litellm.rerank(
            model=f"{provider}/reranker", query="how many people", documents=DOCUMENTS, top_n=2, api_base=URL, api_key="k"
        )
        assert len(answer.results) == 2, answer
        best_first(answer.results, lambda one: one["relevance_score"])
        assert all(one["document"]["text"] == DOCUMENTS[one["index"]] for one in answer.results), answer


for function in checks:
    function()
    print(f"ok   {function.__name__}", flush=True)
