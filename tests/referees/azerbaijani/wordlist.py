"""Reads the word list inside Tesseract's Azerbaijani language data: 310,393 forms as people write them."""

import struct

WORD_DAWG, UNICHARSET = 19, 21
LAST, BACKWARD, WORD_END = 1, 2, 4


def words(path):
    """Yields every word of the list."""
    with open(path, "rb") as file:
        data = file.read()
    count = struct.unpack_from("<I", data)[0]
    offsets = struct.unpack_from(f"<{count}q", data, 4)

    def part(index):
        later = [offset for offset in offsets if offset > offsets[index]]
        return data[offsets[index] : min(later, default=len(data))]

    lines = part(UNICHARSET).decode().splitlines()[1:]
    letters = [line.split(" ")[0] for line in lines]
    dawg = part(WORD_DAWG)
    magic, letters_count, edges_count = struct.unpack_from("<hii", dawg)
    assert magic == 42 and letters_count == len(letters), "not the format of version 4"
    edges = struct.unpack_from(f"<{edges_count}Q", dawg, 10)
    letter_bits = letters_count.bit_length()
    open_nodes = [(0, "")]
    while open_nodes:
        at, before = open_nodes.pop()
        while True:
            edge = edges[at]
            flags = edge >> letter_bits & 7
            word = before + letters[edge & (1 << letter_bits) - 1]
            if flags & BACKWARD:
                break
            if flags & WORD_END:
                yield word
            if following := edge >> letter_bits + 3:
                open_nodes.append((following, word))
            if flags & LAST:
                break
            at += 1
