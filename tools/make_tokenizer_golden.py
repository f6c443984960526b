#!/usr/bin/env python3
"""Small tokenizers of every kind, and what the real libraries make of awkward texts with them.

    pip install tokenizers==0.23.3 sentencepiece==0.2.3 protobuf
    tools/make_tokenizer_golden.py                     writes tests/tokenizers
    tools/make_tokenizer_golden.py --compare PROGRAM [--texts N] [--seed N] [FILE...]
        runs N random texts through PROGRAM ("eyechart") and the libraries, for the tokenizers in
        tests/tokenizers or the given files, and counts the differences

A golden file has one JSON array: {"text", "ids", "decoded"}, ids with the special tokens of the file's
own template (tokenizer.json) or without any (SentencePiece).
"""
import argparse
import glob
import json
import os
import random
import subprocess
import sys
import tempfile

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers,
                        processors, trainers)

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
OUT = os.path.join(ROOT, "tests", "tokenizers")

QWEN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+")
LLAMA3 = QWEN.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
CLIP = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"

SCRIPTS = [(0x370, 0x3FF), (0x400, 0x44F), (0x3040, 0x30FF), (0x4E00, 0x4F00), (0xAC00, 0xAC80),
           (0x600, 0x64F), (0xE0, 0xFF), (0x1F600, 0x1F640)]


def is_text(c):
    return not 0xD800 <= c < 0xE000


def letters(rng, low, high, most):
    return "".join(chr(c) for c in (rng.randint(low, high) for _ in range(rng.randint(1, most)))
                   if is_text(c))


def corpus():
    rng, lines = random.Random(5), []
    for name in sorted(glob.glob(os.path.join(ROOT, "docs", "*.md"))) + [os.path.join(ROOT, "README.md")]:
        lines += [line for line in open(name, encoding="utf-8").read().split("\n") if line]
    for low, high in SCRIPTS:
        for _ in range(100):
            lines.append(" ".join(letters(rng, low, high, 5) for _ in range(6)))
    return lines


# ---- tokenizers ----

def sentencepieces(lines):
    source = tempfile.NamedTemporaryFile("w", suffix=".txt", delete=False, encoding="utf-8")
    source.write("\n".join(lines))
    source.close()
    identity = dict(normalization_rule_name="identity", remove_extra_whitespaces=False)
    kinds = {
        "bpe-bytes": dict(model_type="bpe", byte_fallback=True, **identity),
        "bpe-defined": dict(model_type="bpe", normalization_rule_name="identity",
                            user_defined_symbols=["<image>", "foo", "hello"]),
        "bpe-suffix": dict(model_type="bpe", normalization_rule_name="identity",
                           treat_whitespace_as_suffix=True),
        "unigram": dict(model_type="unigram"),
        "unigram-bytes": dict(model_type="unigram", byte_fallback=True, **identity),
        "unigram-defined": dict(model_type="unigram", normalization_rule_name="identity",
                                user_defined_symbols=["<image>", "foo", "\u2581\u2581", "12345"]),
    }
    for name, options in kinds.items():
        sentencepiece.SentencePieceTrainer.train(
            input=source.name, model_prefix=os.path.join(OUT, name), vocab_size=900,
            character_coverage=.98, minloglevel=2, num_threads=1, **options)
        os.remove(os.path.join(OUT, name + ".vocab"))
    os.remove(source.name)


def trained(lines, tokenizer, size, **options):
    tokenizer.train_from_iterator(
        lines, trainers.BpeTrainer(vocab_size=size, show_progress=False, **options))
    return tokenizer


def byte_level(lines, normalizer, pattern, model=None, prefix_space=False):
    t = Tokenizer(model or models.BPE())
    if normalizer:
        t.normalizer = normalizer
    own = pre_tokenizers.ByteLevel(add_prefix_space=prefix_space, use_regex=pattern is None)
    t.pre_tokenizer = own if pattern is None else pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(pattern), "isolated"), own])
    t.decoder = decoders.ByteLevel()
    return trained(lines, t, 500, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())


