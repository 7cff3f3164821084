# SPDX-License-Identifier: BSD-2-Clause
"""tests/lib/kernel_published.py - the published bugs of tests/kernel-published, and their table in
docs/kernel-published.md.

Each bug is a reproducer, NAME.c, and NAME.patch, which takes the fix out of Linux 6.1.  The reproducer begins with

    NAME.c - CVE-1234-5678 (or other words)
    fix: the title of the fix's commit
    expected: the title that --expect gets, or "nothing": the bug is there, but this kernel has nothing that reaches it
    A sentence that says what it does.
"""
import glob
import os
import re

from harness import TOP

FOLDER = os.path.join(TOP, "tests/kernel-published")
PATCHES = sorted(glob.glob(os.path.join(FOLDER, "*.patch")))
TABLE = "docs/kernel-published.md"
HEAD = re.compile(r"/\* tests/kernel-published/([a-z0-9-]+)\.c - (.*)\n \* fix: (.*)\n \* expected: (.*)\n"
                  r" \* ((?:.|\n)*?) \*/")


class Bug:
    def __init__(self, path):
        with open(path, encoding="utf-8") as f:
            head = HEAD.search(f.read())
        self.path = path
        self.name, self.reference, self.fix, self.expected, self.about = head.groups()
        self.about = re.sub(r"\n \* ", " ", self.about)

    def row(self, rate, seconds):
        return f"| `{self.name}` | {self.reference} | {self.fix} | {self.expected} | {rate} | {seconds} |"


def bugs():
    return [Bug(path) for path in sorted(glob.glob(os.path.join(FOLDER, "*.c")))]


def rows(text):
    return [line for line in text.splitlines() if line.startswith("| `")]
