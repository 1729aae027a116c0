"""Makes the fixture of Marian's tokenizer and of a whole translator: tiny SentencePiece models, and what transformers says.

    python3 Tests/Reference/marian_tokenizer.py Tests/TransformerTests/Fixtures/marian

Needs: pip install torch transformers sentencepiece. The model is random; its texts are those of `generate`.
"""
import io
import json
import os
import sys

import sentencepiece
import torch
import transformers as tf

OUT = sys.argv[1]
ENGLISH = ["the dog runs over the meadow", "a man sees the dog", "two children play with a ball", "the woman reads a book about dogs",
           "a small child plays in the water", "men and women run", "the ball is red", "a red book and a small ball"] * 4
GERMAN = ["der Hund läuft über die Wiese", "ein Mann sieht den Hund", "zwei Kinder spielen mit einem Ball", "die Frau liest ein Buch über Hunde",
          "ein kleines Kind spielt im Wasser", "Männer und Frauen laufen", "der Ball ist rot", "ein rotes Buch und ein kleiner Ball"] * 4
TEXTS = ["the dog runs", "  a   red ball ", "The children\tsee water", "über 50 dogs", "☃☃ dog ☃", "", " ", "ﬁsh and ﬂower", ">>deu<< the book", "dogs</s> run", "men\u00a0run"]


def pieces(lines, size):
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(lines), model_writer=out, vocab_size=size, hard_vocab_limit=False, minloglevel=2, model_type="unigram",
                                             character_coverage=1.0, bos_id=-1, pad_id=-1, eos_id=1, unk_id=0)
    return out.getvalue()


def main():
    os.makedirs(OUT, exist_ok=True)
    source, target = pieces(ENGLISH, 60), pieces(GERMAN, 66)
    open(f"{OUT}/source.spm", "wb").write(source)
    open(f"{OUT}/target.spm", "wb").write(target)
    vocabulary = ["</s>", "<unk>", ">>deu<<"]
    for model in (source, target):
        processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        vocabulary += [p for p in map(processor.id_to_piece, range(2, processor.get_piece_size())) if p not in vocabulary]
    # Some pieces are no tokens, as in models that were pruned.
    vocabulary = [v for i, v in enumerate(vocabulary) if i < 6 or i % 17] + ["<pad>"]
    json.dump({v: i for i, v in enumerate(vocabulary)}, open(f"{OUT}/vocab.json", "w"), ensure_ascii=False)
    tokenizer = tf.MarianTokenizer(source_spm=f"{OUT}/source.spm", target_spm=f"{OUT}/target.spm", vocab=f"{OUT}/vocab.json", source_lang="en", target_lang="de")
    size = len(vocabulary)
    torch.manual_seed(3)
    config = tf.MarianConfig(vocab_size=size, decoder_vocab_size=size, d_model=16, encoder_layers=2, decoder_layers=2, encoder_attention_heads=2,
                             decoder_attention_heads=2, encoder_ffn_dim=24, decoder_ffn_dim=24, max_position_embeddings=32, pad_token_id=size - 1,
                             decoder_start_token_id=size - 1, eos_token_id=0, forced_eos_token_id=0, scale_embedding=True, activation_function="swish")
    model = tf.MarianMTModel(config).eval()
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.requires_grad:
                p.copy_(torch.randn(p.shape) * (0.2 if p.dim() == 1 else 0.4) + (p.dim() == 1 and name.endswith("norm.weight")))
        model.final_logits_bias[0, size - 1] = -30
        model.final_logits_bias[0, 0] = 2
    model.generation_config = tf.GenerationConfig(num_beams=3, max_length=12, bad_words_ids=[[size - 1]], decoder_start_token_id=size - 1,
                                                  pad_token_id=size - 1, eos_token_id=0, forced_eos_token_id=0)
    model.save_pretrained(OUT)
    rows = []
    for text in TEXTS:
        ids = tokenizer(text).input_ids
        rows.append({"text": text, "ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=True)})
    answers = []
    for text in TEXTS[:4]:
        out = model.generate(**tokenizer(text, return_tensors="pt"))[0]
        answers.append({"text": text, "answer": tokenizer.decode(out, skip_special_tokens=True)})
    names = [{"ids": ids, "decoded": tokenizer.decode(ids, skip_special_tokens=True)} for ids in ([5, 9, 40, 0], list(range(3, 60, 7)), [0], [61, 62, 63])]
    json.dump({"rows": rows, "answers": answers, "decoded": names}, open(f"{OUT}/expected.json", "w"), ensure_ascii=False, indent=1)
    os.remove(f"{OUT}/target.spm")  # nothing but transformers reads it
    print(size, [r["ids"] for r in rows], answers)


main()
