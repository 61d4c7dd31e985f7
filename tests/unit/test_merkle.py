"""The tree: known answers, a second implementation, laws, and proofs that hold for nothing else."""

from __future__ import annotations

import contextlib
import functools

import pymerkle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assessor import merkle
from assessor.errors import VerificationFailed

# Source: the reference tree of Certificate Transparency (cpp/merkletree/merkle_tree_test.cc).
INPUTS = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
PATHS = {
    (0, 1): (),
    (0, 8): (
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ),
    (5, 8): (
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
    (2, 3): ("fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",),
    (1, 5): (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ),
}
CONSISTENT = {
    (1, 1): (),
    (1, 8): (
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ),
    (6, 8): (
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ),
    (2, 5): (
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ),
}

#: More leaves than three levels of tiles of one height need, so that each has a full and a partial one.
MANY = 66_000


def entries(count: int) -> list[bytes]:
    return [f"leaf {number}".encode() for number in range(count)]


def node_of(leaves: list[bytes]) -> merkle.Node:
    """The nodes of the tree of these entries, each worked out from them alone."""

    @functools.cache
    def node(height: int, index: int) -> bytes:
        if height == 0:
            return merkle.leaf_hash(leaves[index])
        return merkle.node_hash(node(height - 1, 2 * index), node(height - 1, 2 * index + 1))

    return node


TREE = node_of(entries(2000))


def root(size: int) -> bytes:
    return merkle.root(size, TREE)


# --- known answers


def test_tree_of_nothing_has_the_root_of_no_bytes() -> None:
    assert merkle.root(0, TREE).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_of_the_reference_tree(size: int) -> None:
    assert merkle.root(size, node_of(INPUTS)).hex() == ROOTS[size - 1]
    edge, _ = merkle.Edge().extended(map(merkle.leaf_hash, INPUTS[:size]))
    assert edge.root().hex() == ROOTS[size - 1]


@pytest.mark.parametrize(("index", "size"), PATHS)
def test_paths_of_the_reference_tree(index: int, size: int) -> None:
    path = merkle.inclusion(index, size, node_of(INPUTS))
    assert tuple(one.hex() for one in path) == PATHS[index, size]
    merkle.verify_inclusion(
        merkle.leaf_hash(INPUTS[index]),
        index=index,
        size=size,
        proof=path,
        root=bytes.fromhex(ROOTS[size - 1]),
    )


@pytest.mark.parametrize(("old", "size"), CONSISTENT)
def test_consistency_of_the_reference_tree(old: int, size: int) -> None:
    proof = merkle.consistency(old, size, node_of(INPUTS))
    assert tuple(one.hex() for one in proof) == CONSISTENT[old, size]
    merkle.verify_consistency(
        old=old,
        old_root=bytes.fromhex(ROOTS[old - 1]),
        size=size,
        root=bytes.fromhex(ROOTS[size - 1]),
        proof=proof,
    )


# --- beside a second implementation


@functools.cache
def other() -> pymerkle.InmemoryTree:
    return pymerkle.InmemoryTree.init_from_entries(entries(600))


@given(st.integers(1, 600), st.data())
def test_other_implementation_has_the_same_roots_and_proofs(size: int, data: st.DataObject) -> None:
    assert other().get_root(size) == root(size)
    index = data.draw(st.integers(0, size - 1))
    theirs = other().prove_inclusion(index + 1, size)
    # Theirs begins with the leaf itself.
    assert [bytes.fromhex(one) for one in theirs.serialize()["path"]] == [
        merkle.leaf_hash(entries(600)[index]),
        *merkle.inclusion(index, size, TREE),
    ]


# --- laws


@given(st.data())
def test_leaf_is_proven_at_every_size_that_has_it(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 2000))
    index = data.draw(st.integers(0, size - 1))
    path = merkle.inclusion(index, size, TREE)
    merkle.verify_inclusion(TREE(0, index), index=index, size=size, proof=path, root=root(size))


