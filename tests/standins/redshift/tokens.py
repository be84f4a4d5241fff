"""Statements as words with their places, so that a rewriting touches only what it means to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from sqlglot.dialects.redshift import Redshift
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType


class _Plain(Redshift):
    """No statement is taken for a command whose words do not matter."""

    class Tokenizer(Redshift.Tokenizer):
        """Of SQL as it stands."""

        COMMANDS: ClassVar[set[TokenType]] = set()


TOKENIZER = _Plain()
STRINGS = frozenset(
    {TokenType.STRING, TokenType.HEREDOC_STRING, TokenType.RAW_STRING, TokenType.BYTE_STRING, TokenType.NATIONAL_STRING}
)


@dataclass(frozen=True, slots=True)
class Word:
    """One token."""

    text: str
    """As it stands in the statement."""
    value: str
    """Without quotes."""
    start: int
    end: int
    """After the last character."""
    quoted: bool
    """An identifier in quotes."""
    literal: bool
    """A string."""

    def __eq__(self, other: object) -> bool:
        return self.upper == other if isinstance(other, str) else self is other

    def __hash__(self) -> int:
        return hash(self.start)

    @property
    def upper(self) -> str:
        """Of a keyword or a mark; what is quoted is neither."""
        return "" if self.quoted or self.literal else self.text.upper()

    @property
    def name(self) -> str:
        """As an identifier, which folds to lower case, quoted or not."""
        return self.value.lower()

    @property
    def is_name(self) -> bool:
        """May name something."""
        return self.quoted or (not self.literal and (self.text[0].isalpha() or self.text[0] in "_#"))


def words_of(sql: str) -> list[Word]:
    """The words of a text; none where it is no SQL that can be read."""
    try:
        return [word for token in TOKENIZER.tokenize(sql) for word in _words(sql, token)]
    except SqlglotError:
        return []


def _words(sql: str, token: Token) -> Iterator[Word]:
    """Of one token, which may be two keywords."""
    text = sql[token.start : token.end + 1]
    quoted, literal = token.token_type is TokenType.IDENTIFIER, token.token_type in STRINGS
    if quoted or literal:
        yield Word(text, token.text, token.start, token.end + 1, quoted, literal)
        return
    for part in re.finditer(r"\S+", text):
        yield Word(part[0], part[0], token.start + part.start(), token.start + part.end(), quoted=False, literal=False)


def statements_of(sql: str) -> list[str]:
    """The statements of a text, without their semicolons."""
    pieces, at = [], 0
    for word in words_of(sql):
        if word == ";":
            pieces.append(sql[at : word.start])
            at = word.end
    return [piece for piece in [*pieces, sql[at:]] if words_of(piece)] or ([sql] if sql.strip() and not words_of(sql) else [])


@dataclass
class Edits:
    """Replacements in a text."""

    sql: str
    made: list[tuple[int, int, str]] = field(default_factory=list)

    def replace(self, first: Word, last: Word, text: str) -> None:
        """Put a text in the place of the words from one to another."""
        self.made.append((first.start, last.end, text))

    def remove(self, words: Sequence[Word]) -> None:
        """Leave words out that follow each other."""
        if words:
            self.replace(words[0], words[-1], "")

    def after(self, word: Word, text: str) -> None:
        """Put a text behind a word."""
        self.made.append((word.end, word.end, text))

    def before(self, word: Word, text: str) -> None:
        """Put a text before a word."""
        self.made.append((word.start, word.start, text))

    @property
    def result(self) -> str:
        """The text with all replacements."""
        result = self.sql
        for start, end, text in sorted(self.made, key=lambda edit: edit[:2], reverse=True):
            result = result[:start] + text + result[end:]
        return result


@dataclass
class Reader:
    """Walks over words."""

    words: Sequence[Word]
    at: int = 0

    @property
    def here(self) -> Word | None:
        """The next word."""
        return self.words[self.at] if self.at < len(self.words) else None

    @property
    def rest(self) -> Sequence[Word]:
        """All words that come."""
        return self.words[self.at :]

    def sees(self, *keywords: str) -> bool:
        """Whether these come next."""
        return [word.upper for word in self.words[self.at : self.at + len(keywords)]] == list(keywords)

    def takes(self, *keywords: str) -> bool:
        """Pass these where they come next."""
        found = self.sees(*keywords)
        self.at += len(keywords) * found
        return found

    def next(self) -> Word:
        """Pass one word. Raises IndexError at the end."""
        self.at += 1
        return self.words[self.at - 1]

    def name(self) -> Name:
        """Pass a name with its dots."""
        first = self.at
        parts = [self.next().name]
        while self.takes("."):
            parts.append(self.next().name)
        return Name(tuple(parts), self.words[first], self.words[self.at - 1])

    def bracket(self) -> Sequence[Word]:
        """Pass a bracket; the words in it."""
        first = self.at + 1
        self.at = closing(self.words, self.at) + 1
        return self.words[first : self.at - 1]


@dataclass(frozen=True, slots=True)
class Name:
    """A name with dots."""

    parts: tuple[str, ...]
    first: Word
    last: Word

    @property
    def sql(self) -> str:
        """Quoted, without the database."""
        return ".".join(identifier(part) for part in self.parts[-2:])

    @property
    def table(self) -> str:
        """Its last part."""
        return self.parts[-1]


def identifier(name: str) -> str:
    """Quoted."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str | None) -> str:
    """A string in SQL."""
    return "null" if value is None else "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def closing(words: Sequence[Word], opening: int) -> int:
    """Where the bracket that opens there closes; the last word where it does not."""
    depth = 0
    for at in range(opening, len(words)):
        depth += (words[at] == "(") - (words[at] == ")")
        if depth == 0:
            return at
    return len(words) - 1


def split(words: Sequence[Word]) -> Iterator[Sequence[Word]]:
    """The parts between commas that stand in no bracket."""
    depth = first = 0
    for at, word in enumerate(words):
        depth += (word == "(") - (word == ")")
        if word == "," and depth == 0:
            yield words[first:at]
            first = at + 1
    yield words[first:]
