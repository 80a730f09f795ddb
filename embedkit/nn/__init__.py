"""Small neural modules over word vectors: layers, optimisers, and the task models built from them.

Every layer is a small class; reading its `forward` beside its `backward` should be like reading a textbook. All are at
hand as ``embedkit.nn.LSTM``, ``embedkit.nn.Linear``, ...; each is imported when it is first used.

Conventions
-----------
parameters
    ``layer.parameters : dict[str, ndarray]``, float32 or float64; what is computed has the parameters' dtype. Names
    and layouts are PyTorch's (``weight``, ``bias``, ``weight_ih_l0``, ``weight_hh_l0_reverse``, ``in_proj_weight``),
    so the state dict of the same module of PyTorch, as arrays, goes in with ``load_state(layer, state)`` and
    ``layer.parameters`` goes back out. Arrays are changed in place and never replaced, so a layer made of parts lists
    the parts' own arrays under dotted names (``self_attn.out_proj.weight``) and one optimiser steps them all.
forward and backward
    ``y, cache = layer.forward(x, ...)`` and ``dx, grads = layer.backward(dy, cache)``. A layer keeps no activations of
    its own: `cache` is all that `backward` needs, so a layer may be used twice in one model (add the gradients). The
    cache is a named tuple or a dataclass that says what it holds. ``grads`` has the keys of ``parameters``; an
    `Embedding` gives a `RowGradient` (only the rows touched), and a frozen parameter's key is left out. A gradient is
    summed, not averaged, over the batch: averages belong to the loss.
shapes
    Batch first: ``(batch, time, features)``. Variable lengths come as ``lengths : int64 (batch,)`` for recurrent
    layers and as ``mask : bool (batch, time)``, True on real tokens, everywhere else; `padding_mask` turns one into
    the other. Padding stands at the end. Output at padding is zero for recurrent layers.
recurrent state
    ``y, cache = lstm.forward(x, lengths, state)``; the last state is ``cache.state``: h, float (layers × directions,
    batch, hidden), for `RNN` and `GRU`, the tuple (h, c) for `LSTM`, as in PyTorch. It is a copy, so that handing it
    to the next call is truncated backpropagation through time. ``backward(dy, cache)`` treats the state as unused;
    ``backward_state(dy, dstate, cache) -> (dx, dstate0, grads)`` carries gradients in and out of it (an encoder's last
    state that starts a decoder).
randomness
    Through a ``numpy.random.Generator`` handed in: ``rng`` on construction for first values, and on `forward` where
    ``training=True`` draws (dropout). Without ``training=True`` nothing is random.

Modules
-------
================  ===================================================================================================
``parameters``    `RowGradient`, `load_state`, `with_prefix`, `without_prefix`, `add_gradients`, first values
``dense``         `Linear`, `Dropout`, `LayerNorm`
``embedding``     `Embedding`: from vectors, frozen or not, unknown words from subwords
``losses``        `softmax`, `cross_entropy(logits, targets, mask=None, ...) -> (loss, dlogits)`
``recurrent``     `RNN`, `GRU`, `LSTM`
``attention``     `padding_mask`, `causal_mask`, `AdditiveAttention`, `DotAttention`, `MultiheadAttention`, `positions`
``transformer``   `TransformerEncoderLayer`, `TransformerDecoderLayer`
``crf``           `ConditionalRandomField`
``pooling``       `Pooling`: from the vectors of words to one vector
``optimizers``    `SGD`, `AdaGrad`, `Adam`, `clip_gradients`, `EarlyStopping`
``stacks``        `RecurrentStack`, `TransformerStack`: bodies of the language models in ``language_model``
``translators``   `RecurrentPair`, `TransformerPair`: encoder and decoder of ``seq2seq``
``decoding``      `greedy`, `beam_search`
``schedules``     `constant`, `linear`, `cosine`, `noam`: step → factor on the learning rate
================  ===================================================================================================
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from embedkit.nn.layers.attention import AdditiveAttention as AdditiveAttention
    from embedkit.nn.layers.attention import AttentionPooling as AttentionPooling
    from embedkit.nn.layers.attention import DotAttention as DotAttention
    from embedkit.nn.layers.attention import causal_mask as causal_mask
    from embedkit.nn.layers.attention import padding_mask as padding_mask
    from embedkit.nn.layers.attention import positions as positions
    from embedkit.nn.layers.bag import BagEmbedding as BagEmbedding
    from embedkit.nn.layers.crf import ConditionalRandomField as ConditionalRandomField
    from embedkit.nn.layers.dense import Dropout as Dropout
    from embedkit.nn.layers.dense import LayerNorm as LayerNorm
    from embedkit.nn.layers.dense import Linear as Linear
    from embedkit.nn.layers.embedding import Embedding as Embedding
    from embedkit.nn.layers.losses import cross_entropy as cross_entropy
    from embedkit.nn.layers.losses import softmax as softmax
    from embedkit.nn.layers.multihead import MultiheadAttention as MultiheadAttention
    from embedkit.nn.layers.parameters import RowGradient as RowGradient
    from embedkit.nn.layers.parameters import load_state as load_state
    from embedkit.nn.layers.pooling import Pooling as Pooling
    from embedkit.nn.layers.recurrent import GRU as GRU
    from embedkit.nn.layers.recurrent import LSTM as LSTM
    from embedkit.nn.layers.recurrent import RNN as RNN
    from embedkit.nn.layers.transformer import TransformerDecoderLayer as TransformerDecoderLayer
    from embedkit.nn.layers.transformer import TransformerEncoderLayer as TransformerEncoderLayer
    from embedkit.nn.learning.optimizers import SGD as SGD
    from embedkit.nn.learning.optimizers import AdaGrad as AdaGrad
    from embedkit.nn.learning.optimizers import Adam as Adam
    from embedkit.nn.learning.optimizers import EarlyStopping as EarlyStopping
    from embedkit.nn.learning.optimizers import clip_gradients as clip_gradients

_HOMES = {
    "layers.attention": (
        "AdditiveAttention",
        "AttentionPooling",
        "DotAttention",
        "causal_mask",
        "padding_mask",
        "positions",
    ),
    "layers.bag": ("BagEmbedding",),
    "layers.crf": ("ConditionalRandomField",),
    "layers.dense": ("Dropout", "LayerNorm", "Linear"),
    "layers.embedding": ("Embedding",),
    "layers.losses": ("cross_entropy", "softmax"),
    "layers.multihead": ("MultiheadAttention",),
    "layers.parameters": ("RowGradient", "load_state"),
    "layers.pooling": ("Pooling",),
    "layers.recurrent": ("GRU", "LSTM", "RNN"),
    "layers.transformer": ("TransformerDecoderLayer", "TransformerEncoderLayer"),
    "learning.optimizers": ("SGD", "AdaGrad", "Adam", "EarlyStopping", "clip_gradients"),
}
_HOME_OF = {name: f"embedkit.nn.{module}" for module, names in _HOMES.items() for name in names}
__all__ = list(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        return getattr(import_module(_HOME_OF[name]), name)
    raise AttributeError(f"module 'embedkit.nn' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
