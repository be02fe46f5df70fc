#!/usr/bin/env python3
"""Check that each function declared in a header says what it does.

Wanted right before each prototype in the headers of vmm/, devices/, boot/ and arch/: a comment
that begins with "/**" and "NAME() - PURPOSE", a line "@PARAM:" for each parameter, and "Return:"
unless the function returns nothing, or its purpose begins with "Whether". One comment may serve
prototypes that follow one another without a blank line: "ONE(), OTHER() - PURPOSE".

Prints FILE:LINE: FINDING for each gap. Status 0: none; 1: some; 2: the check cannot run.
"""

import argparse
import pathlib
import re
import sys

SOURCES = ("vmm", "devices", "boot", "arch")

COMMENT = re.compile(r"/\*.*?\*/", re.S)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.M)
# Macros that stand behind or before a declaration like a call.
ATTRIBUTES = r"(?:PRINTF_LIKE|RUNS_ON|ENTERS|ABI_SIZE|ABI_OFF|_Static_assert)"
PROTOTYPE = re.compile(r"^(?P<type>[\w\s*]+?[\s*])(?P<name>[a-z]\w*)\s*\(")


def blank(match):
    return re.sub(r"[^\n]", " ", match[0])


def statements(text):
    """(offset, statement) of each one at file scope; bodies in braces are left out."""
    code = DIRECTIVE.sub(blank, COMMENT.sub(blank, text))
    depth, start = 0, 0
    for index, char in enumerate(code):
        if char == "{":
            depth += 1
        elif char == "}":
            depth -= 1
            # The end of an inline function; structures go on to their semicolon.
            if depth == 0 and not code[index + 1:].lstrip().startswith(";") and ")" in code[start:index]:
                start = index + 1
        elif char == ";" and depth == 0:
            statement = code[start:index]
            yield start + len(statement) - len(statement.lstrip()), statement.strip()
            start = index + 1


def split_parameters(text):
    """The text of a parameter list, cut at its commas, up to its closing bracket."""
    depth, parts = 0, [""]
    for char in text:
        if char == ")" and depth == 0:
            break
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return [part.strip() for part in parts]


def parameter_names(text):
    """Names of the parameters that follow an opening bracket."""
    for part in split_parameters(text):
        pointer = re.search(r"\(\s*\*\s*(\w+)", part)
        plain = re.search(r"(\w+)\s*(?:\[[^\]]*\])?\s*$", part)
        if pointer:
            yield pointer[1]
        elif plain and plain[1] != "void":
            yield plain[1]


def prototypes(text):
    """(offset, name, returns a value, parameters) of each function that is declared only."""
    for offset, statement in statements(text):
        statement = re.sub(rf"^{ATTRIBUTES}\s*\([^()]*\)\s*", "", statement)
        match = PROTOTYPE.match(statement)
        if not match or match["type"].startswith(("typedef", "static", "struct {")) or "{" in match[0]:
            continue
        nothing = re.fullmatch(r"(extern\s+)?(NORETURN\s+)?void\s+", match["type"]) is not None
        yield offset, match["name"], not nothing, list(parameter_names(statement[match.end():]))


def comment_before(text, offset):
    """The comment that ends right before an offset, or before the block of lines it is in, or ""."""
    block = max(text.rfind("\n\n", 0, offset), text.rfind("*/", 0, offset))
    for match in COMMENT.finditer(text, 0, offset):
        if match.end() == block + 2:
            return match[0]
    return ""


def check_header(text):
    """Findings of one header, as (line, text)."""
    for offset, name, returns, parameters in prototypes(text):
        doc = comment_before(text, offset)
        number = text.count("\n", 0, offset) + 1
        title = re.match(r"/\*\*\n \* (\w+\(\)(?:,(?:\n \*)? \w+\(\))*)(?:\n \*)? - (\S+)", doc)
        if not title or f"{name}()" not in re.split(r"[\s*,]+", title[1]):
            yield number, f'{name}() lacks a comment that begins with "/**" and "{name}() - PURPOSE"'
            continue
        for parameter in parameters:
            if not re.search(rf"@{parameter}:", doc):
                yield number, f'{name}(): the comment has no line "@{parameter}:"'
        if returns and title[2] != "Whether" and not re.search(r"^ \* Return:", doc, re.M):
            yield number, f'{name}(): the comment has no line "Return:"'


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default=pathlib.Path(__file__).parent.parent, type=pathlib.Path,
                        help="tree to check (default: the one this script is in)")
    root = parser.parse_args().root
    headers = sorted(f for d in SOURCES for f in (root / d).rglob("*.h"))
    if not headers:
        print(f"check_docs: no headers under {root}", file=sys.stderr)
        return 2
    findings = [(path, number, text) for path in headers
                for number, text in check_header(path.read_text())]
    for path, number, text in findings:
        print(f"{path.relative_to(root).as_posix()}:{number}: {text}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
