/* SPDX-License-Identifier: BSD-2-Clause */
"use strict";
(function () {
	const reports = Array.from(document.querySelectorAll("details.report"));
	const search = document.getElementById("search"), detector = document.getElementById("detector");
	const kind = document.getElementById("kind");
	const whole = document.getElementById("whole"), shown = document.getElementById("shown");

	function fill(select, name) {
		const counts = new Map();
		for (const r of reports)
			counts.set(r.dataset[name], (counts.get(r.dataset[name]) || 0) + 1);
		for (const [value, n] of Array.from(counts).sort((a, b) => b[1] - a[1])) {
			const option = document.createElement("option");
			option.value = value;
			option.textContent = value + " (" + n + ")";
			select.append(option);
		}
	}

	/* ---- leaks: bytes by stack, the outermost function below ---- */

	function flame() {
		const box = document.getElementById("flame");
		const root = { name: "all leaks", bytes: 0, children: new Map() };
		for (const r of reports) {
			if (r.hidden || !r.dataset.bytes)
				continue;
			let at = root;
			const bytes = Number(r.dataset.bytes);
			root.bytes += bytes;
			for (const name of r.dataset.stack.split("\n")) {
				if (!at.children.has(name))
					at.children.set(name, { name, bytes: 0, children: new Map() });
				at = at.children.get(name);
				at.bytes += bytes;
			}
		}
		box.hidden = root.bytes === 0;
		if (root.bytes)
			draw(root, root);
	}

	function draw(root, from) {
		const graph = document.querySelector("#flame .graph");
		let depth = 0;
		graph.textContent = "";
		(function put(node, left, width, level) {
			if (width < 0.1)
				return;
			const cell = document.createElement("button");
			const text = node.name + ": " + node.bytes.toLocaleString("en") + " bytes";
			depth = Math.max(depth, level);
			cell.style.left = left + "%";
			cell.style.width = width + "%";
			cell.style.top = level * 21 + "px";
			cell.style.background = "hsl(" + (10 + (node.name.length * 37) % 45) + " 85% 70%)";
			cell.textContent = text;
			cell.title = text + " (" + (100 * node.bytes / root.bytes).toFixed(1) + " %)";
			cell.addEventListener("click", () => draw(root, node === from ? root : node));
			graph.append(cell);
			for (const child of node.children.values()) {
				const share = width * child.bytes / node.bytes;
				put(child, left, share, level + 1);
				left += share;
			}
		})(from, 0, 100, 0);
		graph.style.height = (depth + 1) * 21 + "px";
	}

	/* ---- filters ---- */

	function filter() {
		const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
		let n = 0;
		for (const r of reports) {
			const text = r.textContent.toLowerCase();
			r.hidden = (detector.value && r.dataset.detector !== detector.value) ||
				(kind.value && r.dataset.kind !== kind.value) ||
				(whole.checked && r.dataset.corrupted === "1") || !words.every(w => text.includes(w));
			n += r.hidden ? 0 : 1;
		}
		shown.textContent = n === reports.length ? n + (n === 1 ? " report" : " reports") :
			n + " of " + reports.length + " reports";
		flame();
	}

	function move(step) {
		const visible = reports.filter(r => !r.hidden);
		let i = visible.findIndex(r => r.contains(document.activeElement));
		i = i < 0 ? (step > 0 ? 0 : visible.length - 1) : Math.min(Math.max(i + step, 0), visible.length - 1);
		if (visible[i]) {
			visible[i].firstElementChild.focus();
			visible[i].scrollIntoView({ block: "nearest" });
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
		if (e.key === "j" || e.key === "k")
			move(e.key === "j" ? 1 : -1);
		else if (e.key === "o" && document.activeElement.closest("details.report"))
			document.activeElement.closest("details.report").open ^= true;
		else if (e.key === "/")
			search.focus();
		else
			return;
		e.preventDefault();
	});
	for (const field of [search, detector, kind, whole])
		field.addEventListener("input", filter);
	fill(detector, "detector");
	fill(kind, "kind");
	document.querySelector("header").hidden = false;
	if (location.hash && document.getElementById(location.hash.slice(1)))
		document.getElementById(location.hash.slice(1)).open = true;
	else if (reports.length === 1)
		reports[0].open = true;
	filter();
})();
