import json
import struct

import numpy as np
import pytest

from ci.models import weights


def test_the_model_is_the_same_bytes_every_time(tmp_path):
    weights.write(tmp_path / "once")
    weights.write(tmp_path / "again")
    for file in sorted((tmp_path / "once").iterdir()):
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes(), file.name


def test_other_bytes_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "_SPREAD", 2.0)
    with pytest.raises(ValueError, match="the model's files have SHA-256"):
        weights.write(tmp_path / "changed")


def test_no_layer_writes_into_the_constant_channel(tmp_path):
    weights.write(tmp_path / "model")
    data = (tmp_path / "model" / "model.safetensors").read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    written = [name for name in header if name.endswith(("o_proj.weight", "down_proj.weight"))]
    assert len(written) == 2 * weights.LAYERS
    for name in written:
        begin, end = header[name]["data_offsets"]
        rows = np.frombuffer(data[8 + length + begin : 8 + length + end], dtype="<u2").reshape(header[name]["shape"])
        assert not rows[0].any(), name
        assert rows[1:].any(), name


def test_all_256_bytes_are_words_and_merges_make_more(tmp_path):
    words = weights.vocabulary()
    assert len(words) == len(set(words)) == 2 + 256 + 30
