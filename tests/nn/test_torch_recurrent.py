"""Recurrent layers against PyTorch, live: outputs, states and gradients, with weights exchanged both ways."""

from __future__ import annotations

import numpy as np
import pytest

from embedkit.kernels import thresholds
from embedkit.nn.layers.parameters import load_state
from embedkit.nn.layers.recurrent import GRU, LSTM, RNN

torch = pytest.importorskip("torch")
KINDS = {
    "rnn": (RNN, torch.nn.RNN, {}),
    "relu": (RNN, torch.nn.RNN, {"nonlinearity": "relu"}),
    "gru": (GRU, torch.nn.GRU, {}),
    "lstm": (LSTM, torch.nn.LSTM, {}),
}


def numpy_of(value):
    return tuple(v.detach().numpy() for v in value) if isinstance(value, tuple) else (value.detach().numpy(),)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize(
    "dtype, tolerance, above", [("float64", 1e-10, 1 << 62), ("float32", 1e-5, 1 << 62), ("float32", 1e-5, 0)]
)
def test_outputs_and_gradients(kind, both, dtype, tolerance, above, monkeypatch):
    monkeypatch.setattr(thresholds, "RECURRENT_PRODUCTS", above)
    ours_kind, theirs_kind, options = KINDS[kind]
    torch.manual_seed(1)
    theirs = theirs_kind(10, 24, 2, bidirectional=both, batch_first=True, dtype=getattr(torch, dtype), **options)
    ours = ours_kind(10, 24, 2, both, rng=np.random.default_rng(0), dtype=dtype, **options)
    load_state(ours, {name: value.numpy() for name, value in theirs.state_dict().items()})
    x = torch.randn(6, 50, 10, dtype=theirs.weight_ih_l0.dtype, requires_grad=True)
    lengths = torch.tensor([50, 3, 17, 50, 1, 33])
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    packed_y, state = theirs(packed)
    y, _ = torch.nn.utils.rnn.pad_packed_sequence(packed_y, batch_first=True)
    weight = torch.randn_like(y) / 50
    (y * weight).sum().backward()
    our_y, cache = ours.forward(x.detach().numpy(), lengths.numpy())
    dx, grads = ours.backward(weight.numpy(), cache)
    np.testing.assert_allclose(our_y, y.detach().numpy(), atol=tolerance)
    for a, b in zip(cache.state if isinstance(cache.state, tuple) else (cache.state,), numpy_of(state), strict=True):
        np.testing.assert_allclose(a, b, atol=tolerance)
    np.testing.assert_allclose(dx, x.grad.numpy(), atol=tolerance)
    for name, value in theirs.named_parameters():
        np.testing.assert_allclose(grads[name], value.grad.numpy(), atol=tolerance, err_msg=name)
    theirs.load_state_dict({name: torch.from_numpy(value) for name, value in ours.parameters.items()})
