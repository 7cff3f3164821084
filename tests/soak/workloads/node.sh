# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# about: node: compression, ciphers, workers, a server under load, child processes, garbage collection
# packages: nodejs
# user: yes
# short: yes

run() {
	cat >a.js <<-'END'
		const zlib = require("zlib"), crypto = require("crypto"), http = require("http");
		const { Worker, isMainThread, parentPort } = require("worker_threads");
		const hash = x => crypto.createHash("sha256").update(x).digest("hex").slice(0, 16);
		function work(n) {
		  const m = new Map();
		  for (let i = 0; i < 20000; i++) m.set("k" + i, { i, a: [i, "v" + i * n] });
		  const text = JSON.stringify([...m.values()]);
		  const key = crypto.scryptSync("p", "s", 32), iv = Buffer.alloc(16);
		  const c = crypto.createCipheriv("aes-256-cbc", key, iv);
		  const z = zlib.brotliCompressSync(zlib.gzipSync(text.slice(0, 200000)), { params: {
		    [zlib.constants.BROTLI_PARAM_QUALITY]: 5 } });
		  return [text.length, hash(Buffer.concat([c.update(z), c.final()])), text.match(/"v[0-9]*7"/g).length];
		}
		if (!isMainThread) { parentPort.postMessage(work(3)); return; }
		console.log(work(1));
		let left = 4;
		for (let i = 0; i < 4; i++) new Worker(__filename).on("message", m => console.log(m)).on("exit", () => {
		  if (--left == 0) serve(); });
		function serve() {
		  const server = http.createServer((q, a) => {
		    let body = ""; q.on("data", d => body += d).on("end", () => a.end(body.toUpperCase())); });
		  server.listen(+process.env.PORT, "127.0.0.1", () => {
		    let open = 0, sent = 0, total = 0;
		    const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
		    const next = () => {
		      if (sent == 400) return;
		      sent++; open++;
		      const r = http.request({ port: server.address().port, method: "POST", agent }, a => {
		        a.on("data", d => total += d.length).on("end", () => { open--; next();
		          if (!open && sent == 400) {
		            console.log("served", sent, total); agent.destroy(); server.close(end); } }); });
		      r.end("x".repeat(sent * 37));
		    };
		    for (let i = 0; i < 8; i++) next();
		  });
		}
		function end() {
		  for (let i = 0; i < 20; i++) {
		    const a = []; for (let j = 0; j < 50000; j++) a.push({ j }); global.gc(); }
		  const buffers = []; for (let i = 0; i < 200; i++) buffers.push(Buffer.alloc(i * 1000, i));
		  console.log(hash(Buffer.concat(buffers)));
		  require("child_process").exec("seq 1000 | wc -l", (e, out) => {
		    console.log(out.trim()); process.exit(7); });
		}
	END
	node --expose-gc a.js
	echo "status $?"
	node --jitless -e 'let s = 0; for (let i = 0; i < 300000; i++) s += i % 7; console.log(s)'
	node -e 'let d = 0; const f = () => { d++; f(); }; try { f() } catch (e) { console.log(e.name, d > 1000) }'
	node --max-old-space-size=20 -e 'const a = []; for (;;) a.push(new Array(1000).fill(1))' >&2
	echo "out of memory: status $?"
}
