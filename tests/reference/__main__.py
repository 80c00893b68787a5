"""`python -m tests.reference`, or `make docs`: write the reference pages anew."""

import sys

from tests.reference.pages import FOLDER, write

SAY = sys.stdout.write

changed = write()
for path in changed:
    SAY(f"written: docs/reference/{path.name}\n")
if not changed:
    SAY(f"nothing has changed in docs/{FOLDER.name}\n")
