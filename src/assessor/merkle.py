"""The Merkle tree of a log: hashes, tiles, proofs, and the checks of proofs. Pure.

Comes in: entries or their hashes, or any bytes that claim to be a proof. Goes out: roots, tiles with the
paths that they are served at, proofs of inclusion and consistency. Signing a root is left to `note`, keeping
leaves and tiles to `log`.

A tree of `size` leaves is made of perfect subtrees. `node(height, index)` names one: the hash over the leaves
from `index * 2**height` up to `(index + 1) * 2**height`. A *tile* holds up to 256 hashes in a row of one
level; each hash of a level above stands for one whole tile of the level below, so level `l` holds the nodes
of height `8 * l`.

Source: RFC 6962 section 2.1 (hashes, proofs), RFC 9162 sections 2.1.3.2 and 2.1.4.2 (checks),
https://c2sp.org/tlog-tiles (tiles, paths, bundles).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from assessor.errors import VerificationFailed

HASH_BYTES = 32
#: Height of a tile, and how many hashes a full one holds.
HEIGHT = 8
WIDTH = 1 << HEIGHT

#: The root of a tree without leaves.
EMPTY = hashlib.sha256(b"").digest()

#: More leaves than any tree has: an index or a size beyond is no number of ours.
MOST = 1 << 62
#: The longest entry that a bundle can hold, bytes.
ENTRY_BYTES = 0xFFFF

#: The hash of the perfect subtree of this height and index.
Node = Callable[[int, int], bytes]


def leaf_hash(entry: bytes) -> bytes:
    """The hash of a leaf."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def fold(hashes: Sequence[bytes]) -> bytes:
    """The root over these hashes as leaves' hashes; their number is a power of two."""
    row = list(hashes)
    while len(row) > 1:
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]


@dataclass(frozen=True, kw_only=True)
class Tile:
    """Some hashes in a row of one level, served as one file.

    Attributes:
        level: from 0, where the hashes are those of leaves.
        index: from 0 within the level.
        hashes: 1 to 256; fewer than 256 make it partial.
    """

    level: int
    index: int
    hashes: tuple[bytes, ...]

    @property
    def path(self) -> str:
        """Where it is served, below the log's prefix."""
        return tile_path(self.level, self.index, len(self.hashes))

    @property
    def data(self) -> bytes:
        """The file."""
        return b"".join(self.hashes)


@dataclass(frozen=True, kw_only=True)
class Edge:
    """The right edge of a tree: enough to append to it and to know its root.

    Attributes:
        size: how many leaves the tree has.
        levels: for each level of tiles from 0 on, the hashes of its partial tile; none where it has none.
    """

    size: int = 0
    levels: tuple[tuple[bytes, ...], ...] = ()

    def extended(self, leaves: Iterable[bytes]) -> tuple[Edge, tuple[Tile, ...]]:
        """The edge after these hashes of leaves, and the tiles that became full, the lowest level first."""
        levels = [list(level) for level in self.levels]
        size = self.size
        full = []
        for leaf in leaves:
            size += 1
            hash_, level = leaf, 0
            while True:
                if level == len(levels):
                    levels.append([])
                levels[level].append(hash_)
                if len(levels[level]) < WIDTH:
                    break
                index = (size >> (HEIGHT * (level + 1))) - 1
                tile = Tile(level=level, index=index, hashes=tuple(levels[level]))
                full.append(tile)
                levels[level] = []
                hash_, level = fold(tile.hashes), level + 1
        return Edge(size=size, levels=tuple(map(tuple, levels))), tuple(full)

    def tiles(self) -> tuple[Tile, ...]:
        """The partial tiles, the lowest level first."""
        return tuple(
            Tile(level=level, index=self.size >> (HEIGHT * (level + 1)), hashes=hashes)
            for level, hashes in enumerate(self.levels)
            if hashes
        )

    def root(self) -> bytes:
        """The root of the whole tree."""
        return root(self.size, lambda height, index: self.node(height, index) or b"")

    def node(self, height: int, index: int) -> bytes | None:
        """The hash of this subtree, or None where it lies in a full tile."""
        level, tile, start, end = span(height, index)
        if tile != self.size >> (HEIGHT * (level + 1)):
            return None
        return fold(self.levels[level][start:end])


