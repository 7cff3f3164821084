-- SPDX-License-Identifier: BSD-2-Clause
-- tests/real/lua.lua - a test of Lua's interpreter, collector and libraries, since Debian's lua5.4 brings none but
-- "lua -v".  The output must be the same with and without memsan.
local function show(...) print(select("#", ...), ...) end

-- strings: patterns, buffers that grow, formats, packing
show(("hello world"):gsub("o", { o = "0" }), ("key = value"):match("^(%w+)%s*=%s*(%w+)$"))
show(("x"):rep(100000, ","):len(), ("%5.2f|%-8s|%q|%x"):format(math.pi, "ab", "a\n\"b\"\0", 255))
show(string.unpack("<i4 z s2", string.pack("<i4 z s2", -7, "zero", "counted")))
for _, s in ipairs { "%", "[a", "%b", "(()" } do show(pcall(string.find, "abc", s)) end
local parts = {}
for i = 1, 20000 do parts[#parts + 1] = i % 7 == 0 and ("%d"):rep(3):format(i, i, i) or tostring(i) end
show(#table.concat(parts, ";"), utf8.len("häß€😀"), utf8.char(228, 8364, 128512))

-- tables: hashes that grow and shrink, sorts, moves, borders
local t = {}
for i = 1, 50000 do t["k" .. i * 7919 % 50021] = i end
for i = 1, 50000, 2 do t["k" .. i * 7919 % 50021] = nil end
local n, sum = 0, 0
for _, v in pairs(t) do n, sum = n + 1, sum + v end
show(n, sum)
local list, seed = {}, 42
for i = 1, 5000 do seed = (seed * 1103515245 + 12345) & 0x7fffffff; list[i] = seed % 1000 end
table.sort(list, function(a, b) return a > b end)
show(list[1], list[2500], list[5000], #table.move(list, 1, 100, 4950), select(-2, table.unpack(list, 1, 200)))
show(pcall(table.sort, { 3, 1, 2, 5, 4 }, function() return true end))
show(pcall(table.concat, { 1, {}, 3 }))

-- closures, metatables, coroutines, errors, to-be-closed variables
local M = setmetatable({}, { __index = function(_, k) return k .. "!" end,
	__call = function(_, ...) return select("#", ...) end,
	__close = function() io.write("closed\n") end, __gc = function() end })
do local c <close> = M; show(c.abc, c(1, nil, 3)) end
local function generate(n) return coroutine.wrap(function() for i = 1, n do coroutine.yield(i, { i }) end end) end
local total = 0
for k = 1, 300 do for i in generate(k % 20) do total = total + i end end
show(total)
local function deep(i) return i == 0 and error({ code = 7 }) or 1 + deep(i - 1) end
show(pcall(deep, 150) == false, select(2, xpcall(deep, function(e) return e.code end, 150)))
show(select(2, pcall(function() local function f() return 1 + f() end return f() end)):sub(1, 40))
for _, bad in ipairs { "x =", "for", "goto nowhere", "local a <const> = 1; a = 2", "return '" } do show(load(bad)) end
local f = load(string.dump(load("local a, b = ... ; return a // b, a % b, a << b, a .. b")))
show(f(17, 5))

-- the collector in both modes, weak tables, finalizers that allocate
for _, mode in ipairs { "incremental", "generational" } do
	collectgarbage(mode)
	local weak = setmetatable({}, { __mode = "k" })
	for i = 1, 20000 do
		weak[{}] = setmetatable({ i }, { __gc = i % 10 == 0 and function(o) o[2] = { o[1] } end or nil })
	end
	collectgarbage()
	collectgarbage()
	show(mode, next(weak))
end

-- files
local name = os.tmpname()
local out = assert(io.open(name, "w"))
for i = 1, 3000 do out:write(i, " line ", ("y"):rep(i % 200), "\n") end
out:close()
local lines, bytes = 0, 0
for l in io.lines(name) do lines, bytes = lines + 1, bytes + #l end
local back = assert(io.open(name))
show(lines, bytes, back:read("n", "l", 20, "L"))
show(back:seek("end"), #back:read("a"))
back:close()
os.remove(name)
show((io.open(name)))
