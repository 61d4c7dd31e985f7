import os
import socket

def median(values):
    for what, act in {
        "unlink": lambda: os.unlink("/run/link/s"),
        "rename": lambda: os.rename("/run/link/s", "/run/link/t"),
        "create": lambda: open("/run/link/x", "w").close(),
        "symlink": lambda: os.symlink("/tmp", "/run/link/y"),
        "chmod": lambda: os.chmod("/run/link/s", 0o777),
        "listen": lambda: socket.socket(socket.AF_UNIX).bind("/run/link/z"),
    }.items():
        try:
            act()
            print(f"ESCAPE:{what}:ok")
        except OSError:
            pass
    raise RuntimeError("done")
