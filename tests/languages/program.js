// SPDX-License-Identifier: BSD-2-Clause
// tests/languages/program.js - uses the add-on sessions_node.cc.
"use strict";
const sessions = require(process.env.ADDON);

function work(bug) {
	const session = sessions.open();
	if (bug === "leak")
		sessions.forget();
	else if (bug === "overflow")
		sessions.fill(session);
	else if (bug === "use-after-free") {
		sessions.close(session);
		sessions.best(session);
	}
	return session;
}

globalThis.kept = work(process.argv[2]);
