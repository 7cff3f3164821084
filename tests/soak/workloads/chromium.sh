# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# about: Chromium without a display: a page with scripts, canvas, workers and WebAssembly; with its sandbox and without
# packages: chromium
# user: yes
# cpu: 900

run() {
	cat >a.html <<-'END'
		<html><body><canvas id=c width=200 height=200></canvas><p id=p>none</p><div id=d></div><script>
		const c = document.getElementById("c").getContext("2d");
		for (let i = 0; i < 100; i++) { c.fillStyle = `rgb(${i},${255 - i},9)`; c.fillRect(i, i, 50, 50); }
		const d = document.getElementById("d"); let m = new Map();
		for (let i = 0; i < 3000; i++) { const e = document.createElement("span");
		  e.textContent = i; d.append(e); m.set(i, e); }
		for (let i = 0; i < 2990; i++) m.get(i).remove();
		const code = new Uint8Array([0,97,115,109,1,0,0,0,1,6,1,96,1,127,1,127,3,2,1,0,5,3,1,0,1,
		  7,5,1,1,102,0,0,10,9,1,7,0,32,0,40,2,0,11]);
		let caught = 0; const f = new WebAssembly.Instance(new WebAssembly.Module(code)).exports.f;
		for (let i = 0; i < 200; i++) try { f(i * 4096) } catch (e) { caught++ }
		let s = "x".repeat(1e6).replace(/x/g, "yz");
		let o = JSON.parse(JSON.stringify([...Array(20000).keys()]));
		document.getElementById("p").textContent = [m.size, caught, s.length, o.length,
		  c.getImageData(30, 30, 1, 1).data].join(" ");
		</script><svg width=100 height=100><circle cx=50 cy=50 r=40 fill=red /></svg></body></html>
	END
	dump() {
		chromium --headless --disable-gpu --no-first-run --user-data-dir="$PWD/profile" \
			--virtual-time-budget=20000 --timeout=600000 --hide-scrollbars --disable-crash-reporter \
			--disable-breakpad --disable-dev-shm-usage "$@" \
			"file://$PWD/a.html"
		echo "status $?"
	}
	dump --no-sandbox --dump-dom
	dump --no-sandbox --screenshot="$PWD/a.png" && file a.png | sed 's/.*: //'
	dump --no-sandbox --print-to-pdf="$PWD/a.pdf" && head -c 4 a.pdf && echo
	dump --dump-dom
	dump --no-sandbox --single-process --dump-dom
}
