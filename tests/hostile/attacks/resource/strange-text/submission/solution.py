import os

TEXT = "\x00\ud800\udfff\x1b]0;title\x07\u202e\ufffe\U0010ffff" * 2000

def median(values):
    os.write(1, b"\xff\xfe\x00\x1b[2J\xed\xa0\x80" * 500)
    if len(values) % 3 == 0:
        error = RuntimeError(TEXT)
        error.add_note(TEXT)
        raise error
    if len(values) % 3 == 1:
        return TEXT
    return type(TEXT[:100].replace("\x00", ""), (), {})()
