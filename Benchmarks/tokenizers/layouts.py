"""The pipelines of well-known models, as their tokenizer.json has them, over a vocabulary of the same kind.

Each layout names the base that it stands on: "bytes" (byte-level BPE), "pieces" (SentencePiece's BPE with byte fallback),
"unigram" (with a character map) or "words" (WordPiece). assemble() puts the two together.
"""
import copy

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
GPT4 = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = LLAMA3.replace("{1,3}", "")
UPPER, LOWER, SHORT = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]", "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
OTHER = r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
CASES = rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+@|[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*@|"
O200K = CASES.replace("@", SHORT) + r"\p{N}{1,3}" + OTHER
TEKKEN = CASES.replace("@", "") + r"\p{N}" + OTHER
CLIP = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
BLOOM = " ?[^(\\s|[.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c])]+"
MARKS = (r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|"""
         r"""\s*[\r\n]+|\s+(?!\S)|\s+""")


def split(pattern, behavior="Isolated", invert=False, kind="Regex"):
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}


def level(prefix=False, regex=False):
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": regex}


def sequence(kind, *parts):
    return {"type": "Sequence", kind: list(parts)}


def meta(scheme="always", whole=False):
    return {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": scheme, "split": not whole}


def replace(pattern, content, kind="String"):
    return {"type": "Replace", "pattern": {kind: pattern}, "content": content}


def template(single, pair=None):
    """Words of tokens and texts, a text or token of the second segment with a colon: "[CLS] A [SEP] B:1 [SEP]:1"."""
    def parts(text):
        for name in text.split():
            name, _, kind = name.partition(":")
            yield {"Sequence" if name in "AB" else "SpecialToken": {"id": name, "type_id": int(kind or 0)}}
    pair = pair or single + " B:1"
    names = sorted({n.partition(":")[0] for n in (single + " " + pair).split()} - {"A", "B"})
    return {"type": "TemplateProcessing", "single": list(parts(single)), "pair": list(parts(pair)), "special_tokens": {n: None for n in names}}


def token(content, **flags):
    return {"content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True, **flags}


def layouts(precompiled):
    """name: (base, members of tokenizer.json, settings of the model); precompiled is the Unigram base's normalizer."""
    spaces = [token(" " * n, special=False, normalized=True) for n in range(24, 1, -1)]
    bert = template("[CLS] A [SEP]", "[CLS] A [SEP] B:1 [SEP]:1")
    roberta = template("<s> A </s>", "<s> A </s> </s> B </s>")
    squeezed = replace(" {2,}", " ", "Regex")
    old = sequence("pretokenizers", {"type": "WhitespaceSplit"}, meta())
    berts = [token(t) for t in ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]] + [token("[MASK]", lstrip=True)]
    robertas = [token(t) for t in ["<s>", "<pad>", "</s>", "<unk>"]] + [token("<mask>", lstrip=True)]
    return {
        "gpt2": ("bytes", {"pre_tokenizer": level(regex=True), "post_processor": level(), "added_tokens": [token("<|endoftext|>")]}, {}),
        "gpt4": ("bytes", {"pre_tokenizer": sequence("pretokenizers", split(GPT4, "Removed", True), level()),
                           "added_tokens": [token("<|endoftext|>"), token("<|fim_prefix|>")]}, {}),
        "o200k": ("bytes", {"pre_tokenizer": sequence("pretokenizers", split(O200K), level()), "added_tokens": [token("<|endoftext|>")]}, {}),
        "tekken": ("bytes", {"pre_tokenizer": sequence("pretokenizers", split(TEKKEN), level()), "post_processor": template("<s> A", "<s> A <s>:1 B:1"),
                             "added_tokens": [token("<unk>"), token("<s>"), token("</s>"), token("[INST]")]}, {"ignore_merges": True}),
        "llama3": ("bytes", {
            "pre_tokenizer": sequence("pretokenizers", split(LLAMA3), level()),
            "post_processor": sequence("processors", level(True), template("<|begin_of_text|> A", "<|begin_of_text|> A <|begin_of_text|>:1 B:1")),
            "added_tokens": [token("<|begin_of_text|>"), token("<|end_of_text|>"), token("<|eot_id|>")]}, {"ignore_merges": True}),
        "qwen2": ("bytes", {"normalizer": {"type": "NFC"}, "pre_tokenizer": sequence("pretokenizers", split(QWEN2), level()),
                            "post_processor": template("A <|endoftext|>", "A <|endoftext|> B:1 <|endoftext|>:1"), "added_tokens": [
                                token("<|endoftext|>"), token("<|im_start|>"), token("<tool_call>", special=False)]}, {}),
        "modernbert": ("bytes", {"normalizer": {"type": "NFC"}, "pre_tokenizer": level(regex=True), "post_processor": bert,
                                 "added_tokens": [token("|||IP_ADDRESS|||", special=False, normalized=True), *spaces, *berts]}, {}),
        "deberta": ("bytes", {"pre_tokenizer": level(True, True), "post_processor": bert, "added_tokens": [
            *berts[:4], token("[MASK]", lstrip=True, normalized=True)]}, {}),
        "starcoder": ("bytes", {"pre_tokenizer": sequence("pretokenizers", {"type": "Digits", "individual_digits": True}, level(regex=True)),
                                "post_processor": level(), "added_tokens": [token("<|endoftext|>")]}, {}),
        "deepseek": ("bytes", {"pre_tokenizer": sequence(
            "pretokenizers", split(r"\p{N}{1,3}"), split("[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"), split(MARKS), level()),
            "added_tokens": [token("<|eos|>")]}, {}),
        "bloom": ("bytes", {"pre_tokenizer": sequence("pretokenizers", split(BLOOM), level()), "added_tokens": [token("<s>"), token("</s>")]}, {}),
        "falcon": ("bytes", {"pre_tokenizer": sequence(
            "pretokenizers", {"type": "Punctuation", "behavior": "Contiguous"}, level(regex=True), {"type": "Digits", "individual_digits": False},
            split("[0-9][0-9][0-9]")), "added_tokens": [token("<|endoftext|>"), token(">>TITLE<<")]}, {}),
        "clip": ("ends", {
            "normalizer": sequence("normalizers", {"type": "NFC"}, replace(r"\s+", " ", "Regex"), {"type": "Lowercase"}),
            "pre_tokenizer": sequence("pretokenizers", split(CLIP, "Removed", True), level()),
            "post_processor": template("<|startoftext|> A <|endoftext|>", "<|startoftext|> A <|endoftext|> <|endoftext|> B <|endoftext|>"),
            "added_tokens": [token("<|startoftext|>", normalized=True), token("<|endoftext|>")]}, {"unk_token": "<|endoftext|>"}),
        "llama2": ("pieces", {
            "normalizer": sequence("normalizers", {"type": "Prepend", "prepend": "\u2581"}, replace(" ", "\u2581")), "pre_tokenizer": None,
            "post_processor": template("<s> A", "<s> A <s>:1 B:1"), "added_tokens": [token("<unk>"), token("<s>"), token("</s>")]}, {}),
        "mistral": ("pieces", {"normalizer": None, "pre_tokenizer": meta("first", True), "post_processor": template("<s> A </s>"),
                               "added_tokens": [token("<unk>"), token("<s>"), token("</s>")]}, {}),
        "gemma": ("pieces", {
            "normalizer": replace(" ", "\u2581"), "pre_tokenizer": split(" ", "MergedWithPrevious", kind="String"), "post_processor": template(
                "<s> A </s>", "<s> A </s> <s>:1 B:1 </s>:1"),
            "added_tokens": [token(t) for t in ["<unk>", "<s>", "</s>"]] + [
                token(t, special=False) for t in ["<mask>", "[@BOS@]", "\n\n", "\n\n\n", "\u2581\u2581", "\u2581\u2581\u2581", "<h1>"]]}, {}),
        "t5": ("unigram", {"normalizer": precompiled, "pre_tokenizer": old, "post_processor": template("A </s>", "A </s> B </s>"),
                           "added_tokens": robertas[1:4] + [token("<extra_id_0>", rstrip=True), token("<extra_id_1>")]}, {}),
        "deberta-v3": ("unigram", {"normalizer": sequence("normalizers", {"type": "Strip", "strip_left": True, "strip_right": True}, precompiled, squeezed),
                                   "pre_tokenizer": sequence("pretokenizers", meta()), "post_processor": bert, "added_tokens": [
                                       *berts[:1], *berts[2:4], token("[UNK]", normalized=True), token("[MASK]")]}, {}),
        # What transformers 5 writes.
        "deberta-v2": ("unigram", {"normalizer": sequence("normalizers", replace(r"\s{2,}|[\n\r\t]", " ", "Regex"), {"type": "NFC"}, {
            "type": "Strip", "strip_left": False, "strip_right": True}), "pre_tokenizer": sequence("pretokenizers", {
                "type": "Punctuation", "behavior": "Isolated"}, meta()), "post_processor": bert, "added_tokens": berts}, {}),
        "sentencepiece": ("unigram", {"normalizer": sequence(
            "normalizers", precompiled, replace(r"\A +| +\z", "", "Regex"), squeezed, replace(" ", "\u2581"), replace("\\A\u2581", "\u2581\u2581", "Regex")),
            "pre_tokenizer": sequence("pretokenizers", meta("always", True)), "post_processor": None, "added_tokens": robertas[1:4]}, {}),
        "albert": ("unigram", {"normalizer": sequence(
            "normalizers", replace("``", "\""), replace("''", "\""), {"type": "NFKD"}, {"type": "StripAccents"}, {"type": "Lowercase"}, precompiled, squeezed),
            "pre_tokenizer": meta(), "post_processor": bert, "added_tokens": berts}, {}),
        "camembert": ("unigram", {"normalizer": precompiled, "pre_tokenizer": old, "post_processor": roberta, "added_tokens": [
            token("<s>NOTUSED"), token("</s>NOTUSED"), *robertas]}, {}),
        "xlm-roberta": ("unigram", {"normalizer": sequence("normalizers", precompiled, squeezed), "pre_tokenizer": meta(), "post_processor": roberta,
                                    "added_tokens": robertas}, {}),
        "unigram-bytes": ("unigram", {"normalizer": precompiled, "pre_tokenizer": meta("never"), "post_processor": None, "added_tokens": robertas},
                          {"byte_fallback": True}),
        "mpnet": ("words", {"post_processor": roberta, "added_tokens": robertas}, {}),
    }


def assemble(base, parts, settings):
    """A tokenizer.json of a base, and of the members and model settings that differ."""
    result = copy.deepcopy({**base, **parts})
    model = result["model"]
    model.update(settings)
    by_list = isinstance(model["vocab"], list)
    ids = {t: i for i, (t, _) in enumerate(model["vocab"])} if by_list else dict(model["vocab"])
    if by_list and model["byte_fallback"]:
        for byte in range(256):
            if "<0x%02X>" % byte not in ids:
                ids["<0x%02X>" % byte] = len(ids)
                model["vocab"].append(["<0x%02X>" % byte, -20.0])
    for added in result["added_tokens"]:
        added["id"] = ids.setdefault(added["content"], len(ids))
    result["added_tokens"].sort(key=lambda t: t["id"])
    unknown = model.get("unk_token")
    if unknown in ids and not by_list:
        model["vocab"].setdefault(unknown, ids[unknown])

    def fill(processor):
        for part in (processor or {}).get("processors", []):
            fill(part)
        for name in (processor or {}).get("special_tokens", {}):
            processor["special_tokens"][name] = {"id": name, "ids": [ids[name]], "tokens": [name]}
    fill(result["post_processor"])
    return result
