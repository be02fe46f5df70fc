#!/usr/bin/env python3
"""Usage: check_schema.py SCHEMA VMM: what --dry-run prints is valid by the schema, and what --config
refuses for its shape is not."""

import json
import pathlib
import subprocess
import sys
import tempfile

try:
    import jsonschema
except ImportError:
    print("python3-jsonschema is not installed: the schema was not checked")
    sys.exit(77)

GOOD = (
    ["--kernel", "k"],
    ["--kernel", "k", "--initrd", "i", "--rootfs", "r,ro", "--disk", "d,cow,serial=S", "--net", "fd=9",
     "--net", "passt,tcp=80,udp=53", "--vsock", "cid=3,socket=s", "--cpus", "64", "--memory", "16T",
     "--serial", "file=f", "--console", "unix=u", "--control", "c", "--control", "fd=8", "--timeout", "0.5",
     "--result", "fd=7", "--log-level", "debug", "--paused", "--jail", "strict",
     "--console-log", "l,max=1M"],
)
BAD = (
    {"kernl": "k"}, {"kernel": 1}, {"kernel": ["k"]}, {"cpus": 0}, {"cpus": 65}, {"cpus": "1"},
    {"append": "quiet"}, {"paused": "yes"}, {"disk": [{"pth": "a"}]}, {"disk": [{"ro": "yes"}]},
    {"timeout": "9"}, {"jail": "open"}, {"serial": {"tty": "x"}}, {"config": "f"}, {"dry-run": True}, [],
)


def main():
    schema = json.loads(pathlib.Path(sys.argv[1]).read_text())
    vmm, failed = sys.argv[2], 0
    validator = jsonschema.validators.validator_for(schema)
    validator.check_schema(schema)
    for words in GOOD:
        printed = subprocess.run([vmm, *words, "--dry-run"], check=True, capture_output=True).stdout
        for error in validator(schema).iter_errors(json.loads(printed)):
            print(f"{words}: {error.message}")
            failed = 1
    for value in BAD:
        if validator(schema).is_valid(value):
            print(f"the schema accepts {value}")
            failed = 1
        with tempfile.NamedTemporaryFile("w") as file:
            json.dump(value, file)
            file.flush()
            if subprocess.run([vmm, "--config", file.name, "--dry-run"], capture_output=True).returncode != 125:
                print(f"vmm accepts {value}")
                failed = 1
    return failed


sys.exit(main())