@given(st.data())
def test_every_tree_is_consistent_with_those_before_it(data: st.DataObject) -> None:
    size = data.draw(st.integers(0, 2000))
    old = data.draw(st.integers(0, size))
    proof = merkle.consistency(old, size, TREE)
    merkle.verify_consistency(old=old, old_root=root(old), size=size, root=root(size), proof=proof)


@given(st.data())
def test_changed_inclusion_proof_is_refused(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 300))
    index = data.draw(st.integers(0, size - 1))
    path = list(merkle.inclusion(index, size, TREE))
    place = data.draw(st.integers(0, len(path) - 1))
    change = data.draw(st.sampled_from(["drop", "repeat", "flip", "add", "leaf", "index", "root"]))
    leaf, top = TREE(0, index), root(size)
    if change == "drop":
        del path[place]
    elif change == "repeat":
        path.insert(place, path[place])
    elif change == "flip":
        path[place] = bytes([path[place][0] ^ 1, *path[place][1:]])
    elif change == "add":
        path.append(bytes(32))
    elif change == "leaf":
        leaf = TREE(0, (index + 1) % size)
    elif change == "index":
        index = data.draw(st.integers(-1, size).filter(lambda other: other != index))
    else:
        top = root(size - 1)
    with pytest.raises(VerificationFailed, match=r"^log: expected "):
        merkle.verify_inclusion(leaf, index=index, size=size, proof=path, root=top)


@given(st.data())
def test_changed_consistency_proof_is_refused(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 300))
    old = data.draw(st.integers(1, size - 1))
    proof = list(merkle.consistency(old, size, TREE))
    place = data.draw(st.integers(0, len(proof) - 1))
    change = data.draw(st.sampled_from(["drop", "repeat", "flip", "add", "forked", "forgotten", "shorter"]))
    before, after = root(old), root(size)
    if change == "drop":
        del proof[place]
    elif change == "repeat":
        proof.insert(place, proof[place])
    elif change == "flip":
        proof[place] = bytes([proof[place][0] ^ 1, *proof[place][1:]])
    elif change == "add":
        proof.append(bytes(32))
    elif change == "forked":  # the leaf before the last of the older tree is another
        leaves = entries(old)
        leaves[data.draw(st.integers(0, old - 1))] = b"another"
        before = merkle.root(old, node_of(leaves))
    elif change == "forgotten":
        after = root(size + 1)
    else:
        old, size, before, after = size, old, after, before
    with pytest.raises(VerificationFailed, match=r"^log: expected "):
        merkle.verify_consistency(old=old, old_root=before, size=size, root=after, proof=proof)


@given(
    st.integers(-2, 1 << 70),
    st.integers(-2, 1 << 70),
    st.lists(st.binary(max_size=33), max_size=80),
    st.binary(max_size=33),
    st.binary(max_size=33),
)
def test_anything_else_is_refused_in_words(
    one: int, two: int, proof: list[bytes], first: bytes, second: bytes
) -> None:
    for check in (
        lambda: merkle.verify_inclusion(first, index=one, size=two, proof=proof, root=second),
        lambda: merkle.verify_consistency(old=one, old_root=first, size=two, root=second, proof=proof),
    ):
        with contextlib.suppress(VerificationFailed):
            check()
            # The few that hold: a tree of one leaf, a tree and itself, anything after nothing.
            assert first == second or (one == 0 and first == merkle.EMPTY)


def test_proof_that_a_tree_cannot_have_is_not_made() -> None:
    with pytest.raises(ValueError, match=r"^expected a leaf of a tree of 3, got leaf 3$"):
        merkle.inclusion(3, 3, TREE)
    with pytest.raises(ValueError, match=r"^expected a tree of at most 3 leaves, got 4$"):
        merkle.consistency(4, 3, TREE)


# --- tiles


