"""Writes a sentence embedding model of BERT's form, as its authors publish it, into the one file that llama.cpp reads.

Both formats are numbers behind a list of names: the source is safetensors (a length, JSON, numbers), the target GGUF
version 3 (counts, keys with values, names of tensors, numbers at multiples of 32 bytes). Numbers are copied as they are.
"""

import json
import struct
from pathlib import Path

# Types of values, and the one of numbers of 32 bits in tensors, as GGUF counts them.
U32, I32, F32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
F32_TENSOR = 0
ALIGNMENT = 32
NORMAL, CONTROL = 1, 3

OUTER = {
    "embeddings.word_embeddings.weight": "token_embd.weight",
    "embeddings.position_embeddings.weight": "position_embd.weight",
    "embeddings.token_type_embeddings.weight": "token_types.weight",
    "embeddings.LayerNorm.weight": "token_embd_norm.weight",
    "embeddings.LayerNorm.bias": "token_embd_norm.bias",
}
OF_LAYER = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}


def convert(source: Path, target: Path) -> None:
    """Reads config.json, vocab.txt and model.safetensors of a directory, and writes one file."""
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    with open(source / "model.safetensors", "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        numbers = file.read()
    tensors = []
    for name, tensor in header.items():
        called = target_name(name)
        if called is not None:
            if tensor["dtype"] != "F32":
                raise ValueError(f"{name} has numbers of {tensor['dtype']}")
            begin, end = tensor["data_offsets"]
            tensors.append((called, tensor["shape"], numbers[begin:end]))
    keys = list(describe(config, (source / "vocab.txt").read_text(encoding="utf-8").splitlines()))

    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys))
    head += b"".join(string(key) + struct.pack("<I", kind) + value for key, kind, value in keys)
    at = 0
    for name, shape, data in tensors:
        dimensions = struct.pack(f"<{len(shape)}Q", *reversed(shape))
        head += string(name) + struct.pack("<I", len(shape)) + dimensions + struct.pack("<IQ", F32_TENSOR, at)
        at += len(padded(data))
    unfinished = target.with_suffix(".unfinished")
    with open(unfinished, "wb") as file:
        file.write(padded(head))
        for _, _, data in tensors:
            file.write(padded(data))
    unfinished.rename(target)


def target_name(name: str) -> str | None:
    """What a tensor is called there; none for one that makes no embeddings."""
    if not name.startswith("encoder.layer."):
        return OUTER.get(name)
    number, rest = name.removeprefix("encoder.layer.").split(".", 1)
    part, what = rest.rsplit(".", 1)
    return f"blk.{number}.{OF_LAYER[part]}.{what}"


def describe(config: dict, vocabulary: list[str]):
    """The keys with the types and bytes of their values."""
    yield "general.architecture", STRING, string("bert")
    for key, source in [
        ("context_length", "max_position_embeddings"),
        ("embedding_length", "hidden_size"),
        ("feed_forward_length", "intermediate_size"),
        ("block_count", "num_hidden_layers"),
        ("attention.head_count", "num_attention_heads"),
    ]:
        yield f"bert.{key}", U32, struct.pack("<I", config[source])
    yield "bert.attention.layer_norm_epsilon", F32, struct.pack("<f", config["layer_norm_eps"])
    yield "bert.attention.causal", BOOL, b"\0"
    yield "bert.pooling_type", U32, struct.pack("<I", 1)  # the mean of all tokens
    yield "tokenizer.ggml.model", STRING, string("bert")
    yield "tokenizer.ggml.token_type_count", U32, struct.pack("<I", config["type_vocab_size"])
    kinds = [CONTROL if token.startswith("[") and token.endswith("]") and len(token) > 2 else NORMAL for token in vocabulary]
    tokens = b"".join(string(spelled(token, kind)) for token, kind in zip(vocabulary, kinds))
    yield "tokenizer.ggml.tokens", ARRAY, struct.pack("<IQ", STRING, len(vocabulary)) + tokens
    yield "tokenizer.ggml.token_type", ARRAY, struct.pack(f"<IQ{len(kinds)}i", I32, len(kinds), *kinds)
    for key, token in [("unknown", "[UNK]"), ("seperator", "[SEP]"), ("padding", "[PAD]"), ("cls", "[CLS]"), ("mask", "[MASK]")]:
        yield f"tokenizer.ggml.{key}_token_id", U32, struct.pack("<I", vocabulary.index(token))


def spelled(token: str, kind: int) -> str:
    """BERT marks what goes on inside a word; llama.cpp, as others do, what begins one."""
    if kind == CONTROL:
        return token
    return token.removeprefix("##") if token.startswith("##") else "\u2581" + token


def string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % ALIGNMENT)