def metaspace(lines, normalizer, pre_tokenizer, decoder):
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    names = ["<unk>", "<s>", "</s>"] + ["<0x%02X>" % i for i in range(256)]
    trained(lines, t, 700, special_tokens=names, limit_alphabet=150)
    if normalizer:
        t.normalizer = normalizer
    t.pre_tokenizer = pre_tokenizer
    t.decoder = decoder
    t.add_special_tokens([AddedToken("<s>", special=True, normalized=False)])
    t.add_tokens([AddedToken("<image>", normalized=True),
                  AddedToken("USER", normalized=True, single_word=True)])
    t.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)])
    return t


def hugging_faces(lines):
    made = {}
    t = made["qwen2"] = byte_level(lines, normalizers.NFC(), QWEN)
    t.add_special_tokens([AddedToken(x, special=True, normalized=False)
                          for x in ("<|im_start|>", "<|im_end|>")])
    t.add_tokens([AddedToken("<image>", lstrip=True, rstrip=True, normalized=False)])
    t.add_tokens([AddedToken("caf\u00e9", normalized=True)])
    t.add_tokens([AddedToken("hello", single_word=True, normalized=True)])

    t = made["llama3"] = byte_level(lines, None, LLAMA3, models.BPE(ignore_merges=True))
    t.add_special_tokens([AddedToken(x, special=True, normalized=False) for x in ("<s>", "</s>")])
    t.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="<s> $A </s>:1", pair="<s> $A </s>:1 $B:1",
                                      special_tokens=[(x, t.token_to_id(x)) for x in ("<s>", "</s>")])])

    t = made["smollm2"] = byte_level(lines, None, None)
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    made["nfkd-space"] = byte_level(lines, normalizers.NFKD(), None, prefix_space=True)

    made["llama-fast"] = metaspace(
        lines, normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]),
        None, decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(),
                                 decoders.Fuse(), decoders.Strip(content=" ", left=1)]))
    made["metaspace-first"] = metaspace(
        lines, None, pre_tokenizers.Metaspace(prepend_scheme="first", split=False),
        decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="first")]))

    t = Tokenizer(models.BPE(unk_token="[U]", end_of_word_suffix="</w>"))
    t.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "),
                                         normalizers.Lowercase(), normalizers.Strip()])
    t.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(CLIP), "removed", invert=True),
        pre_tokenizers.Split("-", "merged_with_next"), pre_tokenizers.Split("a", "merged_with_previous"),
        pre_tokenizers.Split("e", "contiguous")])
    t.decoder = decoders.BPEDecoder("</w>")
    made["words"] = trained(lines, t, 600, special_tokens=["[U]"], end_of_word_suffix="</w>",
                            limit_alphabet=150)

    t = Tokenizer(models.BPE())  # no token for what is unknown: it is dropped
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(),
                                               pre_tokenizers.Digits(individual_digits=False)])
    made["bare"] = trained(lines, t, 500, limit_alphabet=120)

    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(open(os.path.join(OUT, "unigram.model"), "rb").read())
    t = Tokenizer(models.Unigram([(p.piece, p.score) for p in proto.pieces], unk_id=0))
    t.normalizer = normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap)
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(),
                                               pre_tokenizers.Metaspace(prepend_scheme="always")])
    t.decoder = decoders.Metaspace(prepend_scheme="always")
    t.add_special_tokens([AddedToken("</s>", special=True)])
    t.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 2)])
    made["t5"] = t

    for name, tokenizer in made.items():
        tokenizer.save(os.path.join(OUT, name + ".json"), pretty=False)


# ---- texts ----

RANGES = [(0x20, 0x7E)] * 6 + [
    (0x0, 0x1F), (0x7F, 0xFF), (0x100, 0x24F), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x4FF),
    (0x590, 0x5FF), (0x600, 0x6FF), (0x900, 0x97F), (0xE00, 0xE7F), (0x1100, 0x11FF), (0x1E00, 0x1FFF),
    (0x2000, 0x206F), (0x2070, 0x209F), (0x2460, 0x24FF), (0x2581, 0x2581), (0x3000, 0x30FF),
    (0x4E00, 0x5200), (0xAC00, 0xAD00), (0xF900, 0xFAFF), (0xFB00, 0xFB4F), (0xFE00, 0xFE0F),
    (0xFF00, 0xFFEF), (0x1D400, 0x1D4FF), (0x1F300, 0x1F6FF), (0x1F900, 0x1F9FF), (0x1F1E6, 0x1F1FF),
    (0x200D, 0x200D), (0xE000, 0xE010)]
