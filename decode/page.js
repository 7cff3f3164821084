/* SPDX-License-Identifier: BSD-2-Clause */
/* The script of the page.  The list of bugs stands in the page: the first ones as elements, the others as the text of
 * noscript elements, which become elements when they are shown.  The list shows fifty at a time.  A bug's reports
 * are made into elements when it is opened first, out of the data:
 *
 *   strings, sources, frames, stacks: tables; everywhere else are numbers of their entries
 *   source: [first line, the line that matters, text]; 0: none
 *   frame: [function or module, offset, place, flags (1: unreliable, 2: inlined, 4: plumbing, 8: what
 *          calls main), source]
 *   bug: s signature, n reports, t title, p what the kind means, w file, v severity, c corrupted, h text about the
 *        kind, d detectors, builds, first, last, bytes and objects that leaked, r rows [time, place, task, build, which
 *        of e has its stacks], e reports, shown: the one of e whose text stands in the page
 *   report: f facts [0, name, value, name, value, …], k stacks [title, stack, index of the guilty frame], o object,
 *        b its bar, m its memory, x its text
 *
 * Text out of the data only ever becomes text: nothing makes markup of it. */
"use strict";
(function () {
	const UNRELIABLE = 1, INLINED = 2, PLUMBING = 4, START = 8, ROWS = 20, STEP = 50;
	const SEVERITIES = ["error", "warning", "note"];
	const data = JSON.parse(document.getElementById("data").textContent);
	const strings = data.strings, frames = data.frames, stacks = data.stacks, bugs = data.bugs;
	const field = id => document.getElementById(id), main = document.querySelector("main");
	const flame = make("details"), more = make("button");
	let visible = bugs, rendered = 0;
	const search = field("search"), sort = field("sort"), whole = field("whole"), shown = field("shown");
	const selects = {
		severity: [field("severity"), b => [SEVERITIES[b.v]]],
		detector: [field("detector"), b => b.d.map(i => strings[i])],
		kind: [field("kind"), b => [strings[b.kind]]],
		build: [field("build"), b => b.builds.map(i => strings[i])],
	};

	function make(tag, name, ...children) {
		const e = document.createElement(tag);
		if (name)
			e.className = name;
		e.append(...children);
		return e;
	}

	function fold(summary, ...children) {
		return make("details", "", make("summary", "", summary), ...children);
	}

	function plural(n, word) {
		return n.toLocaleString("en") + " " + word + (n === 1 ? "" : "s");
	}

	/* The bug's part of the list.  A noscript element's text is markup of the page itself. */
	function element(bug) {
		if (bug.node.tagName === "NOSCRIPT") {
			const template = document.createElement("template");
			template.innerHTML = bug.node.textContent;
			bug.node.remove();
			bug.node = template.content.firstElementChild;
		}
		return bug.node;
	}

	/* ---- a report ---- */

	function sourceLines(source) {
		const pre = make("pre"), lines = source[2].split("\n").slice(0, -1);
		lines.forEach((text, i) => {
			const at = source[0] + i, line = String(at).padStart(6) + "  " + text;
			pre.append(at === source[1] ? make("mark", "", line) : line + "\n");
		});
		return pre;
	}

	function frameLine(id, guilty) {
		const f = frames[id], text = [];
		const source = data.sources[f[4]];
		if (f[3] & UNRELIABLE)
			text.push("? ");
		text.push(strings[f[0]] + strings[f[1]]);
		if (f[3] & INLINED)
			text.push(" (inlined)");
		if (f[2])
			text.push(" ", make("span", "where", strings[f[2]]));
		if (!source)
			return make("span", "frame", ...text);
		const e = make("details", "", make("summary", "", ...text), sourceLines(source));
		e.open = guilty;
		return e;
	}

	/* Frames of the reporter and the allocator are folded, unless there are no others. */
	function stackPart(k) {
		const ids = stacks[k[1]], list = make("ol");
		const folds = ids.map((id, i) => (frames[id][3] & PLUMBING) && i !== k[2]);
		const all = folds.every(Boolean);
		let inner = null;
		ids.forEach((id, i) => {
			const item = make("li", i === k[2] ? "guilty" : "", frameLine(id, i === k[2]));
			item.value = i + 1;
			if (!folds[i] || all) {
				inner = null;
				list.append(item);
				return;
			}
			if (!inner) {
				let n = i;
				while (folds[n])
					n++;
				inner = make("ol");
				const holder = make("li", "plumbing",
					fold(plural(n - i, "frame") + " of the reporter or the allocator", inner));
				holder.value = i + 1;
				list.append(holder);
			}
			inner.append(item);
		});
		return make("section", "stack", make("h2", "", strings[k[0]]), list);
	}

	function facts(f) {
		const list = make("dl");
		for (let i = 1; i < f.length; i += 2)
			list.append(make("dt", "", strings[f[i]]), make("dd", "", strings[f[i + 1]]));
		return list;
	}

	function bar(b) {
		const object = make("span", "object" + (b[2] ? " freed" : ""), plural(b[3], "byte"));
		const left = make("span", "zone"), e = make("div", "bar", left, object, make("span", "zone rest"));
		left.style.width = b[0] + "%";
		object.style.width = b[1] + "%";
		e.setAttribute("role", "img");
		e.setAttribute("aria-label", "the object" + (b[2] ? ", freed," : "") + " of " + plural(b[3], "byte") +
			(b.length > 4 ? " and the access at " + strings[b[6]] : ""));
		if (b.length > 4) {
			const mark = make("b"), where = make("em", "", strings[b[6]]);
			mark.style.left = b[4] + "%";
			mark.style.width = b[5] + "%";
			where.style.left = Math.min(Math.max(b[4], 20), 80) + "%";
			e.append(mark, where);
		}
		return e;
	}

	function memory(m) {
		const CLASSES = { b: "bad", i: "in", o: "out", p: "part", n: "" };
		const rows = make("div", "memory"), legend = make("ul", "legend"), used = new Set(), parts = [];
		const add = (name, sample, text) =>
			legend.append(make("li", "", make("i", name, sample), " " + text));
		for (let i = 0; i < m[1].length; i += 3) {
			const row = make("div", "row", m[1][i] + ": ");
			for (let k = 0; k < m[1][i + 2].length; k++) {
				used.add(m[1][i + 2][k]);
				row.append(make("i", CLASSES[m[1][i + 2][k]], m[1][i + 1].slice(2 * k, 2 * k + 2)));
			}
			rows.append(row);
		}
		rows.tabIndex = 0;
		rows.setAttribute("role", "group");
		rows.setAttribute("aria-label", m[0] > 1 ? "shadow memory" : "memory");
		if (used.has("b"))
			add("bad", "▮", m[0] > 1 ? "the access" : "the first bad byte");
		if (m[0] === 1 && used.has("i"))
			add("in", "▮", "in the object");
		if (m[0] === 1 && used.has("o"))
			add("out", "▮", "outside of it");
		for (let i = 0; i < m[2].length; i += 2) {
			const value = parseInt(m[2][i], 16);
			add(m[0] === 1 ? "" : value >= 0x80 ? "out" : value ? "part" : "in", m[2][i],
				strings[m[2][i + 1]]);
		}
		parts.push(rows);
		if (m[0] > 1)
			parts.push(make("p", "dim", m[0] === 16 ?
				"Each value is the tag of 16 bytes of memory; a pointer must have the same tag." :
				"Shadow: a byte stands for " + m[0] + " bytes of memory."));
		if (legend.childElementCount)
			parts.push(legend);
		return parts;
	}

	function reportPart(bug, i) {
		const e = bug.e[i], parts = [facts(e.f)];
		if (e.k.length)
			parts.push(make("div", "stacks", ...e.k.map(stackPart)));
		if (e.o || e.m) {
			parts.push(make("h2", "", "Object"));
			if (e.o)
				parts.push(make("p", "", strings[e.o]));
			if (e.b)
				parts.push(bar(e.b));
			if (e.m)
				parts.push(...memory(e.m));
		}
		const pre = i === bug.shown ? bug.pre : make("pre", "", e.x || "");
		parts.push(fold("the report as text", pre));
		return parts;
	}

	/* ---- a bug ---- */

	function reportRows(bug, box) {
		const body = make("tbody"), choose = [];
		const table = make("table", "", make("caption", "", "Reports"), make("thead", "", make("tr", "",
			...["time", "log", "task", "build", "stacks"].map(t => {
				const th = make("th", "", t);
				th.scope = "col";
				return th;
			}))), body);
		const put = r => {
			const cell = make("td");
			if (r[4] >= 0 && bug.e.length > 1) {
				const button = make("button", "", "show report " + (body.childElementCount + 1));
				button.type = "button";
				button.addEventListener("click", () => {
					box.replaceChildren(...reportPart(bug, r[4]));
					choose.forEach(b => b.setAttribute("aria-pressed", String(b === button)));
				});
				button.setAttribute("aria-pressed", String(!choose.length));
				choose.push(button);
				cell.append(button);
			} else if (r[4] >= 0) {
				cell.append("below");
			}
			body.append(make("tr", "", ...[0, 1, 2, 3].map(i => make("td", "", strings[r[i]])), cell));
		};
		bug.r.slice(0, ROWS).forEach(put);
		const holder = make("div", "table", table);
		holder.tabIndex = 0;
		holder.setAttribute("role", "group");
		holder.setAttribute("aria-label", "reports");
		if (bug.r.length <= ROWS)
			return [holder];
		const more = make("button", "", "show " + plural(bug.r.length - ROWS, "more report"));
		more.type = "button";
		more.addEventListener("click", () => {
			bug.r.slice(ROWS).forEach(put);
			more.remove();
		});
		return [holder, more];
	}

	function fill(bug) {
		const inside = element(bug).querySelector(".inside"), places = inside.querySelector(".places");
		const about = make("a", "", "about this kind of bug"), box = make("div", "report");
		if (bug.pre)
			return;
		bug.pre = inside.querySelector("pre");
		about.href = strings[bug.h];
		about.rel = "noreferrer";
		inside.firstElementChild.append(" ", about);
		if (places) {
			places.replaceWith(...reportRows(bug, box));
			if (bug.n > bug.r.length)
				box.before(make("p", "dim",
					bug.r.length + " of " + plural(bug.n, "report") + " are listed."));
		}
		box.append(...reportPart(bug, bug.shown));
		inside.append(box);
	}

	/* ---- leaks: bytes by stack, the outermost function on top ---- */

	/* What calls main is left out, and plumbing frames that follow each other are one. */
	function leakNames(stack) {
		const names = [];
		let inProgram = false, folded = false;
		for (const id of stack.slice().reverse()) {
			const [name, , , flags] = frames[id];
			inProgram = inProgram || !(flags & START);
			if (inProgram && !(flags & PLUMBING && folded))
				names.push(flags & PLUMBING ? "std and allocators" : strings[name]);
			folded = inProgram && flags & PLUMBING;
		}
		return names;
	}

	function leakTree() {
		const root = { name: "all leaks", bytes: 0, objects: 0, children: new Map() };
		for (const b of visible) {
			if (!b.bytes)
				continue;
			let at = root;
			const stack = b.e[b.shown] && b.e[b.shown].k.length ? stacks[b.e[b.shown].k[0][1]] : [];
			const names = leakNames(stack);
			root.bytes += b.bytes;
			root.objects += b.objects;
			for (const name of names.length ? names : ["(no stack)"]) {
				if (!at.children.has(name))
					at.children.set(name, { name, bytes: 0, children: new Map() });
				at = at.children.get(name);
				at.bytes += b.bytes;
			}
		}
		return root;
	}

	const SMALLEST = 24; /* pixels, so that a finger can meet it */

	/* A node's children, largest first, with their widths out of `room` pixels; those without room are one. */
	function cellsOf(node, room) {
		const all = Array.from(node.children.values()).sort((a, b) => b.bytes - a.bytes);
		const fit = Math.floor(room / SMALLEST);
		const rest = all.length > fit ? all.splice(Math.max(fit - 1, 0)) : [];
		let left = room, bytes = node.bytes;
		if (rest.length && fit > 0)
			all.push({ name: rest.length + " more", bytes: rest.reduce((sum, n) => sum + n.bytes, 0),
				children: new Map(rest.map((n, i) => [i, n])) });
		/* the smallest first: what they take is not for the others */
		const cells = all.sort((a, b) => a.bytes - b.bytes).map(child => {
			const width = Math.max(SMALLEST, left * child.bytes / bytes);
			left -= width;
			bytes -= child.bytes;
			return { child, width };
		});
		return cells.sort((a, b) => b.child.bytes - a.child.bytes);
	}

	function drawLeaks(root, from) {
		const graph = flame.querySelector(".graph"), whole = Math.max(graph.clientWidth, SMALLEST);
		let depth = 0;
		graph.textContent = "";
		(function put(node, left, width, level) {
			const cell = make("button", "", node.name + ": " + plural(node.bytes, "byte"));
			cell.type = "button";
			depth = Math.max(depth, level);
			cell.style.left = 100 * left / whole + "%";
			cell.style.width = 100 * width / whole + "%";
			cell.style.top = level * 25 + "px";
			cell.style.background = "hsl(" + (10 + (node.name.length * 37) % 45) + " 85% 70%)";
			cell.title = cell.textContent + " (" + (100 * node.bytes / root.bytes).toFixed(1) + " %)";
			cell.addEventListener("click", () => {
				drawLeaks(root, node === from ? root : node);
				graph.firstElementChild.focus();
			});
			graph.append(cell);
			for (const one of cellsOf(node, width)) {
				put(one.child, left, one.width, level + 1);
				left += one.width;
			}
		})(from, 0, whole, 0);
		graph.style.height = (depth + 1) * 25 + "px";
	}

	function showLeaks() {
		const root = leakTree();
		flame.hidden = !root.bytes;
		flame.firstElementChild.textContent = "Leaked: " + plural(root.bytes, "byte") + " in " +
			plural(root.objects, "object") + ", by stack";
		if (flame.open && root.bytes)
			drawLeaks(root, root);
	}

	function beginLeaks() {
		const graph = make("div", "graph");
		flame.id = "flame";
		graph.setAttribute("role", "group");
		graph.setAttribute("aria-label", "leaked bytes by stack");
		flame.append(make("summary"), graph);
		flame.addEventListener("toggle", showLeaks);
	}

	/* ---- sort, filter ---- */

	/* All strings as one, which is searched at once; starts: where each begins. */
	let all, starts;

	function prepare() {
		const lower = strings.map(s => s.toLowerCase());
		starts = new Uint32Array(strings.length + 1);
		lower.forEach((s, i) => { starts[i + 1] = starts[i] + s.length + 1; });
		all = lower.join("\n");
	}

	/* Which strings, and which stacks, have the word? */
	function having(word) {
		const inString = new Uint8Array(strings.length), inFrame = new Uint8Array(frames.length);
		const inStack = new Uint8Array(stacks.length);
		let id = 0;
		for (let at = all.indexOf(word); at >= 0; at = all.indexOf(word, starts[id])) {
			while (starts[id + 1] <= at)
				id++;
			inString[id++] = 1;
		}
		for (let i = 0; i < frames.length; i++)
			inFrame[i] = inString[frames[i][0]] | inString[frames[i][2]];
		for (let i = 0; i < stacks.length; i++)
			inStack[i] = stacks[i].some(f => inFrame[f]) ? 1 : 0;
		return b => {
			const has = i => inString[i];
			return b.s.includes(word) || has(b.t) || has(b.kind) || has(b.w) || has(b.p) || b.d.some(has) ||
				b.builds.some(has) || b.r.some(r => has(r[0]) || has(r[1]) || has(r[2]) || has(r[3])) ||
				b.e.some(e => e.f.some(has) || has(e.o || 0) || e.k.some(k => inStack[k[1]]));
		};
	}

	function filter() {
		const words = search.value.toLowerCase().split(/\s+/).filter(Boolean).map(having);
		const wanted = Object.values(selects).filter(s => s[0].value);
		let reports = 0;
		visible = bugs.filter(b => !(whole.checked && b.c === 1) &&
			wanted.every(s => s[1](b).includes(s[0].value)) &&
			words.every(has => has(b)));
		for (const b of visible)
			reports += b.n;
		shown.textContent = visible.length === bugs.length ? "" : visible.length.toLocaleString("en") + " of ";
		shown.textContent += plural(bugs.length, "bug") + ", " + plural(reports, "report");
		show();
	}

	function show() {
		rendered = 0;
		main.replaceChildren(flame, more);
		grow(STEP);
		showLeaks();
	}

	/* Shows so many more bugs. */
	function grow(n) {
		const next = visible.slice(rendered, rendered + n);
		more.before(...next.map(element));
		rendered += next.length;
		more.hidden = rendered === visible.length;
		more.textContent = "show more of " + plural(visible.length, "bug");
		return next.length;
	}

	const orders = {
		severity: (a, b) => a.v - b.v || b.n - a.n,
		count: (a, b) => b.n - a.n,
		last: (a, b) => (b.last ?? -Infinity) - (a.last ?? -Infinity) || 0,
		first: (a, b) => (b.first ?? -Infinity) - (a.first ?? -Infinity) || 0,
		title: (a, b) => strings[a.t] < strings[b.t] ? -1 : strings[a.t] > strings[b.t] ? 1 : 0,
		bytes: (a, b) => (b.bytes || 0) - (a.bytes || 0),
	};

	function reorder() {
		bugs.sort(orders[sort.value]);
		filter();
	}

	function options(select, values) {
		const counts = new Map();
		for (const b of bugs)
			for (const value of values(b))
				counts.set(value, (counts.get(value) || 0) + 1);
		for (const [value, n] of Array.from(counts).sort((a, b) => b[1] - a[1])) {
			const option = make("option", "", value.slice(0, 60) + " (" + n + ")");
			option.value = value;
			select.append(option);
		}
		select.hidden = counts.size < 2;
		select.addEventListener("input", filter);
	}

	/* ---- links, keys ---- */

	function openLinked() {
		const bug = bugs.find(b => b.s === location.hash.slice(1));
		if (!bug)
			return;
		if (!visible.includes(bug)) {
			search.value = "";
			whole.checked = false;
			Object.values(selects).forEach(s => { s[0].value = ""; });
			filter();
		}
		grow(Math.max(0, visible.indexOf(bug) + 1 - rendered));
		element(bug).open = true;
		fill(bug);
		element(bug).scrollIntoView();
	}

	function move(step) {
		let i = visible.findIndex(b => b.node.contains(document.activeElement));
		i = i < 0 ? (step > 0 ? 0 : rendered - 1) : Math.min(Math.max(i + step, 0), visible.length - 1);
		if (i >= rendered)
			grow(STEP);
		if (visible[i]) {
			element(visible[i]).firstElementChild.focus();
			element(visible[i]).scrollIntoView({ block: "nearest" });
		}
	}

	document.addEventListener("keydown", e => {
		if (e.ctrlKey || e.metaKey || e.altKey)
			return;
		if (/^(INPUT|SELECT)$/.test(e.target.tagName)) {
			if (e.key === "Escape")
				e.target.blur();
			return;
		}
		const bug = document.activeElement.closest("details.bug");
		if (e.key === "j" || e.key === "k")
			move(e.key === "j" ? 1 : -1);
		else if (e.key === "o" && bug)
			bug.open = !bug.open;
		else if (e.key === "/")
			search.focus();
		else
			return;
		e.preventDefault();
	});
	main.addEventListener("toggle", e => {
		const bug = e.target.open && bugs.find(b => b.node === e.target);
		if (!bug)
			return;
		fill(bug);
		if (location.hash.slice(1) !== bug.s)
			history.replaceState(null, "", "#" + bug.s);
	}, true);
	window.addEventListener("hashchange", openLinked);

	Array.from(main.querySelectorAll(":scope > details, :scope > noscript")).forEach((node, i) => {
		bugs[i].node = node;
	});
	for (const [select, values] of Object.values(selects))
		options(select, values);
	for (const e of [search, whole])
		e.addEventListener("input", filter);
	sort.addEventListener("input", reorder);
	for (const option of Array.from(sort.options))
		if ((option.value === "bytes" && !bugs.some(b => b.bytes)) ||
		    (/first|last/.test(option.value) && !bugs.some(b => b.last !== undefined)))
			option.remove();
	whole.parentElement.hidden = !bugs.some(b => b.c);
	more.type = "button";
	more.addEventListener("click", () => {
		const next = visible[rendered];
		if (grow(STEP))
			element(next).firstElementChild.focus();
	});
	new IntersectionObserver(entries => {
		if (entries.some(e => e.isIntersecting))
			grow(STEP);
	}, { rootMargin: "800px" }).observe(more);
	prepare();
	beginLeaks();
	field("controls").hidden = false;
	filter();
	if (location.hash)
		openLinked();
	else if (bugs.length === 1)
		element(bugs[0]).open = true;
})();
