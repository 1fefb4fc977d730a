"""Puts one planted bug into a copy of the sources; prints the target that should find it."""

import pathlib
import sys

bug, sources = map(pathlib.Path, sys.argv[1:])
file, target, change = bug.read_text().split("\n", 2)
before, after = change.rstrip("\n").split("\n=====\n")
path = sources / file.removeprefix("file: ")
text = path.read_text()
if text.count(before) != 1:
    sys.exit(f"{bug.name}: the text is {text.count(before)} times in {path.name}, it must be once")
path.write_text(text.replace(before, after))
print(target.removeprefix("target: "))
