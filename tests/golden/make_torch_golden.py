"""Makes tests/golden/nn/*.npz with PyTorch: parameters, inputs, outputs and gradients of small modules in
float64.

    python tests/golden/make_torch_golden.py

Names in a file: ``parameter.NAME``, ``input.NAME``, ``y``, ``dy`` (the gradient that was sent in),
``state.N``,
``dinput.NAME``, ``dparameter.NAME``; for optimisers ``gradients`` (steps, …) and ``trajectory`` (steps, …).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

FOLDER = Path(__file__).parent / "nn"
CELLS = {
    "rnn_tanh": (torch.nn.RNN, {}),
    "rnn_relu": (torch.nn.RNN, {"nonlinearity": "relu"}),
    "gru": (torch.nn.GRU, {}),
    "lstm": (torch.nn.LSTM, {}),
}
OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, 0.1),
    "momentum": lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, weight_decay=0.01),
    "nesterov": lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, nesterov=True),
    "adagrad": lambda p: torch.optim.Adagrad(p, 0.1),
    "adam": lambda p: torch.optim.Adam(p, 0.01, weight_decay=0.1),
    "adamw": lambda p: torch.optim.AdamW(p, 0.01, weight_decay=0.1),
}


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def save(
    name: str, module: torch.nn.Module, inputs: dict[str, torch.Tensor], y: torch.Tensor, extra: dict[str, np.ndarray]
) -> None:
    """Send a random gradient through `y` and store everything."""
    dy = draw(*y.shape)
    y.backward(dy)
    arrays = {"y": y.detach().numpy(), "dy": dy.numpy(), **extra}
    for key, value in module.named_parameters():
        arrays[f"parameter.{key}"] = value.detach().numpy()
        arrays[f"dparameter.{key}"] = value.grad.numpy()
    for key, value in inputs.items():
        arrays[f"input.{key}"] = value.detach().numpy()
        arrays[f"dinput.{key}"] = value.grad.numpy()
    np.savez_compressed(FOLDER / f"{name}.npz", **arrays)


def recurrent() -> None:
    for name, (kind, options) in CELLS.items():
        module = kind(3, 4, 2, bidirectional=True, batch_first=True, dtype=torch.float64, **options)
        x, lengths = draw(3, 7, 3).requires_grad_(), torch.tensor([5, 7, 2])
        packed = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        packed_y, state = module(packed)
        y, _ = torch.nn.utils.rnn.pad_packed_sequence(packed_y, batch_first=True)
        states = state if isinstance(state, tuple) else (state,)
        extra = {f"state.{i}": s.detach().numpy() for i, s in enumerate(states)}
        save(name, module, {"x": x}, y, {"lengths": lengths.numpy(), **extra})


def attention() -> None:
    mask = np.arange(5) < np.array([[5], [3]])
    hidden = torch.from_numpy(~mask)
    module = torch.nn.MultiheadAttention(6, 2, batch_first=True, dtype=torch.float64)
    torch.nn.init.normal_(module.in_proj_bias)
    x, memory = draw(2, 4, 6).requires_grad_(), draw(2, 5, 6).requires_grad_()
    y, weights = module(x, memory, memory, key_padding_mask=hidden, average_attn_weights=False)
    save("multihead", module, {"x": x, "memory": memory}, y, {"mask": mask, "weights": weights.detach().numpy()})
    for name, options in (("encoder_post", {}), ("encoder_pre_gelu", {"norm_first": True, "activation": "gelu"})):
        block = torch.nn.TransformerEncoderLayer(
            6, 2, 10, dropout=0.0, batch_first=True, dtype=torch.float64, **options
        )
        x = draw(2, 5, 6).requires_grad_()
        future = torch.triu(torch.ones(5, 5, dtype=torch.bool), 1)
        save(name, block, {"x": x}, block(x, src_mask=future, src_key_padding_mask=hidden), {"mask": mask})
    for name, first in (("decoder_post", False), ("decoder_pre", True)):
        block = torch.nn.TransformerDecoderLayer(
            6, 2, 10, dropout=0.0, batch_first=True, dtype=torch.float64, norm_first=first
        )
        x, memory = draw(2, 4, 6).requires_grad_(), draw(2, 5, 6).requires_grad_()
        future = torch.triu(torch.ones(4, 4, dtype=torch.bool), 1)
        y = block(x, memory, tgt_mask=future, memory_key_padding_mask=hidden)
        save(name, block, {"x": x, "memory": memory}, y, {"mask": mask})


def optimizers() -> None:
    arrays = {"start": draw(3, 2).numpy(), "gradients": draw(10, 3, 2).numpy()}
    for name, make in OPTIMIZERS.items():
        parameter = torch.nn.Parameter(torch.from_numpy(arrays["start"].copy()))
        optimizer, path = make([parameter]), []
        for gradient in arrays["gradients"]:
            parameter.grad = torch.from_numpy(gradient.copy())
            optimizer.step()
            path.append(parameter.detach().numpy().copy())
        arrays[f"trajectory.{name}"] = np.stack(path)
    np.savez_compressed(FOLDER / "optimizers.npz", **arrays)


def cross_entropy() -> None:
    arrays = {"targets": np.array([[1, 4, -100], [0, 2, 3]])}
    logits = (3 * draw(2, 3, 5)).requires_grad_()
    for name, smoothing in (("plain", 0.0), ("smooth", 0.1)):
        logits.grad = None
        loss = torch.nn.functional.cross_entropy(
            logits.reshape(-1, 5), torch.from_numpy(arrays["targets"]).reshape(-1), label_smoothing=smoothing
        )
        loss.backward()
        arrays[f"loss.{name}"], arrays[f"dlogits.{name}"] = loss.detach().numpy(), logits.grad.numpy().copy()
    np.savez_compressed(FOLDER / "cross_entropy.npz", logits=logits.detach().numpy(), **arrays)


if __name__ == "__main__":
    torch.manual_seed(6)
    FOLDER.mkdir(exist_ok=True)
    recurrent()
    attention()
    optimizers()
    cross_entropy()
