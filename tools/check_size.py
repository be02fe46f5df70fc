#!/usr/bin/env python3
"""Check that files and functions stay small enough to be read.

C files: split from 600 lines on, never over 800; constant tables are not counted. Headers: 150.
Functions: split from 70 lines on, never over 100; blocks nested at most 3 deep.

Prints FILE:LINE: FINDING. Hard limits are errors; the others are warnings, which do not change the
status. Status 0: no error; 1: some; 2: the check cannot run.
"""

import argparse
import pathlib
import re
import sys

SOURCES = ("vmm", "devices", "boot", "arch", "tests", "tools")

FILE_SPLIT, FILE_MAX = 600, 800
HEADER_SPLIT = 150
FUNCTION_SPLIT, FUNCTION_MAX = 70, 100
NESTING = 3

TABLE = re.compile(r"^(static )?const .*= \{$|^(static )?const [^=;]*=$")
BLOCK = re.compile(r"(\)|\belse|\bdo|^\s*|:)\s*\{$")


def without_comments(text):
    """The text with comments and literals blanked, line for line."""
    def blank(match):
        kept = match[0][0] if match[0][0] in "\"'" else ""
        return kept + re.sub(r"[^\n]", " ", match[0][1:-1] if kept else match[0]) + kept
    return re.sub(r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text, flags=re.S)


def functions(lines):
    """(name, first line, last line) of each function: its body stands in column 0."""
    start = None
    for number, line in enumerate(lines, 1):
        if line.startswith("{"):
            start = number
        elif line.startswith("}") and start:
            head, first = "", start
            while first > 1 and lines[first - 2].strip() and not lines[first - 2].startswith("}"):
                first -= 1
                head = lines[first - 1] + head
            name = re.search(r"(\w+)\s*\(", head)
            yield name[1] if name else "block", first, number
            start = None


def table_lines(lines):
    """How many lines are constant tables at file scope."""
    count, inside = 0, False
    for line in lines:
        inside = inside or bool(TABLE.match(line))
        count += inside
        if inside and line.rstrip().endswith("};") and line.startswith(("}", "static", "const")):
            inside = False
    return count


def deepest(lines):
    """(depth, offset) of the most deeply nested block of a function body."""
    depth, best, offset, kinds = 0, 0, 0, []
    for number, line in enumerate(lines):
        text = line.rstrip()
        for index, char in enumerate(text):
            if char == "{":
                kinds.append(bool(BLOCK.search(text[:index + 1])) and index == len(text) - 1)
                depth += kinds[-1]
            elif char == "}" and kinds:
                depth -= kinds.pop()
        if depth > best:
            best, offset = depth, number
    return best - 1, offset


def check_file(path):
    """Findings of one file, as (line, is an error, text)."""
    lines = without_comments(path.read_text()).splitlines()
    size = len(lines) - table_lines(lines)
    if path.suffix == ".h":
        if size > HEADER_SPLIT:
            yield 1, False, f"header of {size} lines: split it from {HEADER_SPLIT} on"
    elif size > FILE_MAX:
        yield 1, True, f"{size} lines: the limit is {FILE_MAX}"
    elif size > FILE_SPLIT:
        yield 1, False, f"{size} lines: split it from {FILE_SPLIT} on"
    for name, first, last in functions(lines):
        length = last - first + 1
        if length > FUNCTION_MAX:
            yield first, True, f"{name}() has {length} lines: the limit is {FUNCTION_MAX}"
        elif length > FUNCTION_SPLIT:
            yield first, False, f"{name}() has {length} lines: split it from {FUNCTION_SPLIT} on"
        depth, offset = deepest(lines[first - 1:last])
        if depth > NESTING:
            yield first + offset, False, f"{name}() nests blocks {depth} deep: {NESTING} are readable"


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", default=pathlib.Path(__file__).parent.parent, type=pathlib.Path,
                        help="tree to check (default: the one this script is in)")
    root = parser.parse_args().root
    files = sorted(f for d in SOURCES for f in (root / d).rglob("*.[ch]"))
    if not files:
        print(f"check_size: no C files under {root}", file=sys.stderr)
        return 2
    errors = 0
    for path in files:
        for number, is_error, text in check_file(path):
            kind = "error" if is_error else "warning"
            print(f"{path.relative_to(root).as_posix()}:{number}: {kind}: {text}")
            errors += is_error
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
