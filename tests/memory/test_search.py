"""Search: by pattern, by path, by relevance; bounded whatever is asked."""

import time

import pytest

from memory import search, stores
from memory.paths import Invalid
from memory.patterns import Pattern
from tests.factories import TESTER, make_memory, make_store

pytestmark = pytest.mark.django_db

FILES = {
    "/index.md": "# Index\n- [Talk](notes/talk.md)\n",
    "/notes/talk.md": "# Talk\nThe talk is at noon.\nBring slides, the TALK needs them.\n",
    "/notes/team.md": "Ada talks to Ben.\r\nCleo is away.\r\n",
    "/notes.md": "Old notes.\n",
}


@pytest.fixture
def store(db):
    return make_store(files=FILES)


def places(found):
    return [(hit.path, hit.line_number) for hit in found.hits]


# -- By pattern


def test_grep_gives_paths_in_order_with_lines_and_numbers(store):
    found = search.grep(store, "talk")
    assert [(hit.path, hit.line_number, hit.line) for hit in found.hits] == [
        ("/index.md", 2, "- [Talk](notes/talk.md)"),
        ("/notes/talk.md", 2, "The talk is at noon."),
        ("/notes/team.md", 1, "Ada talks to Ben."),
    ]
    assert not found.more


def test_a_hit_names_its_memory(store):
    (hit,) = search.grep(store, "Cleo").hits
    assert store.memories.get(pk=hit.memory_id).path == hit.path


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"^The", [("/notes/talk.md", 2)]),
        (r"noon\.$", [("/notes/talk.md", 2)]),
        (r"(?i)the talk", [("/notes/talk.md", 2), ("/notes/talk.md", 3)]),
        (r"slides.*them", [("/notes/talk.md", 3)]),
        (r"Ben\.[\s\S]*Cleo", []),
        (r"Old|away", [("/notes.md", 1), ("/notes/team.md", 2)]),
        (r"\bAda\b", [("/notes/team.md", 1)]),
        ("Talk(", None),
    ],
)
def test_patterns_match_within_lines(store, pattern, expected):
    if expected is None:
        with pytest.raises(Invalid, match="not closed"):
            search.grep(store, pattern)
    else:
        assert places(search.grep(store, pattern)) == expected


def test_case_can_be_ignored(store):
    assert len(search.grep(store, Pattern("TALK", ignore_case=True)).hits) == 5


@pytest.mark.parametrize(
    ("prefix", "paths"),
    [
        ("/", ["/notes.md", "/notes/team.md"]),
        ("/notes/", ["/notes/team.md"]),
        ("/notes", ["/notes/team.md"]),
        ("/notes.md", ["/notes.md"]),
        ("/nothing", []),
        ("/no\0thing", []),
    ],
)
def test_a_search_stays_below_its_prefix(store, prefix, paths):
    assert [hit.path for hit in search.grep(store, "Old|Cleo", prefix=prefix).hits] == paths


def test_a_search_stops_at_its_limit_and_says_so(store):
    found = search.grep(store, "talk", limit=2)
    assert len(found.hits) == 2
    assert found.more
    assert not search.grep(store, "talk", limit=3).more


def test_every_line_counts_once_and_only_lines_count(store):
    assert len(search.grep(store, "").hits) == 2 + 3 + 2 + 1
    assert places(search.grep(store, "t", prefix="/notes.md")) == [("/notes.md", 1)]


def test_a_long_line_is_cut_around_the_match():
    store = make_store(files={"/long.md": "é" * 3000 + "needle" + "ü" * 3000})
    (hit,) = search.grep(store, "needle").hits
    assert len(hit.line) == 500
    assert "needle" in hit.line


def test_line_numbers_stay_right_behind_letters_of_many_bytes():
    store = make_store(files={"/a.md": "äöü\n漢字\n🙂 x\n"})
    assert places(search.grep(store, "x")) == [("/a.md", 3)]
    assert places(search.grep(store, "^..$")) == [("/a.md", 2)]


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("(?=a)", "look-ahead"),
        (r"(a)\1", "back-references"),
        ("[a", r"\[ is not closed"),
        ("a{5000}", "1,000"),
        ("*a", "nothing before it"),
        ("a\\", "backslash"),
        ("x" * 2000, "too long"),
        ("\ud800", "Unicode"),
    ],
)
def test_what_cannot_be_searched_is_refused_in_plain_words(store, pattern, reason):
    with pytest.raises(Invalid, match=reason):
        search.grep(store, pattern)


def test_no_pattern_is_slow():
    store = make_store(files={"/a.md": "a" * 100_000 + "!"})
    began = time.monotonic()
    assert search.grep(store, "(a+)+$").hits == []
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("pattern", ["x+yz", "a.cde", "^ab.*cd$", "a.*b.+cde", "ab?cde", "f+gh"])
def test_the_database_never_hides_a_match(pattern):
    files = {"/a": "xyz", "/b": "xxyz", "/c": "abcde", "/d": "ab cd", "/e": "acde", "/f": "fgh"}
    everywhere = search.grep_texts(files.items(), pattern)
    assert places(search.grep(make_store(files=files), pattern)) == places(everywhere)


