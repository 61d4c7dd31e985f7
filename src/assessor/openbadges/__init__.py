"""Open Badges 3.0: the standard's documents, made, signed and read.

Comes in: plain values and keys. Goes out: the standard's documents as dicts, and their checks, which raise
or return nothing. Rows and folders are left to others; `remote` alone asks the network, where it is told to.

    design artwork lettering           how a badge looks
    multibase contexts                 texts of bytes; the vocabularies that are known
    screen graph form linked           limits, N-Quads, the one form a document may have, proofs
    did jose statuslist                keys by name, JWTs of others, revocation
    digests remote sources trust       bytes by digest; where documents come from, and who is trusted
    reading structure controller       what came, whether it has what it must, whose key signed it,
    standing backing checks            whether it stands, what it rests on: the checks in their order

Source: Open Badges 3.0 Final (1EdTech), Verifiable Credentials Data Model 2.0 and Data Integrity 1.0 (W3C).
"""
