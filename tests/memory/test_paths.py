"""The rules for paths, texts and names (wire contract §5 and §6), at their very edges."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memory import paths
from memory.paths import Invalid

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    "path",
    [
        "/a",
        "/notes/today.md",
        "/.hidden",
        "/...",
        "/a b/ö/漢字.md",
        "/" + "/".join("x" * 20),
        "/" + "x" * 1023,
        "/" + "é" * 511 + "x",
        "/" + unicodedata.normalize("NFC", "e\u0301"),
    ],
)
def test_a_good_path_is_returned_as_it_is(path):
    assert paths.check_path(path) == path


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("", "start with a slash"),
        ("a.md", "start with a slash"),
        ("/", "name a file"),
        ("/a/", "name a file"),
        ("/a//b", "empty part"),
        ("/a/./b", "may not contain"),
        ("/../etc", "may not contain"),
        ("/" + "/".join("x" * 21), "21 parts"),
        ("/" + "x" * 1024, "1025 bytes"),
        ("/" + "é" * 512, "1025 bytes"),
        ("/e\u0301", "normal form"),
        ("/a\nb", r"U\+000A"),
        ("/a\0", r"U\+0000"),
        ("/\u200b", r"U\+200B"),
        ("/\u202e", r"U\+202E"),
        ("/\u2028", r"U\+2028"),
        ("/\u2029", r"U\+2029"),
        ("/\ud800", r"U\+D800"),
    ],
)
def test_a_path_that_breaks_a_rule_is_refused_with_the_reason(path, reason):
    with pytest.raises(Invalid, match=reason):
        paths.check_path(path)


@given(st.text(max_size=40).map(lambda text: f"/{text}"))
def test_a_path_is_fine_or_invalid_and_never_an_accident(path):
    try:
        checked = paths.check_path(path)
    except Invalid:
        return
    assert checked.encode().decode() == path
    assert "\0" not in checked


@pytest.mark.parametrize("prefix", ["/", "/a/", "/a/b/"])
def test_a_prefix_is_a_folder(prefix):
    assert paths.check_prefix(prefix) == prefix


@pytest.mark.parametrize("prefix", ["", "a", "/a", "a/", "//", "/a//", "/a\0/"])
def test_what_is_no_folder_is_no_prefix(prefix):
    with pytest.raises(Invalid):
        paths.check_prefix(prefix)


def test_a_text_is_measured_in_bytes():
    assert len(paths.check_content("é" * 51_200)) == paths.MAX_CONTENT_BYTES
    with pytest.raises(Invalid, match="102,402 bytes"):
        paths.check_content("é" * 51_201)


@pytest.mark.parametrize("content", ["a\0b", "\ud800"])
def test_what_is_no_text_is_refused(content):
    with pytest.raises(Invalid):
        paths.check_content(content)


def test_an_empty_text_is_a_text():
    assert paths.check_content("") == b""


@pytest.mark.parametrize("name", ["", "  ", "x" * 256, "a\nb", "a\0", "a\x7f"])
def test_a_name_that_breaks_a_rule_is_refused(name):
    with pytest.raises(Invalid):
        paths.check_name(name)


def test_metadata_is_bounded():
    full = {str(number): "v" * 512 for number in range(16)} | {"15": ""}
    assert paths.check_metadata(full) == full
    for wrong in ({**full, "x": ""}, {"": ""}, {"k" * 65: ""}, {"k": "v" * 513}, {"k": 1}):
        with pytest.raises(Invalid):
            paths.check_metadata(wrong)


def test_a_metadata_patch_sets_takes_and_keeps():
    assert paths.patch_metadata({"a": "1", "b": "2"}, {"a": None, "c": "3"}) == {"b": "2", "c": "3"}


def test_a_metadata_patch_is_judged_by_its_result():
    full = {str(number): "" for number in range(16)}
    assert len(paths.patch_metadata(full, {"0": None, "x": ""})) == 16
    with pytest.raises(Invalid):
        paths.patch_metadata(full, {"x": ""})


def test_ancestors_are_the_folders_as_files():
    assert paths.ancestors("/a/b/c.md") == ["/a", "/a/b"]
    assert paths.ancestors("/c.md") == []


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Team Notes!", "team-notes"),
        ("  a -- b  ", "a-b"),
        ("Größe 2", "gr-e-2"),
        ("漢字", "store"),
    ],
)
def test_a_slug_is_what_a_mount_is_called(name, slug):
    assert paths.slug(name) == slug