def test_texts_outside_a_store_are_searched_alike(store):
    stored, loose = search.grep(store, "talk"), search.grep_texts(FILES.items(), "talk")
    assert places(stored) == places(loose)
    assert places(search.grep_texts(FILES.items(), "Old|Cleo", prefix="/notes")) == [
        ("/notes/team.md", 2)
    ]


def test_a_big_store_is_read_in_batches(django_assert_max_num_queries):
    store = make_store()
    for number in range(120):
        make_memory(store, f"/{number:03}.md", f"number {number}\n")
    with django_assert_max_num_queries(6):
        assert len(search.grep(store, "number .*", limit=500).hits) == 120
    with django_assert_max_num_queries(1):
        assert search.grep(store, "number", limit=10).more


# -- By path


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("**/*.md", ["/index.md", "/notes.md", "/notes/talk.md", "/notes/team.md"]),
        ("**", ["/index.md", "/notes.md", "/notes/talk.md", "/notes/team.md"]),
        ("*.md", ["/index.md", "/notes.md"]),
        ("*/t*", ["/notes/talk.md", "/notes/team.md"]),
        ("notes/**", ["/notes/talk.md", "/notes/team.md"]),
        ("**/talk.md", ["/notes/talk.md"]),
        ("notes/te?m.md", ["/notes/team.md"]),
        ("notes/{talk,te{a,e}m}.md", ["/notes/talk.md", "/notes/team.md"]),
        ("[in]*.md", ["/index.md", "/notes.md"]),
        ("[!i]*.md", ["/notes.md"]),
        ("[^a-m]*.md", ["/notes.md"]),
        ("/notes/*", ["/notes/talk.md", "/notes/team.md"]),
        ("notes*", ["/notes.md"]),
        ("talk.md", []),
        ("notes/talk,md", []),
        ("n(.*)", []),
    ],
)
def test_globs_match_as_in_a_shell(store, pattern, expected):
    assert sorted(search.glob(store, pattern)) == expected


def test_a_glob_is_taken_from_its_folder(store):
    assert sorted(search.glob(store, "*.md", prefix="/notes/")) == [
        "/notes/talk.md",
        "/notes/team.md",
    ]
    assert search.glob(store, "*", prefix="/nothing/") == []


def test_names_that_look_like_patterns_are_taken_literally():
    store = make_store(files={"/[a]{b}*/x.md": "1", "/a/x.md": "2"})
    assert search.glob(store, "*.md", prefix="/[a]{b}*/") == ["/[a]{b}*/x.md"]
    assert search.glob(store, r"\[a\]\{b\}\*/x.md") == ["/[a]{b}*/x.md"]


def test_the_newest_come_first_and_only_so_many(store):
    stores.write(store, "/index.md", "new\n", act=stores.Act(TESTER))
    assert search.glob(store, "**", limit=2)[0] == "/index.md"
    assert len(search.glob(store, "**", limit=2)) == 2


@pytest.mark.parametrize("pattern", ["[a", "{a", "a}", "[z-a]", "x" * 2000])
def test_a_broken_glob_is_refused(store, pattern):
    with pytest.raises(Invalid):
        search.glob(store, pattern)


# -- By relevance


def test_the_best_answer_comes_first_with_its_best_line(store):
    found = search.ranked(store, "When is the talk?")
    assert [hit.path for hit in found.hits] == ["/notes/talk.md", "/index.md", "/notes/team.md"]
    assert found.hits[1].line == "- [Talk](notes/talk.md)"
    assert found.hits[0].score > found.hits[1].score > 0


def test_words_count_in_all_their_forms():
    store = make_store(files={"/a.md": "She studies owls.\n", "/b.md": "Nothing.\n"})
    assert places(search.ranked(store, "study of owl")) == [("/a.md", 1)]


def test_rare_words_weigh_more():
    files = {f"/{n}.md": "the project plan\n" for n in range(9)} | {"/z.md": "a zebra\n"}
    found = search.ranked(make_store(files=files), "project zebra")
    assert found.hits[0].path == "/z.md"


def test_the_line_shown_has_most_of_the_words():
    store = make_store(files={"/a.md": "noon\nthe talk\n\nthe talk is at noon\n"})
    assert search.ranked(store, "talk noon").hits[0].line_number == 4


def test_a_path_counts_too(store):
    assert [hit.path for hit in search.ranked(store, "team").hits] == ["/notes/team.md"]


def test_scripts_without_spaces_are_found_inside_lines():
    store = make_store(files={"/a.md": "明日の会議は正午です。\n", "/b.md": "café crème\n"})
    assert places(search.ranked(store, "会議")) == [("/a.md", 1)]
    assert places(search.ranked(store, "CRÈME")) == [("/b.md", 1)]


@pytest.mark.parametrize("query", ["", "?!", "zzzz", "\0"])
def test_nothing_is_found_for_nothing(store, query):
    assert search.ranked(store, query).hits == []


def test_ranked_search_stops_at_its_limit(store):
    found = search.ranked(store, "talk", limit=1)
    assert len(found.hits) == 1
    assert found.more


def test_searches_see_only_their_store(store):
    other = make_store(name="Other", files={"/secret.md": "talk\n"})
    assert search.grep(other, "talk").hits[0].path == "/secret.md"
    assert "/secret.md" not in [hit.path for hit in search.ranked(store, "talk").hits]
