"""What the brief means by a slug."""

import unicodedata

LETTERS = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "þ": "th", "'": "", "’": ""})


def slug(text):
    """The slug of one line, without options."""
    apart = unicodedata.normalize("NFKD", text)
    bare = "".join(char for char in apart if not unicodedata.category(char).startswith("M"))
    known = "".join(char if char in "abcdefghijklmnopqrstuvwxyz0123456789" else " " for char in bare.lower().translate(LETTERS))
    return "-".join(known.split()) or "untitled"
