import sys


def words(text):
    found, word = [], ""
    for i, char in enumerate(text):
        if char.isalnum():
            word += char
        elif char in "'-" and word and text[i - 1].isalnum() and text[i + 1 : i + 2].isalnum():
            word += char
        elif word:
            found.append(word)
            word = ""
    if word:
        found.append(word)
    return found


def usage(problem):
    print("usage: word-count [--top N] [--ignore-case] [FILE...]", file=sys.stderr)
    print(f"word-count: {problem}", file=sys.stderr)
    sys.exit(2)


top, ignore_case, files, failed = None, False, [], False
arguments = sys.argv[1:]
while arguments:
    argument = arguments.pop(0)
    if argument == "--ignore-case":
        ignore_case = True
    elif argument == "--top" or argument.startswith("--top="):
        if argument.startswith("--top="):
            value = argument[len("--top=") :]
        elif arguments:
            value = arguments.pop(0)
        else:
            usage("--top needs a number")
        try:
            top = int(value)
        except ValueError:
            usage(f"not a number: {value}")
        if top < 0:
            usage(f"not a number of 0 or more: {value}")
    elif argument.startswith("-") and argument != "-":
        usage(f"no such option: {argument}")
    else:
        files.append(argument)

counts = {}
for name in files or ["-"]:
    try:
        if name == "-":
            content = sys.stdin.buffer.read()
        else:
            with open(name, "rb") as stream:
                content = stream.read()
    except OSError:
        print("word-count: cannot read", name, file=sys.stderr)
        failed = True
        continue
    for word in words(content.decode(errors="replace")):
        if ignore_case:
            word = word.lower()
        counts[word] = counts.get(word, 0) + 1

by_word = sorted(counts)
by_count = sorted(by_word, key=lambda word: counts[word], reverse=True)
for word in by_count if top is None else by_count[:top]:
    print(counts[word], word)
sys.exit(1 if failed else 0)
