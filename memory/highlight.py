"""Source code in colour: what a word is, as one of a dozen classes. Pure.

The lexers are Pygments', the classes our own: few, so that the page stays small and one palette (the
`--code-…` tokens) serves reading, writing and both themes.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice

from django.utils.html import escape
from pygments.lexers import find_lexer_class_by_name
from pygments.token import Token, _TokenType

# The languages of agents and their notes. Each lexer was tried on hostile texts: those of Java and C#,
# for instance, take seconds over a few kilobytes of plain words.
ALIASES = {
    "python": "py python3 pycon",
    "bash": "sh shell zsh",
    "console": "shell-session",
    "json": "jsonc json5",
    "yaml": "yml",
    "toml": "",
    "ini": "cfg conf properties",
    "sql": "postgresql sqlite",
    "javascript": "js node mjs jsx",
    "typescript": "ts tsx",
    "html": "htm",
    "xml": "svg",
    "css": "scss",
    "diff": "patch",
    "go": "golang",
    "rust": "rs",
    "c": "h",
    "cpp": "c++ cc hpp",
    "ruby": "rb",
    "kotlin": "kt",
    "swift": "",
    "lua": "",
    "docker": "dockerfile",
    "make": "makefile",
    "nginx": "",
    "graphql": "gql",
}
LANGUAGES = {alias: name for name, others in ALIASES.items() for alias in [name, *others.split()]}

KINDS = {
    Token.Keyword: "keyword",
    Token.Keyword.Constant: "number",
    Token.Operator.Word: "keyword",
    Token.Literal: "string",
    Token.Literal.Number: "number",
    Token.Comment: "comment",
    Token.Comment.Preproc: "meta",
    Token.Comment.PreprocFile: "string",
    Token.Name.Function: "name",
    Token.Name.Class: "name",
    Token.Name.Builtin: "builtin",
    Token.Name.Exception: "builtin",
    Token.Name.Decorator: "meta",
    Token.Name.Tag: "keyword",
    Token.Name.Attribute: "builtin",
    Token.Name.Variable: "builtin",
    Token.Generic.Inserted: "added",
    Token.Generic.Deleted: "removed",
    Token.Generic.Heading: "name",
    Token.Generic.Subheading: "meta",
    Token.Generic.Prompt: "comment",
    Token.Generic.Output: "comment",
}
CLASSES = sorted({f"hl-{kind}" for kind in KINDS.values()})

MAX_LETTERS = 6_000
# Some lexers are quadratic over what no programmer writes: endless lines, endless emptiness.
ENDLESS = re.compile(r"[^\n]{1000}|(?:[ \t]*\n){30}")


def html(code: str, language: str, limit: int) -> tuple[str, int]:
    """The code as HTML, and how many tokens that took; beyond `limit` it stays without colour."""
    name = LANGUAGES.get(language.lower())
    if name is None or limit <= 0 or len(code) > MAX_LETTERS or ENDLESS.search(code):
        return escape(code), 0
    tokens = list(islice(_lexer(name)().get_tokens_unprocessed(code), limit + 1))
    if len(tokens) > limit:
        return escape(code), limit
    return "".join(map(_span, _joined(tokens))), len(tokens)


# Each look-up goes through all the library's languages. A lexer of its own for each text: some keep
# notes while they read.
_lexer = cache(find_lexer_class_by_name)


def _joined(tokens: Iterable[tuple[int, _TokenType, str]]) -> Iterator[tuple[str, str]]:
    """Neighbours of one class as one piece, with the space between them."""
    kind, text = "", ""
    for _, token, piece in tokens:
        if (found := _kind(token)) == kind or not piece.strip():
            text += piece
            continue
        yield kind, text
        kind, text = found, piece
    yield kind, text


def _span(piece: tuple[str, str]) -> str:
    kind, text = piece
    return f'<span class="hl-{kind}">{escape(text)}</span>' if kind else escape(text)


@cache
def _kind(token: _TokenType) -> str:
    return next((KINDS[part] for part in reversed(token.split()) if part in KINDS), "")
