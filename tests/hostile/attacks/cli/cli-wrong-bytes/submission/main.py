import sys

sys.stdout.buffer.write(b"\xff\xfe\x00\xed\xa0\x80" * 20000 + b"15")
