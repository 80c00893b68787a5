"""Run every benchmark in its own process, one after the other; each prints its ratios against its own baseline.

`make bench` calls it. Exit code 0 whatever the figures: a benchmark informs, it never fails a build.
"""

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent


def main() -> None:
    for script in sorted(FOLDER.glob("bench_*.py")):
        print(f"== {script.name}", flush=True)
        done = subprocess.run([sys.executable, str(script)], check=False)
        if done.returncode:
            print(f"{script.name} stopped with exit code {done.returncode}", flush=True)


if __name__ == "__main__":
    main()
