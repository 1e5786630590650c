"""A tiny Llama of random numbers, the same bytes everywhere: both servers serve it, so tests need no download.

It says nothing sensible. What it is good for: every request takes the real path through a real server, an answer that
must follow a schema follows it, and one that must not ends at its token limit. Two things are not left to chance. The
first channel of the hidden state is constant, and the head weighs it by how often a character stands in JSON and
English: so texts are printable, and strings inside a schema end after some ten characters. The end of text is all but
impossible outside a schema: so every answer of a benchmark has the length that was asked for, on both servers.

    python -m ci.models.weights        prints the folder
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import struct
from pathlib import Path

import fasteners
import numpy as np

from ci.models.places import CACHE

#: SHA-256 of all files, one after the other; a change here is a change of the model.
DIGEST = "92ecc2938da1b6b5d4b87e632006c9738cbae2334d5297a1e7565ba7862a0105"
HIDDEN, INNER, LAYERS, HEADS, KEY_HEADS, POSITIONS = 128, 256, 2, 4, 2, 32768
BEGIN, END = "<s>", "</s>"
#: Byte pairs that are joined; Ollama takes no tokenizer without any. "Ġ" is a space.
_MERGES = """t h|th e|i n|e r|a n|o n|r e|a t|e n|o r|i s|e s|s t|a l|a r|Ġ t|Ġ a|Ġ s|Ġ c|Ġ o|Ġ the|i on|in g|an d|t ion
|Ġ in|" :|" ,|{ "|} ,""".replace("\n", "").split("|")
#: Parts in a thousand, of characters that should be frequent; every other printable one gets two.
_FREQUENT = {'"': 160, "}": 60, "]": 60, ",": 60, "Ġ": 60, "e": 60, "t": 50, "a": 50, "o": 40, "i": 40, "n": 40,
             "s": 40, "r": 40, "0": 20, "1": 20, "2": 20, ":": 20, "{": 10, "[": 10}  # fmt: skip
#: Logits of what must not be seen: control characters, lone bytes of UTF-8, the end.
_NEVER = -30.0
#: Standard deviation of a logit around its character's own, by the rest of the hidden state.
_SPREAD = 1.0
_TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)
#: The same in Go's language, for Ollama.
OLLAMA_TEMPLATE = "{{ range .Messages }}{{ .Role }}: {{ .Content }}\n{{ end }}assistant: "


def folder() -> Path:
    """Where the model is; made when it is not there yet, and never half."""
    recipe = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    target = CACHE / f"tiny-{recipe}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with fasteners.InterProcessLock(CACHE / "tiny.lock"):
        if not target.exists():
            draft = target.with_suffix(f".{os.getpid()}")
            shutil.rmtree(draft, ignore_errors=True)
            write(draft)
            draft.rename(target)
    return target


def write(target: Path) -> None:
    """All files of the model, checked against the digest."""
    words = vocabulary()
    files = {
        "model.safetensors": _safetensors(_tensors(words)),
        "tokenizer.json": _json(_tokenizer(words)),
        "tokenizer_config.json": _json(_tokenizer_config()),
        "config.json": _json(_config(len(words))),
        "generation_config.json": _json({"bos_token_id": 0, "eos_token_id": 1}),
    }
    found = hashlib.sha256(b"".join(files.values())).hexdigest()
    if found != DIGEST:
        raise ValueError(f"the model's files have SHA-256 {found}, not {DIGEST}: this file makes something else")
    target.mkdir(parents=True)
    for name, content in files.items():
        (target / name).write_bytes(content)
        (target / name).chmod(0o644)  # a server in a pod runs as somebody else


# -- the tokenizer ----------------------------------------------------------------------------------------------------


def vocabulary() -> list[str]:
    """Special tokens, the 256 bytes as letters (as GPT-2 writes them), the merges' results; the index is the id."""
    return [BEGIN, END, *_byte_letters(), *(merge.replace(" ", "") for merge in _MERGES)]


def _byte_letters() -> list[str]:
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = (byte for byte in range(256) if byte not in printable)
    shifted = {byte: 256 + n for n, byte in enumerate(others)}
    return [chr(shifted.get(byte, byte)) for byte in range(256)]


