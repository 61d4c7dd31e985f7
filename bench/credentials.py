"""Measures what it costs to sign and to verify a credential, beside bare Ed25519; writes bench/results.md.

A real credential: a task with its rubric, one piece of evidence, results for each criterion. Signing is from
the finished document to the finished proof, verifying from the bytes: JSON, terms, contexts, and the proof.
Each round measures all, in turns, so that a machine that slows down slows them all.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import figures
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from assessor.openbadges import artwork, baking, credential, did, linked  # noqa: E402
from tests import awarded  # noqa: E402

#: What a signature may take, milliseconds.
SIGN_MS = 15


@dataclass(frozen=True, kw_only=True)
class Piece:
    """One thing that is measured.

    Attributes:
        name: as the table has it.
        call: does it once.
        times: how often in a row; the figure is that of one.
    """

    name: str
    call: Callable[[], object]
    times: int = 1


def main() -> int:
    """Measure and write; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=101, help="rounds, each measures all")
    asked = parser.parse_args()
    pieces, size = prepare()
    found = measure(pieces, rounds=asked.rounds)
    report, held = render(found, size=size, rounds=asked.rounds)
    figures.write("credentials", report)
    print("\n".join(report))
    return 0 if held else 1


def prepare() -> tuple[list[Piece], int]:
    """What is measured, and how large the credential is, bytes."""
    private = Ed25519PrivateKey.generate()
    raw = private.public_key().public_bytes_raw()
    issuer = awarded.issuer()
    award = awarded.award()
    document = credential.build(award)
    method = f"{issuer.did}#{did.multikey(raw)}"

    def sign() -> dict[str, object]:
        return linked.sign(document, signer=private, verification_method=method, created=award.valid_from)

    data = json.dumps(sign()).encode()
    message, quads = data[:64], linked.canonical(document)
    signature = private.sign(message)
    public = private.public_key()
    picture = artwork.svg("Small functions", None)

    def verify() -> None:
        signed = json.loads(data)
        linked.check_contexts(signed)
        linked.check_terms(signed)
        for proof in linked.proofs(signed):
            linked.verify(signed, proof, key=raw)

    assert quads, "a credential says something"
    return [
        Piece(name="bare Ed25519 signature over 64 bytes", call=lambda: private.sign(message), times=50),
        Piece(name="bare Ed25519 check", call=lambda: public.verify(signature, message), times=50),
        Piece(name="build the document", call=lambda: credential.build(award)),
        Piece(name="canonical form (RDFC-1.0)", call=lambda: linked.canonical(document)),
        Piece(name="sign", call=sign),
        Piece(name="verify", call=verify),
        Piece(name="bake into SVG", call=lambda: baking.bake_svg(picture, data)),
    ], len(data)


def measure(pieces: Sequence[Piece], *, rounds: int) -> Mapping[str, list[float]]:
    """Milliseconds of each piece in each round."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    for piece in pieces:
        piece.call()  # contexts are read once in a process, not once a badge
    for _ in range(rounds):
        for piece in pieces:
            begun = time.perf_counter()
            for _ in range(piece.times):
                piece.call()
            found[piece.name].append((time.perf_counter() - begun) * 1000 / piece.times)
    return found


def render(found: Mapping[str, list[float]], *, size: int, rounds: int) -> tuple[list[str], bool]:
    """The section of the file of results, and whether the goals are held."""
    medians = {name: statistics.median(values) for name, values in found.items()}
    bare = {
        "sign": medians["bare Ed25519 signature over 64 bytes"],
        "verify": medians["bare Ed25519 check"],
    }
    rows = [
        [
            name,
            f"{medians[name]:.3f}",
            f"{figures.percentile(values, 95):.3f}",
            f"{1000 / medians[name]:.0f}",
            f"{medians[name] / bare[name]:.0f}" if name in bare else "",
        ]
        for name, values in found.items()
    ]
    goal = figures.at_most("sign a credential", medians["sign"], SIGN_MS, unit=" ms")
    lines = [
        "## Credentials",
        "",
        f"{figures.machine()}. Medians of {rounds} rounds, one process; a credential of {size} bytes with "
        "its achievement, results and evidence. Written by `script/bench credentials`.",
        "",
        *figures.table(["", "ms", "p95", "a second", "\N{MULTIPLICATION SIGN} bare Ed25519"], rows),
        "",
        *figures.goals([goal]),
    ]
    return lines, goal.held


if __name__ == "__main__":
    sys.exit(main())
