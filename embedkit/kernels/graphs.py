"""The check of a neighbour graph's nodes, before a native library walks them."""

from __future__ import annotations

from embedkit.kernels.compiling import kernel

HEAD = 10  # bytes of a node before its lists: its key, uint64, and its level, int16


@kernel
def uint32_at(content, place):
    """The little-endian uint32 at a place of uint8 (n,)."""
    value = 0
    for byte in range(4):
        value |= int(content[place + byte]) << (8 * byte)
    return value


@kernel
def first_bad_node(content, levels, starts, base, connectivity, keys_seen):
    """The number of the first node whose key, level or neighbours cannot be, or −1 when all are right.

    Parameters
    ----------
    content : uint8 (n,)
        The nodes, one behind another: key, level, then for level 0 a uint32 count and `base` uint32 slots, for each
        level above a count and `connectivity` slots.
    levels : int16 (nodes,)
        None below 0; `content` is as long as they say.
    starts : int64 (nodes,)
        Where each node begins.
    base, connectivity : int
    keys_seen : bool (nodes,)
        All false; every key is to come once.
    """
    nodes = levels.size
    for node in range(nodes):
        place = starts[node]
        key, high = uint32_at(content, place), uint32_at(content, place + 4)
        level = int(content[place + 8]) | int(content[place + 9]) << 8
        if high != 0 or key >= nodes or keys_seen[key] or level != levels[node]:
            return node
        keys_seen[key] = True
        place += HEAD
        for height in range(level + 1):
            most = base if height == 0 else connectivity
            count = uint32_at(content, place)
            if count > most:
                return node
            for i in range(count):
                neighbour = uint32_at(content, place + 4 + 4 * i)
                if neighbour >= nodes or levels[neighbour] < height:
                    return node
            place += 4 + 4 * most
    return -1
