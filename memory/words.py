"""Words and their stems, as the search knows them. English is stemmed; other words stay as close."""

import re
import threading
from functools import lru_cache

import Stemmer
from stop_words import get_stop_words

WORD = re.compile(r"[^\W_]+")
UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u0e00-\u0e7f]")
STOP_WORDS = frozenset(get_stop_words("english"))

_stemmer = Stemmer.Stemmer("english")
_stemmer_lock = threading.Lock()  # PyStemmer's objects are not safe to share between threads


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """The form that a lower-case word shares with its inflections: talks, talked → talk."""
    with _stemmer_lock:
        return _stemmer.stemWord(word)


def words(text: str) -> list[str]:
    """The words of a text in lower case, as they come."""
    return WORD.findall(text.lower())


def telling(text: str) -> list[str]:
    """Its words without the most common ones, each once; all of them when none is left."""
    found = list(dict.fromkeys(words(text)))
    return [word for word in found if word not in STOP_WORDS] or found


def is_unspaced(word: str) -> bool:
    """Whether its script writes words without spaces between, so that it may stand inside others."""
    return bool(UNSPACED.search(word))
