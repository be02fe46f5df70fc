#!/usr/bin/env python3
"""Usage: check_readme.py VMM README

Each command of vmm, vmm-smoke and vmm-run-bundle that README shows is one: parsed by --dry-run or --list, which open
nothing, in a folder where "rootdir" is a folder too, "bundle" has one, and smoke.toml is our example. What other programs
are given is run by tests/smoke/run. Status 0, or 1 with the commands that are none.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile


def shown(text):
    """Commands in the blocks of code, without comments and redirections."""
    for block in re.findall(r"^```\n(.*?)^```", text, re.M | re.S):
        for line in block.replace("\\\n", " ").splitlines():
            for command in re.split(r" \| ", line):
                if not re.match("vmm(-smoke|-run-bundle)? ", command):
                    continue
                words = shlex.split(command, comments=True)
                words = [w for w in words if not re.match(r"\d?[<>]", w)]
                yield words


def parsed(tools, program, *words):
    """Run what only parses the words. Returns whether they are right, and what was said."""
    at = words.index("--") if "--" in words else len(words)
    only = "--list" if program == "vmm-smoke" else "--dry-run"
    ended = subprocess.run([tools[program], *words[:at], only, *words[at:]], capture_output=True, text=True, check=False)
    return ended.returncode == 0 and bool(ended.stdout), ended.stderr.strip()


def check(tools, commands):
    """How many are wrong, and how many there are."""
    wrong, n = 0, 0
    for words in commands:
        if any(w in ("--help", "--version", "--check-host") for w in words):
            continue
        n += 1
        right, said = parsed(tools, *words)
        if not right:
            wrong += 1
            print(f"README: {shlex.join(words)}\n  {said}")
    return wrong, n


def main():
    vmm, readme = map(os.path.abspath, sys.argv[1:])
    top = os.path.dirname(readme)
    with open(readme, encoding="utf-8") as file:
        commands = list(shown(file.read()))
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        os.mkdir("rootdir")
        shutil.copy(f"{top}/examples/smoke/smoke.toml", ".")
        os.mkdir("bundle")
        with open("bundle/config.json", "w", encoding="utf-8") as file:
            file.write('{"ociVersion": "1.0.2", "process": {"args": ["true"]}, "root": {"path": "../rootdir"}}')
        os.environ.update(KERNEL="k", INITRD="i", ROOT="r", VMM=vmm)
        tools = {"vmm": vmm, **{name: f"{top}/tools/{name}" for name in ("vmm-smoke", "vmm-run-bundle")}}
        wrong, n = check(tools, commands)
        os.chdir("/")
    print(f"{n - wrong} of {n} commands of README are parsed")
    return 1 if wrong or n == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
