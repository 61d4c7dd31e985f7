import sys
import time

print(sum(map(int, sys.stdin.read().split())), flush=True)
while True:
    time.sleep(1)
