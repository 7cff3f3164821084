# SPDX-License-Identifier: BSD-2-Clause
"""tests/languages/program.py - uses the extension sessions_python.c."""
import sys

import sessions


def work(bug):
    session = sessions.Session("ada")
    if bug == "leak":
        session.keep()
    elif bug == "overflow":
        session.fill()
    elif bug == "use-after-free":
        session.close()
        session.best()
        sys.stdout.flush()


def main():
    work(sys.argv[1] if len(sys.argv) > 1 else "")


main()
