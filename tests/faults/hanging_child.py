"""A child that takes its orders and never says a word. Started in the engine's place by the tests of engines."""

import sys

if __name__ == "__main__":
    sys.stdin.buffer.read()  # until the parent ends
