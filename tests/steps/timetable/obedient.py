"""Stands for a command: prints what it was given; ends, fails, sleeps with a child of its own, or ignores SIGTERM."""

import os
import signal
import subprocess
import sys
import time

word = sys.argv[1]
sys.stdout.write(" ".join(["arguments", *sys.argv[1:]]) + "\n")
if word == "fail":
    sys.stdout.flush()
    sys.stderr.write("error: no room for it\n  try: make some\n")
    sys.exit(6)
if word == "die":
    os.kill(os.getpid(), signal.SIGKILL)
if word in {"sleep", "stubborn"}:
    if word == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    sys.stdout.write(f"child {child.pid}\n")
    time.sleep(60)
