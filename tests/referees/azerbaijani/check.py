"""Checks the spelling of every Azerbaijani refusal against word lists that strangers made, and that the check can fail.

usage: check.py REFUSALS FORMS.traineddata HEADWORDS.txt ALLOWED
"""

import re
import sys

from wordlist import words

BACK, VOWELS = "aıou", "aıoueəiöü"
CLOSE = {"a": "ı", "ı": "ı", "e": "i", "ə": "i", "i": "i", "o": "u", "u": "u", "ö": "ü", "ü": "ü"}
PLAIN = str.maketrans("əıöüşçğ", "eiouscg")
# Endings in their order, A for a/ə, I for ı/i/u/ü. Of each step one, or none.
NOUN = [
    ["lI", "sIz", "lIq"],
    ["lAr"],
    ["I", "sI", "Im", "m", "In", "n", "ImIz", "mIz", "InIz", "nIz"],
    ["In", "nIn", "A", "yA", "nA", "I", "yI", "nI", "dA", "ndA", "dAn", "ndAn", "lA"],
    ["kI"],
]
VERB = [["n", "Il", "In"], ["mA"], ["mAK", "Ib", "yIb", "mIş", "mAlI", "Ir", "r", "mIr", "dAn"]]
# After a vowel only, though some begin with a consonant that elsewhere follows any letter.
AFTER_VOWEL = {"sI", "yI", "yA", "nI", "nA", "nIn", "ndA", "ndAn", "m", "n", "mIz", "nIz", "yIb", "r"}
# Values, names of fields, methods and formats, names in camelCase, names with a dot.
OF_THE_WIRE = re.compile(r"[\d/@%{#_\\']|^[a-z]+\.[a-z]+$|^[A-Za-z]+(-[A-Z][A-Za-z]+)+$|^x-road-|^[A-Z]{2,}$|[a-z][A-Z]|^OpenAPI$", re.ASCII)


def lower(text):
    return text.replace("İ", "i").replace("I", "ı").lower()


def spelled(ending, before):
    """The ending as vowel harmony spells it behind a text; None where it cannot stand there."""
    vowels = [letter for letter in before if letter in VOWELS]
    if not vowels:
        return None
    after_vowel = before[-1] in VOWELS
    if ending[0] in "AI" and after_vowel:
        return None
    if ending in AFTER_VOWEL and not after_vowel:
        return None
    text = before
    for letter in ending:
        last = [vowel for vowel in text if vowel in VOWELS][-1]
        if letter == "A":
            letter = "a" if last in BACK else "ə"
        elif letter == "I":
            letter = CLOSE[last]
        elif letter == "K":
            letter = "q" if last in BACK else "k"
        text += letter
    return text


def endings(rest, before, steps):
    """Whether the rest of a word is a chain of endings behind what stands before it."""
    if not rest:
        return True
    for at, step in enumerate(steps):
        for ending in step:
            text = spelled(ending, before)
            if text and (before + rest).startswith(text):
                if endings(rest[len(text) - len(before) :], text, steps[at + 1 :]):
                    return True
    return False


class Speller:
    def __init__(self, forms, headwords, allowed):
        self.headwords, self.allowed, self.used = headwords, allowed, set()
        self.known = {form for form in forms | headwords if len(form) > 1 or form == "o"}
        self.marks = {}
        for word in self.known:
            plain = word.translate(PLAIN)
            self.marks[plain] = max(self.marks.get(plain, 0), marks(word))

    def genuine(self, word):
        """Known, and not a known word that somebody typed without its marks: the list was collected from such texts too."""
        if word in self.headwords:
            return True
        if word in self.allowed:
            self.used.add(word)
            return True
        return word in self.known and marks(word) == self.marks[word.translate(PLAIN)]

    def knows(self, word):
        if self.genuine(word):
            return True
        for at in range(2, len(word)):
            stem, rest = word[:at], word[at:]
            softened = stem[:-1] + {"y": "k", "ğ": "q"}.get(stem[-1], stem[-1])
            # Before a vowel a final k or q of more than one syllable becomes y or ğ, and only there.
            hard = stem[-1] in "kq" and sum(letter in VOWELS for letter in stem) > 1 and rest[0] in VOWELS
            soft = softened != stem and rest[0] in VOWELS
            wholes = ([] if hard else [stem]) + ([softened] if soft else [])
            if any(self.genuine(whole) for whole in wholes) and endings(rest, stem, NOUN):
                return True
            infinitive = spelled("mAK", stem)
            if infinitive and self.genuine(infinitive) and endings(rest, stem, VERB):
                return True
        return False


def marks(word):
    return sum(letter in "əıöüşçğ" for letter in word)


def tokens(text, names):
    """The words of a message: no values, no names of the wire, no commands, which stand between backticks."""
    for token in re.split(r"[\s(),;]+", re.sub(r"`[^`]*`", " ", text)):
        token = token.strip(".:'")
        if not token or token in names or OF_THE_WIRE.search(token):
            continue
        yield from (lower(part) for part in token.split("-") if part)


def mutants(word):
    """Misspellings: a letter lost, two swapped, a mark forgotten, a vowel out of harmony."""
    for at in range(len(word)):
        yield word[:at] + word[at + 1 :]
        if at and word[at] != word[at - 1]:
            yield word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :]
        for other in {word[at].translate(PLAIN)} | ({"ı", "i"} if word[at] in "ıi" else set()):
            yield word[:at] + other + word[at + 1 :]


def main(refusals, forms, headwords, allowed):
    with open(allowed, encoding="utf-8") as file:
        entries = [line.split("\t") for line in file.read().splitlines() if line and not line.startswith("#")]
    assert all(len(entry) == 2 and entry[1] for entry in entries), "each allowed word needs a reason"
    names = {name for name, _reason in entries}
    with open(headwords, encoding="utf-8") as file:
        heads = {lower(line.strip()) for line in file}
    speller = Speller({lower(form) for form in words(forms)}, heads, {n for n in names if n == lower(n)})
    with open(refusals, encoding="utf-8") as file:
        texts = [line[4:] for line in file if line.startswith("az: ")]
    assert len(texts) > 150, "the table of refusals has another form"
    found = {word for text in texts for word in tokens(text, names)}
    wrong = sorted(word for word in found if not speller.knows(word))
    if wrong:
        sys.exit(f"not in the lists: {', '.join(wrong)}")
    used = speller.used | {name for name in names if any(name in re.split(r"[\s(),;:.]+", text) for text in texts)}
    idle = sorted(names - used)
    if idle:
        sys.exit(f"allowed and not used: {', '.join(idle)}")
    planted = {mutant for word in found if len(word) > 4 for mutant in mutants(word)} - found
    missed = sorted(mutant for mutant in planted if speller.knows(mutant))
    for mutant in ("sorgu", "xidmet", "müqavilənın", "kataloqdə", "sertfikat", "imzalanib", "qovşaqın"):
        assert not speller.knows(mutant), f"{mutant} was taken for a word"
    share = 1 - len(missed) / len(planted)
    print(f"{len(texts)} refusals, {len(found)} words; of {len(planted)} planted misspellings {share:.1%} noticed")
    # Most of the others are words too, only not the ones that were meant.
    if share < 0.85:
        sys.exit(f"the check notices too little: {', '.join(missed[:50])}")


if __name__ == "__main__":
    main(*sys.argv[1:])