WORDS = ("the quick brown fox It's we'LL don't 12345 3.14 foo(bar) <s> </s> <image> <|im_start|> <unk> "
         "<|im_end|> <|endoftext|> \u2581 \u2581\u2581 hello world USER: ASSISTANT: \u00bd \u0661\u0662 "
         "\u65e5\u672c\u8a9e caf\u00e9 cafe\u0301 \uc548\ub155 \u043f\u0440\u0438\u0432\u0435\u0442"
         ).split(" ") + ["\n\n", "\r\n", "\t", "  ", "   ", "\n", " <s>", "</s> ", "foofoo"]


def random_text(rng):
    parts = []
    for _ in range(rng.randint(0, 12)):
        if rng.random() < .5:
            parts += [rng.choice(WORDS), rng.choice(["", " ", "  "])]
        else:
            parts.append(letters(rng, *rng.choice(RANGES), 6))
    return "".join(parts)


FIXED = ["", " ", "   ", "\n", "Hello world", " Hello", "  Hello", "</s>USER: hi</s>", "a</s>b", "<s>a",
         "x \u2581y", "I'm you'LL it's", "12345 apples", "foo(bar)!!\n\nbaz", "a\u00a0b", "$3.50",
         "The quick brown fox jumps over the lazy dog.", "tab\tx", "x   ", "\r\nA", "\u0130stanbul"]


def texts(n, seed):
    rng = random.Random(seed)
    return FIXED + [random_text(rng) for _ in range(n)]


def library(path):
    """encode(text) and decode(ids) of the library for a file"""
    if path.endswith(".model"):
        sp = sentencepiece.SentencePieceProcessor(model_file=path)
        return lambda text: sp.encode(text), None
    t = Tokenizer.from_file(path)
    return lambda text: t.encode(text).ids, lambda ids: t.decode(ids)


def suits(path, text):
    """SentencePiece alone does not look for names of special tokens in a text; slow tokenizers do."""
    return not path.endswith(".model") or not any(x in text for x in ("<s>", "</s>", "<unk>"))


def write_golden(path):
    encode, decode = library(path)
    rows = []
    for text in texts(80, 1):
        if not suits(path, text):
            continue
        ids = encode(text)
        rows.append({"text": text, "ids": ids, "decoded": decode(ids) if decode else None})
    with open(path + ".golden", "w", encoding="ascii") as f:
        f.write("[\n" + ",\n".join(json.dumps(r) for r in rows) + "\n]\n")


def compare(program, path, n, seed):
    encode, decode = library(path)
    chosen = [t for t in texts(n, seed) if suits(path, t)]
    command = [program, "tokens", path, "--texts", "-", "--json"]
    if path.endswith(".model"):
        command.append("--no-special")
    lines = "".join(json.dumps(t) + "\n" for t in chosen)
    run = subprocess.run(command, input=lines.encode(), stdout=subprocess.PIPE, check=True)
    n_bad = 0
    for text, line in zip(chosen, run.stdout.decode().split("\n")):
        ours, ids = json.loads(line), encode(text)
        good = ours["ids"] == ids and (decode is None or ours["decoded"] == decode(ids))
        n_bad += not good
        if not good and n_bad <= 3:
            print(json.dumps(text), "\n  ours  ", ours["ids"], "\n  theirs", ids)
    print(f"{path}: {n_bad} differences in {len(chosen)} texts")
    return n_bad


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    args.add_argument("--compare", metavar="PROGRAM")
    args.add_argument("--texts", type=int, default=10000)
    args.add_argument("--seed", type=int, default=2)
    args.add_argument("files", nargs="*")
    args = args.parse_args()
    if not args.compare:
        os.makedirs(OUT, exist_ok=True)
        lines = corpus()
        sentencepieces(lines)
        hugging_faces(lines)
    files = args.files or sorted(glob.glob(OUT + "/*.model") + glob.glob(OUT + "/*.json"))
    if args.compare:
        sys.exit(sum(compare(args.compare, f, args.texts, args.seed) for f in files) > 0)
    for path in files:
        write_golden(path)


if __name__ == "__main__":
    main()
