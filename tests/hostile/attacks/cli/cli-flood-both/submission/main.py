import os

while True:
    os.write(1, b"1" * 65536)
    os.write(2, b"2" * 65536)