def _tokenizer(words: list[str]) -> dict[str, object]:
    special = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "added_tokens": [{"id": n, "content": words[n], **special} for n in (0, 1)],
        "pre_tokenizer": level,
        "decoder": level,
        "model": {
            "type": "BPE",
            "vocab": {word: n for n, word in enumerate(words)},
            "merges": [merge.split(" ") for merge in _MERGES],
        },
    }


def _tokenizer_config() -> dict[str, object]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": BEGIN,
        "eos_token": END,
        # Ollama would put <s> before every prompt and vLLM none
        "add_bos_token": False,
        "add_eos_token": False,
        "model_max_length": POSITIONS,
        "chat_template": _TEMPLATE,
    }


def _config(words: int) -> dict[str, object]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "dtype": "bfloat16",
        "torch_dtype": "bfloat16",
        "vocab_size": words,
        "hidden_size": HIDDEN,
        "intermediate_size": INNER,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KEY_HEADS,
        "head_dim": HIDDEN // HEADS,
        "max_position_embeddings": POSITIONS,
        "rope_theta": 10000.0,
        "rms_norm_eps": 1e-5,
        "hidden_act": "silu",
        "tie_word_embeddings": False,
        "bos_token_id": 0,
        "eos_token_id": 1,
    }


# -- the weights ------------------------------------------------------------------------------------------------------

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


def _tensors(words: list[str]) -> dict[str, Floats]:
    """Every layer writes zero into the first channel, so that it stays the one that the embedding gave it."""
    head_dim = HIDDEN // HEADS
    embedding = _random("embedding", (len(words), HIDDEN), deviation=1.0)
    embedding[:, 0] = 1.0
    head = _random("head", (len(words), HIDDEN), deviation=_SPREAD / math.sqrt(HIDDEN))
    head[:, 0] = [_logit(word) for word in words]
    found = {"model.embed_tokens.weight": embedding, "model.norm.weight": _ones(), "lm_head.weight": head}
    shapes = {
        "self_attn.q_proj": (HIDDEN, HIDDEN),
        "self_attn.k_proj": (KEY_HEADS * head_dim, HIDDEN),
        "self_attn.v_proj": (KEY_HEADS * head_dim, HIDDEN),
        "self_attn.o_proj": (HIDDEN, HIDDEN),
        "mlp.gate_proj": (INNER, HIDDEN),
        "mlp.up_proj": (INNER, HIDDEN),
        "mlp.down_proj": (HIDDEN, INNER),
    }
    for layer in range(LAYERS):
        for part, shape in shapes.items():
            name = f"model.layers.{layer}.{part}.weight"
            found[name] = _random(name, shape, deviation=1.0 / math.sqrt(shape[1]))
            if part in ("self_attn.o_proj", "mlp.down_proj"):
                found[name][0, :] = 0.0
        for norm in ("input_layernorm", "post_attention_layernorm"):
            found[f"model.layers.{layer}.{norm}.weight"] = _ones()
    return found


def _logit(word: str) -> float:
    """How likely a token is before anything was said: the logarithm of its parts in a thousand."""
    if word in (BEGIN, END) or not all(letter == "Ġ" or letter.isascii() for letter in word):
        return _NEVER
    return math.log(_FREQUENT.get(word, 2))


def _ones() -> Floats:
    return np.ones(HIDDEN, dtype=np.float32)


def _random(name: str, shape: tuple[int, int], *, deviation: float) -> Floats:
    """Numbers spread evenly around zero, from a hash of the name: no generator's stream can change under us."""
    data = hashlib.shake_256(name.encode()).digest(2 * shape[0] * shape[1])
    even = np.frombuffer(data, dtype="<u2").astype(np.float32) / np.float32(32768) - np.float32(1)
    return (even * np.float32(deviation * math.sqrt(3))).reshape(shape)


def _safetensors(tensors: dict[str, Floats]) -> bytes:
    """The format: a length, a header of JSON, and the tensors' bytes; bfloat16 is a float32's upper half."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    parts: list[bytes] = []
    place = 0
    for name, tensor in sorted(tensors.items()):
        part = (np.ascontiguousarray(tensor).view("<u4") >> 16).astype("<u2").tobytes()
        header[name] = {"dtype": "BF16", "shape": list(tensor.shape), "data_offsets": [place, place + len(part)]}
        parts.append(part)
        place += len(part)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(parts)


def _json(content: object) -> bytes:
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()


if __name__ == "__main__":
    print(folder())
