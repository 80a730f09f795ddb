"""Sixteen bytes of UTF-8 at a time: where plain text ends, and whether it is UTF-8 at all.

A comparison of vectors gives a bit for each byte, so a run of letters costs one step for each sixteen bytes and one
jump at its end, where walking through characters jumps at each of them. The vectors are LLVM's own and become SSE2,
NEON or whatever the processor has.

Whether bytes are UTF-8 is seen in the same step: a continuation byte has to stand behind each first byte as often as
that says, and nowhere else. What tells only by the second byte (overlong forms, surrogates, beyond U+10FFFF) is among
what these functions stop at, to be looked at singly.

Each reads from three bytes before its place to sixteen behind.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from embedkit.kernels.simd import base

BYTES = 16
BROKEN = 1 << BYTES  # results from here on say that not all is UTF-8
_INT64 = ir.IntType(64)
_VECTOR = ir.VectorType(ir.IntType(8), BYTES)
_BITS = ir.IntType(BYTES)


class _Bytes:
    """Comparisons of the sixteen bytes at a place, as code of LLVM."""

    def __init__(self, builder, start, place):
        self.builder = builder
        self.here, self.next, *self.before = (
            builder.load(self.at(builder, start, place, offset), align=1) for offset in (0, 1, -1, -2, -3)
        )

    @staticmethod
    def at(builder, start, place, offset=0):
        """The address of a vector."""
        pointer = builder.gep(start, [builder.add(place, _INT64(offset))])
        return builder.bitcast(pointer, _VECTOR.as_pointer())

    def between(self, x, low, high):
        """Where ``low <= x <= high``."""
        offset = self.builder.sub(x, ir.Constant(_VECTOR, [low] * BYTES))
        return self.builder.icmp_unsigned("<=", offset, ir.Constant(_VECTOR, [high - low] * BYTES))

    def either(self, first, *others):
        """Where any of these holds."""
        for other in others:
            first = self.builder.or_(first, other)
        return first

    def lead(self, byte, low, high, *, last=None):
        """Where a character begins with a byte from `byte` to `last` and its second one is from `low` to `high`."""
        return self.builder.and_(
            self.between(self.here, byte, byte if last is None else last), self.between(self.next, low, high)
        )

    def result(self, stops):
        """A bit for each of `stops`, and above them those where a continuation byte is missing or too many."""
        expected = self.either(
            *(self.between(x, low, 0xFF) for x, low in zip(self.before, (0xC2, 0xE0, 0xF0), strict=True))
        )
        broken = self.builder.xor(self.between(self.here, 0x80, 0xBF), expected)
        low, high = (self.builder.zext(self.builder.bitcast(bits, _BITS), _INT64) for bits in (stops, broken))
        return self.builder.or_(low, self.builder.shl(high, _INT64(BYTES)))


@intrinsic
def copy_letters(typingctx, data, place, out, to):
    """Copy sixteen bytes; the bits of those at which `embedkit.kernels.korean` has to look closer.

    It has not where letters and digits of ASCII, white space, Hangul syllables up to U+D77F and U+5000 – U+9FBF of
    Hanja begin, nor at continuation bytes.

    Parameters
    ----------
    data, out : uint8
    place, to : int64
    """

    def codegen(context, builder, signature, args):
        x = _Bytes(builder, base(context, builder, signature.args[0], args[0]), args[1])
        builder.store(x.here, x.at(builder, base(context, builder, signature.args[2], args[2]), args[3]), align=1)
        plain = x.either(
            x.between(builder.or_(x.here, ir.Constant(_VECTOR, [0x20] * BYTES)), ord("a"), ord("z")),
            x.between(x.here, ord("0"), ord("9")),
            x.between(x.here, ord("_"), ord("_")),
            x.between(x.here, ord(" "), ord(" ")),
            x.between(x.here, 9, 13),
            x.between(x.here, 0x80, 0xBF),
            x.between(x.here, 0xE5, 0xE8),
            x.lead(0xE9, 0x80, 0xBE),
            x.lead(0xEA, 0xB0, 0xBF),
            x.between(x.here, 0xEB, 0xEC),
            x.lead(0xED, 0x80, 0x9D),
        )
        return x.result(builder.not_(plain))

    return types.int64(data, types.int64, out, types.int64), codegen


@intrinsic
def word_ends(typingctx, data, place):
    """The bits of those of sixteen bytes that are white space, begin some, or need a closer look.

    Parameters
    ----------
    data : uint8
    place : int64
    """

    def codegen(context, builder, signature, args):
        x = _Bytes(builder, base(context, builder, signature.args[0], args[0]), args[1])
        stops = x.either(
            x.between(x.here, 9, 13),
            x.between(x.here, 28, 32),
            x.lead(0xC2, 0x85, 0xA0),
            x.lead(0xE1, 0x9A, 0x9A),
            x.lead(0xE2, 0x80, 0x81),
            x.lead(0xE3, 0x80, 0x80),
            # Perhaps not UTF-8.
            x.between(x.here, 0xC0, 0xC1),
            x.lead(0xE0, 0x80, 0x9F),
            x.lead(0xED, 0xA0, 0xBF),
            x.between(x.here, 0xF0, 0xFF),
        )
        return x.result(stops)

    return types.int64(data, types.int64), codegen


@intrinsic
def trailing_zeros(typingctx, bits):
    """The place of the lowest bit of an int64 that is not 0."""

    def codegen(context, builder, signature, args):
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), codegen