@given(st.lists(st.integers(0, 700), max_size=4))
def test_edge_grows_the_same_in_one_step_or_many(steps: list[int]) -> None:
    edge, full = merkle.Edge(), []
    for step in steps:
        hashes = [merkle.leaf_hash(f"leaf {edge.size + number}".encode()) for number in range(step)]
        edge, more = edge.extended(hashes)
        full.extend(more)
    leaves = [merkle.leaf_hash(one) for one in entries(sum(steps))]
    whole, tiles = merkle.Edge().extended(leaves)
    assert (edge.size, edge.root()) == (whole.size, whole.root())
    assert {tile.path: tile.data for tile in full} == {tile.path: tile.data for tile in tiles}
    assert edge.tiles() == whole.tiles()


@functools.cache
def served() -> dict[str, bytes]:
    """The tiles of a tree of `MANY` leaves, as files."""
    edge, full = merkle.Edge().extended(merkle.leaf_hash(one) for one in entries(MANY))
    return {tile.path: tile.data for tile in (*full, *edge.tiles())}


def test_tiles_have_the_paths_and_widths_of_the_specification() -> None:
    # Source: the example of tlog-tiles, for 70,000 leaves.
    edge, full = merkle.Edge().extended(bytes(32) for _ in range(70_000))
    assert sum(tile.level == 0 for tile in full) == 273
    assert [tile.path for tile in full if tile.level] == ["tile/1/000"]
    assert [tile.path for tile in edge.tiles()] == [
        "tile/0/273.p/112",
        "tile/1/001.p/17",
        "tile/2/000.p/1",
    ]
    assert all(len(tile.data) == 8192 for tile in full)
    assert merkle.tile_path(1, 1234067) == "tile/1/x001/x234/067"
    assert merkle.bundle_path(1000, 3) == "tile/entries/x001/000.p/3"


def test_tree_of_256_leaves_has_one_full_tile_and_one_above_it() -> None:
    edge, full = merkle.Edge().extended(TREE(0, number) for number in range(256))
    assert [tile.path for tile in (*full, *edge.tiles())] == ["tile/0/000", "tile/1/000.p/1"]


@pytest.mark.parametrize("index", [0, 255, 256, 65_535, 65_536, MANY - 1])
def test_proofs_are_made_of_served_tiles(index: int) -> None:
    node = merkle.tiled(served().get, MANY)
    top = merkle.root(MANY, node)
    edge, _ = merkle.Edge().extended(merkle.leaf_hash(one) for one in entries(MANY))
    assert top == edge.root()
    merkle.verify_inclusion(
        merkle.leaf_hash(entries(MANY)[index]),
        index=index,
        size=MANY,
        proof=merkle.inclusion(index, MANY, node),
        root=top,
    )
    older = index + 1
    before, _ = merkle.Edge().extended(merkle.leaf_hash(one) for one in entries(older))
    merkle.verify_consistency(
        old=older,
        old_root=before.root(),
        size=MANY,
        root=top,
        proof=merkle.consistency(older, MANY, node),
    )


def test_full_tile_stands_in_for_a_partial_one_that_is_gone() -> None:
    assert merkle.root(300, merkle.tiled(served().get, 300)) == root(300)
    assert "tile/0/001.p/44" not in served()


def test_missing_or_cut_tile_is_refused_by_its_path() -> None:
    with pytest.raises(VerificationFailed, match=r"^log: expected the tile tile/0/000\.p/5, got none$"):
        merkle.root(5, merkle.tiled({}.get, 5))
    with pytest.raises(VerificationFailed, match=r"^log: expected 160 bytes in tile/0/000\.p/5, got 3$"):
        merkle.root(5, merkle.tiled({"tile/0/000.p/5": b"cut"}.get, 5))


@given(st.lists(st.binary(max_size=300), max_size=256))
def test_bundle_gives_back_its_entries(whole: list[bytes]) -> None:
    assert merkle.unbundle(merkle.bundle(whole)) == tuple(whole)


@pytest.mark.parametrize("data", [b"\x00", b"\x00\x02a", b"\x00\x00" * 257])
def test_broken_bundle_is_refused(data: bytes) -> None:
    with pytest.raises(VerificationFailed, match=r"^log: expected a bundle of up to 256 whole entries"):
        merkle.unbundle(data)
