"""What the brief means by a word, said once more in another way than any solution would."""

from itertools import groupby


def words(text):
    """The words of a text, in order."""
    marked = []
    for i, char in enumerate(text):
        joins = (
            char in "'-"
            and i > 0
            and text[i - 1].isalnum()
            and i + 1 < len(text)
            and text[i + 1].isalnum()
        )
        marked.append((char.isalnum() or joins, char))
    return ["".join(char for _, char in run) for inside, run in groupby(marked, lambda pair: pair[0]) if inside]


def lines(text, *, ignore_case=False):
    """What the program prints for a text."""
    found = [word.lower() if ignore_case else word for word in words(text)]
    return [f"{found.count(word)} {word}" for word in sorted(set(found), key=lambda word: (-found.count(word), word))]
