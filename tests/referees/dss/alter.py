"""Writes a dossier altered in several ways, each into a file named after what was done."""
import base64
import hashlib
import pathlib
import sys
import zipfile

with zipfile.ZipFile(sys.argv[1]) as dossier:
    parts = [(info.filename, dossier.read(info)) for info in dossier.infolist()]
folder = pathlib.Path(sys.argv[2])
folder.mkdir()


def write(name, changed):
    with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_STORED) as out:
        for part, content in changed:
            out.writestr(part, content)


def replace(name, new):
    return [(part, new if part == name else content) for part, content in parts]


MANIFEST = "META-INF/ASiCManifest001.xml"
held = dict(parts)
page = held["summary.html"]
other = page.replace(b"</html>", b"<!-- --></html>")
assert other != page
digest = lambda content: base64.b64encode(hashlib.sha256(content).digest())
fitted = held[MANIFEST].replace(digest(page), digest(other))
assert fitted != held[MANIFEST]

for name, content in parts:
    if name != "mimetype" and not name.startswith("META-INF/") and content:
        write("changed-" + name.replace("/", "-"), replace(name, content[:-1] + bytes([content[-1] ^ 1])))
write("fitted-manifest", [(n, other if n == "summary.html" else fitted if n == MANIFEST else c) for n, c in parts])
write("removed-part", [(n, c) for n, c in parts if n != "summary.html"])
write("added-part", parts + [("note.txt", b"not sealed")])
write("removed-manifest", [(n, c) for n, c in parts if n != MANIFEST])
