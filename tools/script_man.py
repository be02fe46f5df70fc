#!/usr/bin/env python3
"""Usage: script_man.py SCRIPT: write the man page of a Python program of ours to standard output, in mdoc.

Its text is the program's docstring, of which the first sentence says what it is, a paragraph "Usage:" how it is
called, and a paragraph "Status:" what it returns; options are those of its argparse. So the page cannot differ from
--help. Status 0.
"""

import ast
import pathlib
import re
import sys

DATE = "November 27, 2026"  # of the last change to what only this page says
ESCAPES = {"\\": "\\e", "-": "\\-", "^": "\\(ha", "~": "\\(ti", "'": "\\(aq", "`": "\\(ga", '"': "\\(dq"}


def text(words):
    """Words that roff takes for nothing else."""
    escaped = "".join(ESCAPES.get(c, c) for c in words)
    return "\\&" + escaped if escaped.startswith(".") else escaped


def capital(words):
    return words[0].upper() + words[1:]


def sentences(paragraph):
    """Each sentence on a line of its own, as mdoc wants them."""
    return [text(s) for s in re.split(r"(?<=[.]) +", " ".join(paragraph.split()))]


def display(block):
    return [".Bd -literal -offset indent", *(text(line[2:]) for line in block.splitlines()), ".Ed"]


def options(tree):
    """(flags, metavar, help) of each add_argument() with flags."""
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "add_argument":
            flags = [word.value for word in call.args]
            named = {k.arg: k.value.value for k in call.keywords if isinstance(k.value, ast.Constant)}
            if flags[0].startswith("-"):
                yield flags, named.get("metavar", ""), named["help"]


def option_lines(flags, value, said):
    letters = " , ".join(f"Fl {text(flag[1:])}" for flag in flags)
    return [f".It {letters}" + (f" Ar {text(value)}" if value else ""), text(capital(said) + ".")]


def page(name, tree):
    """The lines of the man page."""
    what, *paragraphs = ast.get_docstring(tree).split("\n\n")
    listed = [line for option in options(tree) for line in option_lines(*option)]
    usage = f"Usage: {name} [OPTION...] FILE"
    description, status = [], []
    for paragraph in paragraphs:
        if paragraph.startswith("Usage: "):
            usage = paragraph
        elif paragraph.startswith("Status: "):
            status = sentences(capital(paragraph.removeprefix("Status: ")))
        else:
            description += display(paragraph) if paragraph.startswith("  ") else [".Pp", *sentences(paragraph)]
    yield from (f".Dd {DATE}", f".Dt {name.upper()} 1", ".Os", ".Sh NAME", f".Nm {name}")
    yield ".Nd " + text(" ".join(what.split()).rstrip(".").replace(what[0], what[0].lower(), 1))
    yield from (".Sh SYNOPSIS", ".Nm", *(synopsis(word) for word in usage.split()[2:]))
    yield from (".Sh DESCRIPTION", *description[1:])  # no space above the first
    if listed:
        yield from (".Sh OPTIONS", ".Bl -tag -width Ds", *listed, ".El")
    yield from (".Sh EXIT STATUS", *status, ".Sh SEE ALSO", ".Xr vmm 1")


def synopsis(word):
    inner = word.strip("[]").removesuffix("...")
    more = " ..." if "..." in word else ""
    return f".{'Op Ar' if word.startswith('[') else 'Ar'} {text(inner)}{more}"


def main():
    script = pathlib.Path(sys.argv[1])
    print("\n".join(page(script.name, ast.parse(script.read_text(encoding="utf-8")))))


if __name__ == "__main__":
    main()
