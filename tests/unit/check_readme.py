#!/usr/bin/env python3
"""Usage: check_readme.py VMM README

Each command of vmm that README shows is one: parsed by --dry-run, which opens nothing, in a folder where "rootdir" is
a folder too. Status 0, or 1 with the commands that are not.
"""

import json
import os
import re
import shlex
import subprocess
import sys
import tempfile


def shown(text):
    """Commands in the blocks of code, without comments and redirections."""
    for block in re.findall(r"^```\n(.*?)^```", text, re.M | re.S):
        for line in block.replace("\\\n", " ").splitlines():
            for command in re.split(r" \| ", line):
                if not command.startswith("vmm "):
                    continue
                words = shlex.split(command, comments=True)
                words = [w for w in words if not re.match(r"\d?[<>]", w)]
                yield words[1:]


def check(vmm, commands):
    """How many are wrong, and how many there are."""
    wrong, n = 0, 0
    for words in commands:
        if any(w in ("--help", "--version", "--check-host") for w in words):
            continue
        n += 1
        at = words.index("--") if "--" in words else len(words)
        ended = subprocess.run([vmm, *words[:at], "--dry-run", *words[at:]], capture_output=True, text=True, check=False)
        if ended.returncode != 0 or not json.loads(ended.stdout):
            wrong += 1
            print(f"README: vmm {shlex.join(words)}\n  {ended.stderr.strip()}")
    return wrong, n


def main():
    vmm, readme = map(os.path.abspath, sys.argv[1:])
    with open(readme, encoding="utf-8") as file:
        commands = list(shown(file.read()))
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        os.mkdir("rootdir")
        wrong, n = check(vmm, commands)
        os.chdir("/")
    print(f"{n - wrong} of {n} commands of README are parsed")
    return 1 if wrong or n == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
