"""Multi-head attention, Transformer blocks, optimisers and the loss against PyTorch, live."""

from __future__ import annotations

import numpy as np
import pytest

from embedkit.nn.layers.dense import LayerNorm
from embedkit.nn.layers.losses import cross_entropy
from embedkit.nn.layers.multihead import MultiheadAttention
from embedkit.nn.layers.parameters import load_state
from embedkit.nn.layers.transformer import TransformerDecoderLayer, TransformerEncoderLayer
from embedkit.nn.learning.optimizers import SGD, AdaGrad, Adam

torch = pytest.importorskip("torch")
DTYPES = [("float64", 1e-10), ("float32", 1e-5)]


def rng():
    return np.random.default_rng(0)


def state_of(module):
    return {name: value.detach().numpy() for name, value in module.state_dict().items()}


def compare(ours, theirs, grads, tolerance):
    for name, value in theirs.named_parameters():
        np.testing.assert_allclose(grads[name], value.grad.numpy(), atol=tolerance, rtol=tolerance, err_msg=name)
    assert set(grads) == set(dict(theirs.named_parameters()))
    theirs.load_state_dict({name: torch.from_numpy(value) for name, value in ours.parameters.items()})


@pytest.mark.parametrize("dtype, tolerance", DTYPES)
def test_multihead_attention(dtype, tolerance):
    kind = getattr(torch, dtype)
    theirs = torch.nn.MultiheadAttention(12, 3, batch_first=True, dtype=kind)
    ours = MultiheadAttention(12, 3, rng=rng(), dtype=dtype)
    load_state(ours, state_of(theirs))
    x = torch.randn(2, 5, 12, dtype=kind, requires_grad=True)
    memory = torch.randn(2, 7, 12, dtype=kind, requires_grad=True)
    mask = np.arange(7) < np.array([[7], [4]])
    y, weights = theirs(x, memory, memory, key_padding_mask=torch.from_numpy(~mask), average_attn_weights=False)
    dy = torch.randn_like(y)
    (y * dy).sum().backward()
    our_y, cache = ours.forward(x.detach().numpy(), memory.detach().numpy(), mask=mask)
    (dx, dmemory), grads = ours.backward_memory(dy.numpy(), cache)
    np.testing.assert_allclose(our_y, y.detach().numpy(), atol=tolerance)
    np.testing.assert_allclose(cache.weights, weights.detach().numpy(), atol=tolerance)
    np.testing.assert_allclose(dx, x.grad.numpy(), atol=tolerance)
    np.testing.assert_allclose(dmemory, memory.grad.numpy(), atol=tolerance)
    compare(ours, theirs, grads, tolerance)


@pytest.mark.parametrize("dtype, tolerance", DTYPES)
@pytest.mark.parametrize("options", [{}, {"norm_first": True}, {"activation": "gelu"}], ids=str)
def test_encoder_block(dtype, tolerance, options):
    kind = getattr(torch, dtype)
    theirs = torch.nn.TransformerEncoderLayer(12, 3, 20, dropout=0.0, batch_first=True, dtype=kind, **options)
    ours = TransformerEncoderLayer(12, 3, 20, dropout=0.0, rng=rng(), dtype=dtype, **options)
    load_state(ours, state_of(theirs))
    x = torch.randn(2, 6, 12, dtype=kind, requires_grad=True)
    mask = np.arange(6) < np.array([[6], [4]])
    y = theirs(
        x, src_key_padding_mask=torch.from_numpy(~mask), src_mask=torch.triu(torch.ones(6, 6, dtype=torch.bool), 1)
    )
    dy = torch.randn_like(y)
    (y * dy).sum().backward()
    our_y, cache = ours.forward(x.detach().numpy(), mask, causal=True)
    dx, grads = ours.backward(dy.numpy(), cache)
    np.testing.assert_allclose(our_y, y.detach().numpy(), atol=tolerance)
    np.testing.assert_allclose(dx, x.grad.numpy(), atol=tolerance)
    compare(ours, theirs, grads, tolerance)


