"""Shell patterns for paths: `**`, `*`, `?`, `[a-z]` and `{one,two}`. Pure."""

import re
from collections.abc import Callable

import re2

from memory.paths import Invalid
from memory.patterns import check_length


def matcher(pattern: str) -> Callable[[str], bool]:
    """A function that tells whether a whole path matches. Raises `Invalid`."""
    check_length(pattern)
    options = re2.Options()
    options.log_errors = False
    try:
        regex = re2.compile(_translated(pattern).encode(), options)
    except (re2.error, UnicodeEncodeError):
        raise Invalid(f"The pattern {pattern!r} cannot be used.") from None
    return lambda path: regex.fullmatch(path.encode()) is not None


GLOB = re.compile(
    r"""(?P<folders>(?<![^/{,])\*\*/) | (?P<all>(?<![^/{,])\*\*) | (?P<star>\*+) | (?P<one>\?)
    | \[(?P<none_of>[!^])?(?P<of>\]?[^\]]+)\] | (?P<brace>[{},]) | (?P<open>\[)
    | \\(?P<escaped>.) | (?P<plain>.)""",
    re.VERBOSE | re.DOTALL,
)
WILD = {"folders": "(?:.*/)?", "all": ".*", "star": "[^/]*", "one": "[^/]"}


def _translated(pattern: str) -> str:
    """Turn a glob into a regular expression."""
    depth, parts = 0, []
    for token in GLOB.finditer(pattern):
        kind = token.lastgroup
        if kind == "open":
            raise Invalid("The pattern holds a [ that is not closed.")
        if kind == "brace" and (token[0] != "," or depth):
            parts.append({"{": "(?:", "}": ")", ",": "|"}[token[0]])
            depth += {"{": 1, "}": -1, ",": 0}[token[0]]
        else:
            parts.append(WILD.get(kind) or _letters(token))
        if depth < 0:
            break
    if depth:
        raise Invalid("The pattern holds a { or } without its other half.")
    return "(?s)" + "".join(parts)


def _letters(token: re.Match) -> str:
    if letters := token["of"]:
        inside = re.sub(r"([\\\[\]^])", r"\\\1", letters)
        return f"[^/{inside}]" if token["none_of"] else f"[{inside}]"
    return re.escape(token["escaped"] or token[0])


def literally(path: str) -> str:
    """The glob that matches just this path."""
    return re.sub(r"([*?\[\]{},\\])", r"\\\1", path)
