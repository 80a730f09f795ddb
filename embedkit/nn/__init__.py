"""Small neural modules over word vectors: layers, optimisers, and the task models built from them.

Every layer is a small class; reading its `forward` beside its `backward` should be like reading a textbook.

Conventions
-----------
parameters
    ``layer.parameters : dict[str, ndarray]``, float32 or float64; what is computed has the parameters' dtype.
    Names and layouts are PyTorch's (``weight``, ``bias``, ``weight_ih_l0``, ``weight_hh_l0_reverse``,
    ``in_proj_weight``), so the state dict of the same module of PyTorch, as arrays, goes in with
    ``load_state(layer, state)`` and
    ``layer.parameters`` goes back out. Arrays are changed in place and never replaced, so a layer made of
    parts lists the parts' own arrays under dotted names (``self_attn.out_proj.weight``) and one optimiser
    steps them all.
forward and backward
    ``y, cache = layer.forward(x, ...)`` and ``dx, grads = layer.backward(dy, cache)``. A layer keeps no
    activations of its own: `cache` is all that `backward` needs, so a layer may be used twice in one model
    (add the gradients).
    ``grads`` has the keys of ``parameters``; an `Embedding` gives a `RowGradient` (only the rows touched),
    and a frozen parameter's key is left out. A gradient is summed, not averaged, over the batch: averages
    belong to the loss.
shapes
    Batch first: ``(batch, time, features)``. Variable lengths come as ``lengths : int64 (batch,)`` for
    recurrent layers and as ``mask : bool (batch, time)``, True on real tokens, everywhere else;
    `padding_mask` turns one into the other. Padding stands at the end. Output at padding is zero for
    recurrent layers.
recurrent state
    ``y, cache = lstm.forward(x, lengths, state)``; the last state is ``cache.state``: h, float (layers ×
    directions, batch, hidden), for `RNN` and `GRU`, the tuple (h, c) for `LSTM`, as in PyTorch. It is a copy,
    so that handing it to the next call is truncated backpropagation through time. ``backward(dy, cache)``
    treats the state as unused;
    ``backward_state(dy, dstate, cache) -> (dx, dstate0, grads)`` carries gradients in and out of it (an
    encoder's last state that starts a decoder).
randomness
    Through a ``numpy.random.Generator`` handed in: ``rng`` on construction for first values, and on `forward`
    where
    ``training=True`` draws (dropout). Without ``training=True`` nothing is random.

Modules
-------
``parameters``   `RowGradient`, `load_state`, `with_prefix`, `without_prefix`, `add_gradients`, first values
``layers``       `Linear`, `Dropout`, `LayerNorm`
``embedding``    `Embedding`: from vectors, frozen or not, unknown words from subwords
``losses``       `softmax`, `cross_entropy(logits, targets, mask=None, ...) -> (loss, dlogits)`
``recurrent``    `RNN`, `GRU`, `LSTM`
``attention``    `padding_mask`, `causal_mask`, `AdditiveAttention`, `DotAttention`, `MultiheadAttention`,
`positions`
``transformer``  `TransformerEncoderLayer`, `TransformerDecoderLayer`
``optimizers``   `SGD`, `AdaGrad`, `Adam`, `clip_gradients`, `EarlyStopping`
``stacks``       `RecurrentStack`, `TransformerStack`: bodies of the language models in ``language_model``
``translators``  `RecurrentPair`, `TransformerPair`: encoder and decoder of ``seq2seq``
``decoding``     `greedy`, `beam_search`
``schedules``    `constant`, `linear`, `cosine`, `noam`: step → factor on the learning rate
"""
