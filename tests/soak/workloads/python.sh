# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# about: CPython's own tests, all but those that need a network or a display (`python3 -m test`)
# packages: python3 libpython3.11-testsuite
# user: yes
# batch: 20
# cpu: 3000
# short: test_json test_re test_threading test_marshal

items() {
	/usr/bin/python3 -m test --list-tests -u all,-network,-urlfetch,-largefile,-gui,-audio
}

# Results of single test methods.  Those that are skipped tell why, so only their names are compared.
run() {
	/usr/bin/python3 -m test -u all,-network,-urlfetch,-largefile,-gui,-audio --timeout 1800 \
		--junit-xml "$PWD/junit.xml" "$@" >&2
	echo "status $?"
	/usr/bin/python3 - <<-'END'
		import xml.etree.ElementTree as tree
		for case in tree.parse("junit.xml").iter("testcase"):
		    kind = {"failure": "not ok", "error": "not ok", "skipped": "skipped"}
		    said = [kind[c.tag] for c in case if c.tag in kind] or ["ok"]
		    print(said[0], case.get("name"))
	END
}
