#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Runs well-known programs bare and under memsan, and compares all that a user could see: standard output, standard
error, exit status, files made.  The programs are taken to be correct, so a report on one of them is a failure.

Each case is a shell script that runs in a new folder with a fixed environment.  Its output must not depend on time or
chance.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib"))
import harness

CASES = {
    "python3 json, sqlite3, threading": ("python3", r"""
python3 - <<'PY'
import json, sqlite3, threading, collections, re, zlib, hashlib, decimal, ctypes, subprocess
data = json.loads(json.dumps({str(i): list(range(i % 50)) for i in range(2000)}))
db = sqlite3.connect(":memory:")
db.execute("create table t (a integer primary key, b text)")
db.executemany("insert into t values (?, ?)", [(i, "row %d" % i * (i % 7)) for i in range(5000)])
print(db.execute("select count(*), sum(length(b)) from t where b like '%1%'").fetchone())
done = collections.Counter()
lock = threading.Lock()
def work(n):
    for i in range(300):
        s = re.sub(r"[aeiou]", "", "the quick brown fox %d" % i) * n
        with lock:
            done[n] += len(s)
threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
[t.start() for t in threads]; [t.join() for t in threads]
print(sorted(done.items()), len(data), hashlib.sha256(zlib.compress(b"x" * 100000)).hexdigest())
print(decimal.Decimal(2).sqrt(), subprocess.run(["echo", "child"], capture_output=True).stdout)
PY
"""),
    "python3 exit status and exceptions": ("python3", r"""
python3 -c 'import sys; sys.exit(7)'; echo $?
python3 -c 'raise ValueError("as it should")' 2>&1 | tail -1
python3 -c 'import os,signal; os.kill(os.getpid(), signal.SIGTERM)'; echo $?
python3 -c 'import multiprocessing as m; p = m.Pool(2); print(p.map(abs, range(-5, 5))); p.close(); p.join()'
"""),
    "python3 faulthandler": ("python3", r"""
python3 -X faulthandler - 2>&1 <<'PY' | sed 's/0x[0-9a-f]*/ADDRESS/'
import os, signal, sys, faulthandler
def handler(number, frame): print("handler", number, flush=True)
signal.signal(signal.SIGSEGV, handler); os.kill(os.getpid(), signal.SIGSEGV)
signal.signal(signal.SIGSEGV, signal.SIG_DFL); faulthandler.disable(); faulthandler.enable()
faulthandler.register(signal.SIGUSR1); os.kill(os.getpid(), signal.SIGUSR1)
if os.fork() == 0:
    os.kill(os.getpid(), signal.SIGBUS)
print(os.wait()[1])
def f(n): return f(n + 1)
try: f(0)
except RecursionError: print("recursion")
PY
"""),
    "git init, add, commit, log, gc": ("git", r"""
export GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z' GIT_CONFIG_GLOBAL=/dev/null
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b.c GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b.c
git init -q -b main r && cd r
for i in 1 2 3 4 5; do seq $((i*300)) > f$i; git add .; git commit -qm "commit $i"; done
git checkout -q -b side HEAD~2; echo x > g; git add g; git commit -qm side
git checkout -q main; git merge -q side -m merge
git log --stat --format='%H %s' | cat; git diff HEAD~3 | tail -5; git blame f3 | tail -2
git gc -q; git fsck 2>&1; git grep -c 12; git clone -q . ../copy 2>&1; ls ../copy
"""),
    "perl regular expressions and hashes": ("perl", r"""
perl -e 'my %h; for my $i (1..20000) { $h{"key$i"} = [map { $_ * $i } 1..5]; }
  my $s = 0; $s += $_->[4] for values %h; print "$s\n";
  my $t = join ",", map { sprintf "%05d", $_ } 1..5000;
  my $n = () = $t =~ /(?<a>\d)\g{a}/g; print "$n\n"; print length(join "", reverse split //, $t), "\n";
  my @sorted = sort { $b->{v} <=> $a->{v} } map { { v => ($_ * 7919) % 10007 } } 1..3000;
  print $sorted[0]{v}, "\n"; exit 3'; echo $?
"""),
    "bash pipelines, functions, arrays": ("bash", r"""
bash -c 'f() { local -A m; for i in {1..500}; do m[$i]=$((i*i)); done
  for k in "${!m[@]}"; do echo "$k ${m[$k]}"; done | sort -n | tail -3; }; f
seq 20000 | grep 7 | sed "s/7/seven/g" | awk "{ n += length(\$0) } END { print n }" | tee out | wc -l; cat out
trap "echo bye" EXIT; (exit 5); echo $?; x=$(for i in 1 2 3; do (echo $i) & wait $!; done); echo "$x"
sleep 0.1 & wait %1; kill -l 9; exit 4'; echo $?
"""),
    "dash": ("dash", r"""
dash -c 'i=0; while [ $i -lt 2000 ]; do i=$((i+1)); x="$x$i"; done; echo ${#x}; echo "$x" | cksum
cd /; pwd; exit 2'; echo $?
"""),
    "gcc and g++ compiling, linking, running": ("gcc", r"""
cat > a.c <<'C'
#include <stdio.h>
#include <string.h>
struct s { int a[100]; };
static int f(int n) { return n < 2 ? n : f(n - 1) + f(n - 2); }
int main(void) { struct s x = {{1}}; printf("%d %d %s\n", f(15), x.a[0], strchr("abc", 'b')); return 0; }
C
gcc -O2 -g -Wall -o a a.c && ./a; gcc -O3 -S a.c && grep -c . a.s
echo 'int main( { }' > bad.c; gcc -c bad.c 2>&1 | head -3; echo ${PIPESTATUS[0]}
cat > b.cc <<'C'
#include <map>
#include <string>
#include <iostream>
int main(){std::map<std::string,int> m; for(int i=0;i<100;i++) m[std::to_string(i)]=i; std::cout<<m.size()<<"\n";}
C
g++ -O1 -o b b.cc && ./b
"""),
    "tar, xz, gzip, sort, and friends": ("tar", r"""
mkdir d; for i in $(seq 50); do seq $((i*100)) > d/f$i; done
tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf a.tar d && sha256sum a.tar
xz -T2 -k a.tar && xz -dc a.tar.xz | sha256sum; gzip -nk9 a.tar && gzip -dc a.tar.gz | sha256sum
bzip2 -k a.tar; bzip2 -t a.tar.bz2; echo $?
tar -xJf a.tar.xz -C /tmp/.. --to-stdout d/f3 | tail -1
cat d/* | sort -R --random-source=a.tar | sort -n -u | sha256sum
cat d/* | sort --parallel=2 -S 1M | uniq -c | sort -rn | head -3
find . -name 'f1*' -newer /etc/passwd | sort | xargs -n 3 wc -l | tail -2; diff d/f1 d/f2 | wc -l
cat d/f9 | split -l 100 - part; ls part* | wc -l; bc <<< '2^400' | tail -1
"""),
    "sqlite3 shell": ("sqlite3", r"""
sqlite3 t.db 'create table t(a primary key, b, c);
with recursive n(i) as (select 1 union all select i+1 from n where i<20000)
  insert into t select i, "v"||(i*7919%10007), zeroblob(a%5) from n;
create index x on t(b); select count(*), min(b), max(b) from t;
select b, count(*) from t group by substr(b,1,2) order by 2 desc limit 3;
delete from t where a%3; vacuum; pragma integrity_check;'
sqlite3 t.db '.dump' | sha256sum; sqlite3 t.db 'select no from nowhere' 2>&1; echo $?
"""),
    "node": ("node", r"""
node -e 'const m = new Map(); for (let i = 0; i < 50000; i++) m.set("k" + i, { i, a: [i, i + 1] });
let s = 0; for (const [k, v] of m) s += v.a[1];
const sha1 = require("crypto").createHash("sha1").update("x".repeat(1e6)).digest("hex");
console.log(s, JSON.stringify([...m.values()].slice(0, 3)), sha1);
const { execFile } = require("child_process");
execFile("echo", ["child"], (e, out) => { console.log(out.trim()); process.exit(6); });'; echo $?
"""),
    "node WebAssembly, whose bounds are checked by faults": ("node", r"""
cat > a.js <<'JS'
const code = new Uint8Array([0,97,115,109,1,0,0,0,1,6,1,96,1,127,1,127,3,2,1,0,5,3,1,0,1,7,5,1,1,102,0,0,10,9,1,7,0,
  32,0,40,2,0,11]);
const load = new WebAssembly.Instance(new WebAssembly.Module(code)).exports.f;
let caught = 0;
for (let i = 0; i < 200; i++) { try { load(i * 4096) } catch (e) { caught++ } }
console.log(load(0), caught);
function f() { return f() + 1 }
try { f() } catch (e) { console.log(e.name) }
new (require("worker_threads").Worker)(__filename.replace("a.js", "b.js")).on("message", m => console.log(m));
JS
sed '/^function/,$d; s/console.log(/require("worker_threads").parentPort.postMessage(/; s/, caught)/)/' a.js > b.js
node a.js
"""),
    "awk, sed, grep, find, make": ("make", r"""
printf 'all: a b\n\techo done $(words $(foreach i,1 2 3,$(i)))\na b:\n\tseq 1000 > $@\n' > Makefile
make -j2 2>&1 | sort; make -n all
awk 'BEGIN { for (i = 0; i < 50000; i++) a[i % 1000] = a[i % 1000] i % 10; n = asort_len(a); print n }
function asort_len(x, k, t) { for (k in x) t += length(x[k]); return t }'
seq 5000 | sed -n '/9$/{s/^/</;s/$/>/;p}' | tail -2
seq 30000 | grep -E '(1.*2|3.*4)$' | wc -l; seq 1000 | grep -P '(?<!1)7\b' | wc -l
"""),
    "gdb, readelf, objdump, strip": ("gdb", r"""
printf 'int f(int x) { return x * 2; }\nint main(void) { return f(21); }\n' > p.c; gcc -g -O0 -o p p.c
gdb -q -nx -batch -ex 'break f' -ex run -ex 'bt 1' -ex 'finish' -ex continue ./p 2>&1 |
  grep -E "Value returned|exited" | sed "s,process [0-9]*,process,"
objdump -d p | grep -c call; readelf -sW p | grep -c FUNC; strip p; nm p 2>&1 | head -1; ./p; echo $?
"""),
    "openssl, curl --version, less": ("openssl", r"""
openssl genrsa 1024 2>/dev/null | openssl rsa -check -noout 2>&1; seq 10000 | openssl dgst -sha512
seq 9 | openssl enc -aes-128-cbc -K 00 -iv 00 -e 2>/dev/null | sha1sum
openssl speed -bytes 16 -seconds 1 md5 >/dev/null 2>&1; echo $?
"""),
    "php, whose extensions are bound to their own libraries first (RTLD_DEEPBIND)": ("php", r"""
cat > a.php <<'P'
<?php
$a = []; for ($i = 0; $i < 30000; $i++) $a["k$i"] = ['x' => $i, 'y' => str_repeat("z", $i % 50)];
ksort($a); echo count($a), " ", md5(serialize($a)), " ", json_decode(json_encode($a), true) == $a, "\n";
class N { public $p; } for ($i = 0; $i < 1000; $i++) { $x = new N; $x->p = $x; }
unset($x); echo gc_collect_cycles(), "\n";
function g() { for ($i = 0; $i < 1000; $i++) yield $i => $i * $i; } echo array_sum(iterator_to_array(g())), "\n";
$f = new Fiber(function () { $x = Fiber::suspend(1); echo "got $x\n"; }); echo $f->start(), "\n"; $f->resume("r");
try { intdiv(1, 0); } catch (DivisionByZeroError $e) { echo $e->getMessage(), "\n"; }
echo shell_exec("echo sub"), preg_match_all('/(\w)\d+\1/', implode(' ', array_keys($a)) . 'a12a'), " ";
echo extension_loaded("pdo"), "\n"; exit(5);
P
php a.php; echo $?; USE_ZEND_ALLOC=0 php a.php | md5sum
php -r 'function f($x) { return f($x . "abcdefgh"); } ini_set("memory_limit", "30M"); f("");' 2>&1 | head -c 60
"""),
    "python3 ctypes, whose strdup and free are asked of libc itself": ("python3", r"""
python3 - <<'PY'
import ctypes
libc = ctypes.CDLL("libc.so.6")
libc.strdup.restype = libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
for i in range(2000):
    libc.free(libc.strdup(b"abc" * i)); libc.free(libc.malloc(i))
pointer = ctypes.POINTER(ctypes.c_int)
compare = ctypes.CFUNCTYPE(ctypes.c_int, pointer, pointer)(lambda a, b: a[0] - b[0])
numbers = (ctypes.c_int * 500)(*[i * 7919 % 503 for i in range(500)])
libc.qsort(numbers, 500, 4, compare)
print(numbers[0], numbers[499], list(numbers) == sorted(numbers))
PY
"""),
    "ruby threads, fibers, garbage collection": ("ruby", r"""
ruby -e 'require "json"; require "digest"; require "zlib"
h = (1..20000).to_h { |i| ["k#{i}", [i, "v" * (i % 40)]] }
s = JSON.dump(h); puts s.size, Digest::SHA256.hexdigest(s), JSON.parse(s) == h
puts Zlib::Inflate.inflate(Zlib::Deflate.deflate(s)).size; 3.times { GC.start }
p 8.times.map { |n| Thread.new { (1..2000).map { |i| (i * n).to_s }.join.size } }.map(&:value)
p 500.times.map { |i| g = Fiber.new { Fiber.yield i; i * 2 }; g.resume; g }.map(&:resume).sum
def deep(n) deep(n + 1) end; begin; deep(0); rescue SystemStackError; puts "deep"; end
fork { exit 3 }; Process.wait; p $?.exitstatus; puts `echo sub`
p "aXbXc".gsub(/X(.)/) { $1.upcase }, (1..50).inject(:*); exit 6'; echo $?
"""),
    "apache2 with processes and threads, graceful restart": ("/usr/sbin/apache2", r"""
port=$((20000 + $$ % 20000)); modules=/usr/lib/apache2/modules
here=$(mktemp -d); chmod 755 "$here"; mkdir "$here/www"; seq 2000 > "$here/www/a"
waits() { for i in $(seq 300); do "$@" && return; sleep .1; done; echo "never: $*"; }
answers() { (exec 3<>/dev/tcp/127.0.0.1/$port) 2>/dev/null; }
for mpm in prefork worker event; do
    {
        echo "ServerRoot $here"; echo "ServerName localhost"; echo "Listen 127.0.0.1:$port"
        echo "LoadModule mpm_${mpm}_module $modules/mod_mpm_$mpm.so"
        for m in authz_core dir mime deflate filter rewrite proxy proxy_http status dav authn_core lua ssl; do
            echo "LoadModule ${m}_module $modules/mod_$m.so"
        done
        printf 'TypesConfig /dev/null\nAddType text/plain a\n'
        printf 'DocumentRoot %s/www\nPidFile %s/pid\nErrorLog %s/log\n' "$here" "$here" "$here"
        printf 'DefaultRuntimeDir %s\nSetOutputFilter DEFLATE\nRewriteEngine on\nRewriteRule ^/b$ /a\n' "$here"
        [ "$(id -u)" != 0 ] || echo "User www-data"
    } > "$here/conf"
    /usr/sbin/apache2 -f "$here/conf" -k start; waits answers
    curl -s "127.0.0.1:$port/a" | md5sum; curl -s --compressed "127.0.0.1:$port/b" | md5sum
    curl -s -o /dev/null -w '%{http_code}\n' "127.0.0.1:$port/none"
    for i in $(seq 10); do curl -s "127.0.0.1:$port/a" "127.0.0.1:$port/b" | md5sum & done; wait
    kill -USR1 "$(cat "$here/pid")"; waits grep -qi 'graceful restart' "$here/log"
    curl -s "127.0.0.1:$port/a" | md5sum
    kill "$(cat "$here/pid")"; waits test ! -e "$here/pid"; grep -c 'Segmentation\|exit signal' "$here/log"
    rm "$here/log"; port=$((port + 1))
done; rm -r "$here"
"""),
}