@pytest.mark.parametrize("dtype, tolerance", DTYPES)
@pytest.mark.parametrize("norm_first", [False, True])
def test_decoder_block(dtype, tolerance, norm_first):
    kind = getattr(torch, dtype)
    theirs = torch.nn.TransformerDecoderLayer(
        12, 3, 20, dropout=0.0, batch_first=True, dtype=kind, norm_first=norm_first
    )
    ours = TransformerDecoderLayer(12, 3, 20, dropout=0.0, rng=rng(), dtype=dtype, norm_first=norm_first)
    load_state(ours, state_of(theirs))
    x = torch.randn(2, 6, 12, dtype=kind, requires_grad=True)
    memory = torch.randn(2, 5, 12, dtype=kind, requires_grad=True)
    mask = np.arange(5) < np.array([[5], [2]])
    y = theirs(
        x,
        memory,
        memory_key_padding_mask=torch.from_numpy(~mask),
        tgt_mask=torch.triu(torch.ones(6, 6, dtype=torch.bool), 1),
    )
    dy = torch.randn_like(y)
    (y * dy).sum().backward()
    our_y, cache = ours.forward(x.detach().numpy(), memory.detach().numpy(), memory_mask=mask)
    (dx, dmemory), grads = ours.backward(dy.numpy(), cache)
    np.testing.assert_allclose(our_y, y.detach().numpy(), atol=tolerance)
    np.testing.assert_allclose(dx, x.grad.numpy(), atol=tolerance)
    np.testing.assert_allclose(dmemory, memory.grad.numpy(), atol=tolerance)
    compare(ours, theirs, grads, tolerance)


@pytest.mark.parametrize("dtype, tolerance", DTYPES)
def test_layer_norm(dtype, tolerance):
    kind = getattr(torch, dtype)
    theirs, ours = torch.nn.LayerNorm(9, dtype=kind), LayerNorm(9, dtype=dtype)
    torch.nn.init.normal_(theirs.weight)
    load_state(ours, state_of(theirs))
    x = torch.randn(4, 9, dtype=kind, requires_grad=True)
    y = theirs(x)
    (y * y).sum().backward()
    our_y, cache = ours.forward(x.detach().numpy())
    dx, grads = ours.backward(2 * our_y, cache)
    np.testing.assert_allclose(dx, x.grad.numpy(), atol=tolerance)
    compare(ours, theirs, grads, tolerance)


@pytest.mark.parametrize("dtype, tolerance", DTYPES)
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy(dtype, tolerance, smoothing):
    logits = torch.randn(3, 4, 7, dtype=getattr(torch, dtype), requires_grad=True)
    targets = torch.randint(0, 7, (3, 4))
    targets[1, 2:] = -100
    theirs = torch.nn.functional.cross_entropy(logits.reshape(-1, 7), targets.reshape(-1), label_smoothing=smoothing)
    theirs.backward()
    loss, dlogits = cross_entropy(logits.detach().numpy(), targets.numpy(), label_smoothing=smoothing)
    assert abs(loss - theirs.item()) < tolerance
    np.testing.assert_allclose(dlogits, logits.grad.numpy(), atol=tolerance)


@pytest.mark.parametrize(
    "ours, theirs",
    [
        (SGD(0.1), lambda p: torch.optim.SGD(p, 0.1)),
        (SGD(0.1, momentum=0.9, weight_decay=0.01), lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, weight_decay=0.01)),
        (SGD(0.1, momentum=0.9, nesterov=True), lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, nesterov=True)),
        (AdaGrad(0.1, weight_decay=0.01), lambda p: torch.optim.Adagrad(p, 0.1, weight_decay=0.01)),
        (Adam(0.01), lambda p: torch.optim.Adam(p, 0.01)),
        (Adam(0.01, weight_decay=0.1), lambda p: torch.optim.Adam(p, 0.01, weight_decay=0.1)),
        (Adam(0.01, weight_decay=0.1, decoupled=True), lambda p: torch.optim.AdamW(p, 0.01, weight_decay=0.1)),
    ],
    ids=["sgd", "momentum", "nesterov", "adagrad", "adam", "adam-l2", "adamw"],
)
def test_optimizers(ours, theirs):
    draws = rng()
    start = draws.standard_normal((4, 3))
    parameter = torch.nn.Parameter(torch.from_numpy(start.copy()))
    optimizer = theirs([parameter])
    for _ in range(20):
        gradient = draws.standard_normal((4, 3))
        parameter.grad = torch.from_numpy(gradient.copy())
        optimizer.step()
        ours.step({"w": start}, {"w": gradient})
    np.testing.assert_allclose(start, parameter.detach().numpy(), rtol=1e-12)