def span(height: int, index: int) -> tuple[int, int, int, int]:
    """The tile that a node lies in, its level and index, and where in it: from this hash up to that one."""
    level, above = divmod(height, HEIGHT)
    tile, start = divmod(index << above, WIDTH)
    return level, tile, start, start + (1 << above)


def tiled(read: Callable[[str], bytes | None], size: int) -> Node:
    """The nodes of a tree of which the tiles are served somewhere.

    Args:
        read: the file of this path, or None where there is none.
        size: of the tree; of partial tiles, those of this size are asked for.

    Returns:
        What raises VerificationFailed (`log`) where a tile is missing or not as long as it must be. Nothing
        is proven of its bytes until a proof that is made of them is checked.
    """

    def node(height: int, index: int) -> bytes:
        level, tile, start, end = span(height, index)
        width = min(WIDTH, (size >> (HEIGHT * level)) - tile * WIDTH)
        # A partial tile may be gone once the full one is there.
        for wide in dict.fromkeys((width, WIDTH)):
            data = read(tile_path(level, tile, wide))
            if data is None:
                continue
            if len(data) != wide * HASH_BYTES:
                raise _failed(
                    f"expected {wide * HASH_BYTES} bytes in {tile_path(level, tile, wide)}", len(data)
                )
            return fold(split(data)[start:end])
        raise _failed(f"expected the tile {tile_path(level, tile, width)}", "none")

    return node


def split(data: bytes) -> tuple[bytes, ...]:
    """The hashes of a tile's file."""
    return tuple(data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES))


def tile_path(level: int, index: int, width: int = WIDTH) -> str:
    """Where a tile of so many hashes is served."""
    return f"tile/{level}/{_number(index)}{_partial(width)}"


def bundle_path(index: int, width: int = WIDTH) -> str:
    """Where a bundle of so many entries is served."""
    return f"tile/entries/{_number(index)}{_partial(width)}"


def bundle(entries: Iterable[bytes]) -> bytes:
    """The file of the entries in a row: each after its length, two bytes, the high one first."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def unbundle(data: bytes) -> tuple[bytes, ...]:
    """The entries of a bundle.

    Raises:
        VerificationFailed: `log`, where the bytes are not up to 256 whole entries.
    """
    entries: list[bytes] = []
    at = 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if end > len(data) or len(entries) == WIDTH:
            raise _failed(
                f"expected a bundle of up to {WIDTH} whole entries", f"more or less from byte {at} on"
            )
        entries.append(data[at + 2 : end])
        at = end
    return tuple(entries)


def root(size: int, node: Node) -> bytes:
    """The root of a tree of so many leaves."""
    return _hash(0, size, node) if size else EMPTY


def inclusion(index: int, size: int, node: Node) -> tuple[bytes, ...]:
    """The proof that leaf `index` is in the tree of `size` leaves, from the leaf's sibling up."""
    if not 0 <= index < size:
        raise ValueError(f"expected a leaf of a tree of {size}, got leaf {index}")
    proof = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _left(end - start)
        if index < middle:
            proof.append(_hash(middle, end, node))
            end = middle
        else:
            proof.append(_hash(start, middle, node))
            start = middle
    return tuple(reversed(proof))


def consistency(old: int, size: int, node: Node) -> tuple[bytes, ...]:
    """The proof that the tree of `size` leaves begins with the tree of `old` leaves."""
    if not 0 <= old <= size:
        raise ValueError(f"expected a tree of at most {size} leaves, got {old}")
    if old in (0, size):
        return ()
    proof = []
    start, end = 0, size
    while end != old:
        middle = start + _left(end - start)
        if old <= middle:
            proof.append(_hash(middle, end, node))
            end = middle
        else:
            proof.append(_hash(start, middle, node))
            start = middle
    if start:  # else it is the old root, which whoever checks has
        proof.append(_hash(start, end, node))
    return tuple(reversed(proof))


