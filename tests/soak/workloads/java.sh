# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# about: openjdk: javac and a program with threads, under three garbage collectors
# packages: openjdk-17-jdk-headless

run() {
	cat >A.java <<-'END'
		import java.util.*;
		import java.util.concurrent.*;
		import java.util.stream.*;
		public class A {
		  record R(int i, String s, List<Integer> l) {}
		  static int deep(int n) { return n == 0 ? 0 : 1 + deep(n - 1); }
		  public static void main(String[] args) throws Exception {
		    var pool = Executors.newFixedThreadPool(4);
		    var results = new ArrayList<Future<Long>>();
		    for (int t = 0; t < 8; t++) {
		      final int n = t;
		      results.add(pool.submit(() -> {
		        var m = new HashMap<String, R>();
		        for (int i = 0; i < 40000; i++)
		          m.put("k" + i % 5000, new R(i, "v" + i * n,
		            IntStream.range(0, i % 20).boxed().collect(Collectors.toList())));
		        return m.values().stream().mapToLong(r -> r.i() + r.s().length() + r.l().size()).sum();
		      }));
		    }
		    for (var r : results) System.out.println(r.get());
		    pool.shutdown();
		    int nulls = 0;
		    String[] strings = { "a", null };
		    for (int i = 0; i < 20000; i++)
		      try { nulls += strings[i % 2].length(); } catch (NullPointerException e) { nulls += 10; }
		    System.out.println(nulls);
		    try { deep(10000000); } catch (StackOverflowError e) { System.out.println("deep"); }
		    var direct = new ArrayList<java.nio.ByteBuffer>();
		    for (int i = 0; i < 50; i++) direct.add(java.nio.ByteBuffer.allocateDirect(i * 10000 + 1));
		    System.out.println(direct.stream().mapToInt(java.nio.Buffer::capacity).sum());
		    var d = new java.util.zip.CRC32();
		    var bytes = new java.io.ByteArrayOutputStream();
		    try (var z = new java.util.zip.GZIPOutputStream(bytes)) {
		      for (int i = 0; i < 50000; i++) z.write(i * i >> 3); }
		    d.update(bytes.toByteArray());
		    System.out.println(d.getValue() != 0 ? "crc" : "none");
		    try { var hog = new ArrayList<long[]>(); for (;;) hog.add(new long[1000000]); }
		    catch (OutOfMemoryError e) { System.out.println("out of memory"); }
		    var p = new ProcessBuilder("sh", "-c", "seq 100 | wc -l").start();
		    System.out.println(new String(p.getInputStream().readAllBytes()).trim() + " " + p.waitFor());
		    System.exit(5);
		  }
		}
	END
	javac A.java
	echo "javac status $?"
	for collector in Serial G1 Z; do
		java -XX:+Use${collector}GC -Xmx200m A
		echo "$collector status $?"
	done
	java -Xint -Xmx100m -cp . A | md5sum
	jar cf a.jar ./*.class && jar tf a.jar
}
