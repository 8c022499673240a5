"""What a pattern needs: never more than every match has, whatever RE2 understands by it."""

import re

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from memory import grams, literals
from memory.literals import All, Any

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("pattern", "need"),
    [
        ("slides", "slides"),
        ("Bring Slides", "bring slides"),
        ("Bring.*slides,", All(("bring", "slides,"))),
        ("^slides$", "slides"),
        ("slides+ x", All(("slides", "s x"))),
        ("slides?", "slide"),
        ("slides{2}are", All(("slides", "sare"))),
        ("slides{0,2}", "slide"),
        ("slides|notes", Any(("slides", "notes"))),
        ("(?:one|three) (herons)", All((Any(("one", "three")), "herons"))),
        ("(?:one|at) herons", " herons"),
        (r"(?i)slides\.md", "slides.md"),
        (r"a\ b\-c", "a b-c"),
        (r"[ab]cde[^]x]fgh\d", All(("cde", "fgh"))),
        (r"\pLabc\p{Greek}", "abc"),
        ("(?P<name>abc)*def", "def"),
        ("会", "会"),
        ("Straße", "strasse"),
        ("at", None),
        ("(slides)?", None),
        ("slides|at", None),
        (r"\Qab.c\E", None),
        ("(" * 60 + "abc" + ")" * 60, None),
        ("ẖabⱥcdef", "cdef"),
    ],
)
def test_a_pattern_needs_its_literals(pattern, need):
    assert literals.required(pattern) == need


LETTERS = "abAB.ßſK1 -"
ATOMS = st.one_of(
    st.sampled_from(
        ["a", "b", "B", "ab", "abb", r"\.", ".", "[ab]", "[^a]", r"\d", r"\b", "^", "$"]
    ),
    st.sampled_from(["ß", "s", "k", r"\x61", r"\pL", r"\-", "[[:alpha:]]", "[]a]", "a{", "}"]),
)
REPEATS = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{0,1}", "{1,}", "*?", "+?"])


def _grown(inner):
    grouped = st.tuples(st.sampled_from(["(", "(?:", "(?i:", "(?P<x>"]), inner, REPEATS)
    return st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.tuples(inner, inner).map("|".join),
        grouped.map(lambda parts: f"{parts[0]}{parts[1]}){parts[2]}"),
    )


PATTERNS = st.recursive(st.tuples(ATOMS, REPEATS).map("".join), _grown, max_leaves=12)


@given(PATTERNS, st.text(LETTERS, max_size=24), st.booleans())
def test_every_match_has_what_its_pattern_needs(pattern, text, ignore_case):
    options = re2.Options()
    options.log_errors, options.case_sensitive = False, not ignore_case
    try:
        matches = re2.search(pattern, text, options)
    except re2.error:
        return
    if matches:
        assert _has(literals.required(pattern), text)


def _has(need, text: str) -> bool:
    if isinstance(need, str):
        return grams.grams(need) <= grams.grams(text)
    parts = [_has(part, text) for part in need.needs] if need else [True]
    return any(parts) if isinstance(need, Any) else all(parts)


def test_letters_that_re2_takes_for_the_same_are_the_same_to_the_index():
    """Every letter there is, against its other cases as RE2 sees them."""
    options = re2.Options()
    options.log_errors, options.case_sensitive = False, False
    everything = "".join(chr(code) for code in range(0x250) if chr(code).isalpha())
    everything += "".join(map(chr, [*range(0x370, 0x590), *range(0x1C80, 0x1CC0)]))
    everything += "".join(
        map(chr, [*range(0x1E00, 0x2000), 0x212A, 0x212B, *range(0xA640, 0xA7F0)])
    )
    data = everything.encode()
    for letter in everything:
        kept = literals.literal(letter * 3)
        if kept is None:
            continue
        for match in re2.compile(re.escape(letter).encode(), options).finditer(data):
            assert kept in (match[0].decode() * 3).casefold(), (letter, match[0].decode())


@given(st.text(max_size=300), st.integers(0, 300), st.integers(3, 12))
def test_a_part_of_a_text_has_no_gram_that_the_text_has_not(text, start, length):
    part = text[start : start + length]
    if len(part.encode(errors="replace")) >= literals.SHORTEST:
        assert grams.grams(part) <= grams.grams(text)


@given(st.sets(st.integers(0, grams.MEMBERS - 1), min_size=1))
def test_members_are_read_as_they_were_written(members):
    packed = grams.pack(sorted(members))
    assert grams.members(grams.unpack(packed)) == sorted(members)
    assert len(packed) <= grams.BITMAP