def verify_inclusion(leaf: bytes, *, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that a leaf is in a tree.

    Args:
        leaf: the hash of the leaf.
        index: its place, from 0.
        size: how many leaves the tree has.
        proof: the hashes from the leaf's sibling up.
        root: of the tree.

    Raises:
        VerificationFailed: `log`, where it is not proven.
    """
    if not 0 <= index < size <= MOST:
        raise _failed(f"expected a leaf of a tree of {size}", f"leaf {index}")
    at, last = index, size - 1
    hash_ = leaf
    for one in proof:
        if last == 0:
            raise _failed("expected as many hashes as the tree is high", f"{len(proof)}")
        if at & 1 or at == last:
            hash_ = node_hash(one, hash_)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            hash_ = node_hash(hash_, one)
        at, last = at >> 1, last >> 1
    if last != 0:
        raise _failed("expected as many hashes as the tree is high", f"{len(proof)}")
    if hash_ != root:
        raise _failed(f"expected leaf {index} under the root {root.hex()}", f"the root {hash_.hex()}")


def verify_consistency(*, old: int, old_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> None:
    """Check that a tree begins with an older one: nothing was changed, nothing taken away.

    Args:
        old: how many leaves the older tree has.
        old_root: its root.
        size: how many leaves the newer tree has.
        root: its root.
        proof: the hashes of a proof of consistency.

    Raises:
        VerificationFailed: `log`, where it is not proven.
    """
    if not 0 <= old <= size <= MOST:
        raise _failed(f"expected a tree of at least {old} leaves", f"one of {size}")
    if old in (0, size):
        if proof:
            raise _failed("expected an empty proof", f"{len(proof)} hashes")
        wanted = root if old else EMPTY
        if old_root != wanted:
            raise _failed(f"expected the root {wanted.hex()} for {old} leaves", old_root.hex())
        return
    hashes = list(proof)
    if old & (old - 1) == 0:  # the older tree is one subtree of the newer, its root is not sent
        hashes.insert(0, old_root)
    if not hashes:
        raise _failed(f"expected a proof from {old} to {size} leaves", "an empty one")
    at, last = old - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    before = after = hashes[0]
    for one in hashes[1:]:
        if last == 0:
            raise _failed("expected as many hashes as the tree is high", f"{len(proof)}")
        if at & 1 or at == last:
            before, after = node_hash(one, before), node_hash(one, after)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            after = node_hash(after, one)
        at, last = at >> 1, last >> 1
    if last != 0:
        raise _failed("expected as many hashes as the tree is high", f"{len(proof)}")
    if before != old_root:
        raise _failed(f"expected the root {old_root.hex()} for {old} leaves", before.hex())
    if after != root:
        raise _failed(f"expected the root {root.hex()} for {size} leaves", after.hex())


def _left(count: int) -> int:
    """How many of so many leaves, two or more, are in the left subtree."""
    return 1 << (count - 1).bit_length() - 1


def _hash(start: int, end: int, node: Node) -> bytes:
    """The hash over these leaves, which are a subtree of some tree."""
    count = end - start
    if count & (count - 1) == 0:
        return node(count.bit_length() - 1, start // count)
    middle = start + _left(count)
    return node_hash(_hash(start, middle, node), _hash(middle, end, node))


def _number(index: int) -> str:
    parts = [f"{index % 1000:03}"]
    while index := index // 1000:
        parts.append(f"x{index % 1000:03}")
    return "/".join(reversed(parts))


def _partial(width: int) -> str:
    return "" if width == WIDTH else f".p/{width}"


def _failed(expected: str, came: object) -> VerificationFailed:
    return VerificationFailed("log", f"{expected}, got {came}")
