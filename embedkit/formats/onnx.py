"""The smallest ONNX model of a table of vectors: token numbers in, their rows out, the rows in the file beside it.

One node, ``Gather``: ``input_ids`` int64 (batch, tokens) -> ``last_hidden_state`` float32 (batch, tokens, d). The
matrix is not copied: it is *external data*, a place in ``model.safetensors`` (``TensorProto.external_data`` in
onnx.proto). FastEmbed takes the mean of what comes out. Written by hand, since it is a few hundred bytes.
"""

from __future__ import annotations

IR_VERSION, OPSET = 8, 13
FLOAT, INT64, EXTERNAL = 1, 7, 1


def gather_model(n_rows: int, vector_size: int, location: str, offset: int) -> bytes:
    """A model that looks rows up.

    Parameters
    ----------
    n_rows, vector_size : int
        Shape of the matrix, float32.
    location : str
        The file that holds it, in the same folder.
    offset : int
        Where in the file it begins.
    """
    length = 4 * n_rows * vector_size
    places = (("location", location), ("offset", str(offset)), ("length", str(length)))
    tensor = (
        _number(1, n_rows)
        + _number(1, vector_size)
        + _number(2, FLOAT)
        + _bytes(8, b"embeddings")
        + b"".join(_bytes(13, _bytes(1, key.encode()) + _bytes(2, value.encode())) for key, value in places)
        + _number(14, EXTERNAL)
    )
    node = (
        _bytes(1, b"embeddings")
        + _bytes(1, b"input_ids")
        + _bytes(2, b"last_hidden_state")
        + _bytes(3, b"rows")
        + _bytes(4, b"Gather")
    )
    graph = (
        _bytes(1, node)
        + _bytes(2, b"vectors")
        + _bytes(5, tensor)
        + _bytes(11, _value("input_ids", INT64, ["batch", "tokens"]))
        + _bytes(12, _value("last_hidden_state", FLOAT, ["batch", "tokens", vector_size]))
    )
    opset = _bytes(1, b"") + _number(2, OPSET)
    return _number(1, IR_VERSION) + _bytes(2, b"embedkit") + _bytes(7, graph) + _bytes(8, opset)


def _value(name: str, kind: int, shape: list[str | int]) -> bytes:
    """A ValueInfoProto."""
    sizes = b"".join(
        _bytes(1, _number(1, size) if isinstance(size, int) else _bytes(2, size.encode())) for size in shape
    )
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, _number(1, kind) + _bytes(2, sizes)))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
