import os
import signal
import sys

print(15, flush=True)
os.kill(os.getpid(), signal.SIGTERM)