def run_case(script, command_prefix, folder):
    os.makedirs(folder)
    env = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG")}
    env.update(LC_ALL="C", TZ="UTC")
    r = subprocess.run([*command_prefix, "bash", "-c", script], cwd=folder, env=env, stdin=subprocess.DEVNULL,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=600)
    return r.returncode, r.stdout, r.stderr


def show(name, bare, under):
    if bare == under:
        return []
    return [f"{name}:", "  bare:   " + repr(bare)[:600], "  memsan: " + repr(under)[:600]]


def main():
    parser = argparse.ArgumentParser(description="run real programs bare and under memsan and compare")
    parser.add_argument("--memsan", default=harness.MEMSAN, help="the memsan command")
    parser.add_argument("--modes", default="check,production")
    parser.add_argument("-o", dest="options", action="append", default=[], help="an option for memsan run")
    parser.add_argument("--list", action="store_true", help="print the names of the cases")
    parser.add_argument("only", nargs="*", metavar="NAME", help="a case's name, or words that it must hold")
    args = parser.parse_args()
    if args.list:
        print("\n".join(CASES))
        return 0
    for word in args.only:
        if not any(word in name for name in CASES):
            harness.choose([word], CASES)
    memsan = os.path.abspath(args.memsan)
    with tempfile.TemporaryDirectory(prefix="memsan-real.") as top:
        for number, (name, (program, script)) in enumerate(CASES.items()):
            if args.only and not any(w == name if w in CASES else w in name for w in args.only):
                continue
            if not shutil.which(program):
                harness.one_failed(name, f"{program} is not installed")
                continue
            # The same folder name each time: some programs print where they are.
            work = os.path.join(top, "work")
            bare = run_case(script, [], work)
            shutil.rmtree(work)
            missing = re.findall(r"\S+: command not found|^never: .*", (bare[1] + bare[2]).decode(errors="replace"),
                                 re.M)
            if missing:
                harness.one_failed(name, f"the run without memsan shows nothing: {missing}")
                continue
            for mode in args.modes.split(","):
                report = os.path.join(top, f"report-{number}-{mode}")
                prefix = [memsan, "run", f"--mode={mode}", f"--report={report}"]
                for o in args.options:
                    prefix += ["-o", o]
                under = run_case(script, prefix + ["--"], work)
                shutil.rmtree(work)
                wrong = show("exit status", bare[0], under[0]) + show("standard output", bare[1], under[1]) \
                    + show("standard error", bare[2], under[2])
                with open(report, errors="replace") as f:
                    text = f.read()
                if text:
                    wrong += ["reported:", text[:3000]]
                if wrong:
                    harness.one_failed(f"{name} ({mode})", "\n    " + "\n    ".join("\n".join(wrong).splitlines()))
                else:
                    harness.one_passed(f"{name} ({mode})")
    return harness.finish()


if __name__ == "__main__":
    sys.exit(main())
