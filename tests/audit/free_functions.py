"""Put functions that stand outside any contract into libraries of their own, since forge 1.7.1 counts no others.

Foundry issue 16085. This rewrites only the copy that coverage is measured on, and keeps every line in its place: the
line numbers of the report are those of the sources. Nothing else changes, since a library's internal function runs where
it is called, as a free one does.
"""

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

_FUNCTION = re.compile(r"^function (\w+)(\([^)]*\))(.*?)^\}", re.MULTILINE | re.DOTALL)
_IMPORT = re.compile(r'import \{([^}]*)\} from "([^"]+)";')
_USING = re.compile(r"using \{([^}]*)\} for")
_WORD = re.compile(r"\w+")
# A name that begins so is a table test to forge, which counts no contract that has tests.
_TABLE_TEST = re.compile(r"\b(table\w*)\(")


def rewrite_in_place(root: Path) -> None:
    """Rewrite the sources and tests of a forge root."""
    paths = [path for folder in ("src", "test") for path in sorted((root / folder).rglob("*.sol"))]
    sources = {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in paths}
    for name, text in housed(sources).items():
        (root / name).write_text(text, encoding="utf-8")


def housed(sources: Mapping[str, str]) -> dict[str, str]:
    """Return the sources, by path, with every free function in a library `File_function`.

    >>> purse = "type Purse is uint256;\\nusing {free} for Purse global;\\nfunction free(Purse p) pure {\\n}\\n"
    >>> user = 'import {free} from "./Purse.sol";\\nuint256 constant A = free(P);'
    >>> both = housed({"src/Purse.sol": purse, "src/A.sol": user})
    >>> print(both["src/Purse.sol"])
    type Purse is uint256;
    using {Purse_free.free} for Purse global;
    library Purse_free { function free(Purse p) internal pure {
    }}
    <BLANKLINE>
    >>> print(both["src/A.sol"])
    import {Purse_free} from "./Purse.sol";
    uint256 constant A = Purse_free.free(P);
    """
    houses = {
        path: {found[1]: f"{PurePosixPath(path).stem}_{found[1]}" for found in _FUNCTION.finditer(text)}
        for path, text in sources.items()
    }
    return {path: _rewritten(path, text, houses) for path, text in sources.items()}


def _rewritten(path: str, text: str, houses: Mapping[str, Mapping[str, str]]) -> str:
    own = houses[path]
    known = dict(own)
    for found in _IMPORT.finditer(text):
        theirs = houses.get(_resolved(path, found[2]), {})
        known |= {name: theirs[name] for name in _WORD.findall(found[1]) if name in theirs}

    def named(found: re.Match[str]) -> str:
        return _WORD.sub(lambda word: known.get(word[0], word[0]), found[0])

    def qualified(found: re.Match[str]) -> str:
        return _WORD.sub(
            lambda word: f"{known[word[0]]}.{word[0]}" if word[0] in known else word[0], found[0]
        )

    for name, house in known.items():
        text = re.sub(rf"(?<!function )(?<![\w.]){name}\(", f"{house}.{name}(", text)
    text = _IMPORT.sub(named, text)
    text = _USING.sub(qualified, text)
    text = _FUNCTION.sub(
        lambda found: f"library {own[found[1]]} {{ function {found[1]}{found[2]} internal{found[3]}}}}}", text
    )
    return _TABLE_TEST.sub(r"_\1(", text)


def _resolved(path: str, imported: str) -> str:
    """Return the path of an import, from the root."""
    if not imported.startswith("."):
        return imported
    parts = list(PurePosixPath(path).parent.parts)
    for part in PurePosixPath(imported).parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)
