"""A language model of 170,000 random numbers, as a GGUF file that llama.cpp loads: `write(path)`.

It answers gibberish, but every layer between us and it is real: tokens, chat template, window,
grammar, server. The same seed makes the same bytes. Only Python's own library is needed.
"""

import math
import random
import struct
from array import array
from itertools import product
from pathlib import Path
from string import ascii_letters, ascii_lowercase, digits, punctuation

WIDTH, HIDDEN, LAYERS, HEADS = 64, 128, 2, 4
TRAINED_ON = 32_768  # tokens of context that it claims to know
ALIGNED = 32  # bytes
SPACE = "\u2581"  # how vocabularies of this kind write a space
CONTROL, BYTE, NORMAL, UNKNOWN = 3, 6, 1, 2
BEGIN, END = "<|im_start|>", "<|im_end|>"
STOP, CALLED = ".", "</tool_call>"  # what ends an answer; nothing else does, so none is empty

PLAIN = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""A chat template that knows nothing of tools."""

WITH_TOOLS = (
    "{% if tools %}<|im_start|>system\nFunctions:{% for tool in tools %}\n{{ tool | tojson }}"
    "{% endfor %}\nCall one so: <tool_call>"
    '{"name": its name, "arguments": an object}</tool_call><|im_end|>\n{% endif %}'
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% if message.content %}{{ message.content }}{% endif %}"
    "{% for call in message.tool_calls or [] %}<tool_call>"
    '{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}'
    "</tool_call>{% endfor %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""A chat template that shows tools, calls and results."""


def write(path: Path, *, template: str, likely: dict[str, float], seed: int = 1) -> None:
    """Write the model. `likely` says how often tokens come, where an ordinary one counts as 1."""
    numbers = random.Random(seed)
    tokens, kinds = _vocabulary()
    tensors = _tensors(numbers, tokens, kinds, likely)
    settings = _settings(tokens, kinds, template)
    head, data, offset = b"", [], 0
    for name, (shape, values) in tensors.items():
        sizes = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
        head += _string(name) + sizes + struct.pack("<IQ", 0, offset)
        whole = _padded(values.tobytes())
        data.append(whole)
        offset += len(whole)
    told = b"".join(_string(key) + value for key, value in settings.items())
    magic = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(settings))
    path.write_bytes(_padded(magic + told + head) + b"".join(data))


def _vocabulary() -> tuple[list[str], list[int]]:
    """Marks, every byte, every printable character, and pairs of small letters."""
    marks = ["<unk>", "<s>", END, BEGIN]
    bytes_ = [f"<0x{number:02X}>" for number in range(256)]
    signs = [SPACE, *ascii_letters, *digits, *punctuation]
    pairs = ["".join(pair) for pair in product(SPACE + ascii_lowercase, ascii_lowercase)]
    words = ["<tool_call>", CALLED]
    kinds = [UNKNOWN, CONTROL, CONTROL, CONTROL] + [BYTE] * 256
    tokens = [*marks, *bytes_, *signs, *pairs, *words]
    return tokens, kinds + [NORMAL] * (len(tokens) - len(kinds))


def _tensors(
    numbers: random.Random, tokens: list[str], kinds: list[int], likely: dict[str, float]
) -> dict[str, tuple[tuple[int, ...], array]]:
    def noise(*shape: int) -> tuple[tuple[int, ...], array]:
        return shape, array("f", (numbers.gauss(0, 0.02) for _ in range(math.prod(shape))))

    def ones(size: int) -> tuple[tuple[int, ...], array]:
        return (size,), array("f", [1.0] * size)

    size = len(tokens)
    read, said = noise(WIDTH, size), noise(WIDTH, size)
    for number, (token, kind) in enumerate(zip(tokens, kinds, strict=True)):
        # The first number of each token is 1, so that after the last norm it is about 8 whatever
        # was said: what stands against it in the output is a bias.
        read[1][number * WIDTH] = 1.0
        weight = likely.get(token, 1.0 if kind == NORMAL else 1e-6)
        said[1][number * WIDTH] = math.log(weight) / math.sqrt(WIDTH)
    # These also have a 1 in the second place, which says that the end comes next.
    for token in (STOP, CALLED):
        read[1][tokens.index(token) * WIDTH + 1] = 1.0
    said[1][tokens.index(END) * WIDTH + 1] = 4.0
    tensors = {"token_embd.weight": read, "output_norm.weight": ones(WIDTH), "output.weight": said}
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        tensors[f"{block}attn_norm.weight"] = ones(WIDTH)
        for part in ("q", "k", "v", "output"):
            tensors[f"{block}attn_{part}.weight"] = noise(WIDTH, WIDTH)
        tensors[f"{block}ffn_norm.weight"] = ones(WIDTH)
        tensors[f"{block}ffn_gate.weight"] = noise(WIDTH, HIDDEN)
        tensors[f"{block}ffn_up.weight"] = noise(WIDTH, HIDDEN)
        tensors[f"{block}ffn_down.weight"] = noise(HIDDEN, WIDTH)
    return tensors


def _settings(tokens: list[str], kinds: list[int], template: str) -> dict[str, bytes]:
    # Longer pieces are put together first.
    pairs = zip(tokens, kinds, strict=True)
    scores = [float(len(token)) if kind == NORMAL else 0.0 for token, kind in pairs]
    return {
        "general.architecture": _text("llama"),
        "general.name": _text("Random letters"),
        "llama.block_count": _number(LAYERS),
        "llama.context_length": _number(TRAINED_ON),
        "llama.embedding_length": _number(WIDTH),
        "llama.feed_forward_length": _number(HIDDEN),
        "llama.attention.head_count": _number(HEADS),
        "llama.attention.head_count_kv": _number(HEADS),
        "llama.attention.layer_norm_rms_epsilon": struct.pack("<If", 6, 1e-5),
        "llama.rope.dimension_count": _number(WIDTH // HEADS),
        "llama.vocab_size": _number(len(tokens)),
        "tokenizer.ggml.model": _text("llama"),
        "tokenizer.ggml.tokens": _list(8, [_string(token) for token in tokens]),
        "tokenizer.ggml.scores": _list(6, [struct.pack("<f", score) for score in scores]),
        "tokenizer.ggml.token_type": _list(5, [struct.pack("<i", kind) for kind in kinds]),
        "tokenizer.ggml.unknown_token_id": _number(0),
        "tokenizer.ggml.bos_token_id": _number(1),
        "tokenizer.ggml.eos_token_id": _number(2),
        "tokenizer.ggml.add_bos_token": struct.pack("<I?", 7, True),
        "tokenizer.chat_template": _text(template),
    }


def _string(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _text(text: str) -> bytes:
    return struct.pack("<I", 8) + _string(text)


def _number(number: int) -> bytes:
    return struct.pack("<II", 4, number)


def _list(kind: int, items: list[bytes]) -> bytes:
    return struct.pack("<IIQ", 9, kind, len(items)) + b"".join(items)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % ALIGNED)
