/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/watch/compare.c - watch/'s decoder beside Zydis, which other people wrote.
 *
 *     compare FILE...              the code of ELF files, from the start of each section that may be executed
 *     compare --bytes SEED COUNT   random bytes, with a bias towards the escapes of long encodings
 *
 * Where the decoder knows an instruction, Zydis must know it too and say the same: length, memory operands with sizes
 * and kinds of access, registers read and written, flags, where control goes.  Prints how many instructions each of
 * both knew, and one example of every difference with its count.  The status is 1 when there is a difference. */
#include "config.h"

#include <Zydis/Zydis.h>
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "watch/arch/x86_64/insn.h"

#define NR_KINDS 4096 /* of differences, and of unknown instructions */

/* What Zydis says of an instruction, in the decoder's words. */
struct other {
	ZydisDecodedInstruction insn;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	struct insn_mem mem[4];
	unsigned nr_mem;
	uint16_t reads, writes, kills, may_write;
};

static ZydisDecoder zydis;
static struct kind {
	char text[160];
	char example[200];
	uint64_t count;
} differences[NR_KINDS], unknown[NR_KINDS]; /* unknown: by Zydis's number of the mnemonic */
static uint64_t nr_same, nr_different, nr_unknown, nr_neither, nr_bytes;
static bool all_kinds;

static struct kind *find_kind(struct kind *kinds, const char *text)
{
	size_t i = 0;

	while (i < NR_KINDS - 1 && kinds[i].count && strcmp(kinds[i].text, text))
		i++;
	return &kinds[i];
}

static void count(struct kind *kind, const char *text, const struct other *o, const uint8_t *code, size_t length)
{
	ZydisFormatter formatter;
	size_t at = 0, size = sizeof(kind->example);

	if (kind->count++)
		return;
	snprintf(kind->text, sizeof(kind->text), "%s", text);
	for (size_t i = 0; i < length && at + 3 < size; i++)
		at += (size_t)snprintf(kind->example + at, size - at, "%02x ", code[i]);
	if (!o)
		return;
	ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_INTEL);
	ZydisFormatterFormatInstruction(&formatter, &o->insn, o->operands, o->insn.operand_count_visible,
	                                kind->example + at, size - at, 0, NULL);
}

/* ---- Zydis's view ---------------------------------------------------------------------------- */

/* The number of the general register that holds `reg`; INSN_NO_REG: none. */
static uint8_t general(ZydisRegister reg)
{
	ZydisRegister whole = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);

	if (reg == ZYDIS_REGISTER_RIP || reg == ZYDIS_REGISTER_EIP)
		return INSN_RIP;
	return whole >= ZYDIS_REGISTER_RAX && whole <= ZYDIS_REGISTER_R15 ? (uint8_t)(whole - ZYDIS_REGISTER_RAX)
	                                                                  : INSN_NO_REG;
}

static void take_register(struct other *o, const ZydisDecodedOperand *op)
{
	uint8_t number = general(op->reg.value);
	uint16_t bit;

	if (number > INSN_R15)
		return;
	bit = (uint16_t)(1u << number);
	if (op->actions & ZYDIS_OPERAND_ACTION_MASK_READ)
		o->reads |= bit;
	if (op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
		o->writes |= bit;
	if (op->actions & ZYDIS_OPERAND_ACTION_CONDWRITE)
		o->may_write |= bit;
	if (op->actions & ZYDIS_OPERAND_ACTION_WRITE &&
	    ZydisRegisterGetWidth(ZYDIS_MACHINE_MODE_LONG_64, op->reg.value) >= 32)
		o->kills |= bit;
}

/* An instruction that reads nothing although Zydis calls its operands read: nop, prefetch, clflush, ud1. */
static bool is_hint(const struct other *o)
{
	switch (o->insn.mnemonic) {
	case ZYDIS_MNEMONIC_NOP:
	case ZYDIS_MNEMONIC_UD1:
	case ZYDIS_MNEMONIC_CLFLUSH:
	case ZYDIS_MNEMONIC_CLFLUSHOPT:
	case ZYDIS_MNEMONIC_CLWB:
	case ZYDIS_MNEMONIC_CLDEMOTE:
	case ZYDIS_MNEMONIC_PREFETCHWT1:
		return true;
	default:
		return o->insn.meta.category == ZYDIS_CATEGORY_PREFETCH;
	}
}

static void take_memory(struct other *o, const ZydisDecodedOperand *op)
{
	uint8_t base = general(op->mem.base), index = general(op->mem.index);
	struct insn_mem *m;

	if (base < 16)
		o->reads |= (uint16_t)(1u << base);
	if (index < 16)
		o->reads |= (uint16_t)(1u << index);
	if (op->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN && (base == INSN_RSP || base == INSN_RBP))
		return;
	m = &o->mem[o->nr_mem++];
	m->base = base;
	m->index = op->mem.type == ZYDIS_MEMOP_TYPE_VSIB ? (uint8_t)ZydisRegisterGetId(op->mem.index) : index;
	m->scale = op->mem.index == ZYDIS_REGISTER_NONE ? 1 : op->mem.scale;
	m->disp = op->mem.disp.value;
	m->size = op->size / 8;
	m->fs = op->mem.segment == ZYDIS_REGISTER_FS;
	m->gs = op->mem.segment == ZYDIS_REGISTER_GS;
	m->access = (uint8_t)((op->actions & ZYDIS_OPERAND_ACTION_MASK_READ ? INSN_READ : 0) |
	                      (op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE ? INSN_WRITE : 0));
	m->address32 = o->insn.address_width == 32;
	if (is_hint(o))
		m->access = 0;
	if (op->mem.type == ZYDIS_MEMOP_TYPE_AGEN || op->mem.type == ZYDIS_MEMOP_TYPE_MIB)
		m->access = 0;
	if (!m->access) {
		m->size = 0;
		m->fs = m->gs = false;
	}
}

static bool ask_zydis(struct other *o, const uint8_t *code, size_t size)
{
	o->nr_mem = 0;
	o->reads = o->writes = o->kills = o->may_write = 0;
	if (ZYAN_FAILED(ZydisDecoderDecodeFull(&zydis, code, size, &o->insn, o->operands)))
		return false;
	for (unsigned i = 0; i < o->insn.operand_count; i++)
		if (o->operands[i].type == ZYDIS_OPERAND_TYPE_REGISTER)
			take_register(o, &o->operands[i]);
		else if (o->operands[i].type == ZYDIS_OPERAND_TYPE_MEMORY)
			take_memory(o, &o->operands[i]);
	return true;
}

/* ---- both ------------------------------------------------------------------------------------ */

static bool same_memory(const struct insn_mem *a, const struct insn_mem *b)
{
	int64_t apart = a->disp - b->disp;

	return a->base == b->base && a->index == b->index && a->scale == b->scale &&
	       (a->address32 ? (uint32_t)apart : apart) == 0 && a->size == b->size && a->fs == b->fs &&
	       a->gs == b->gs && a->access == b->access && a->address32 == b->address32;
}

static bool is_zero_idiom(const struct other *o)
{
	return (o->insn.mnemonic == ZYDIS_MNEMONIC_XOR || o->insn.mnemonic == ZYDIS_MNEMONIC_SUB) &&
	       o->operands[1].type == ZYDIS_OPERAND_TYPE_REGISTER &&
	       o->operands[0].reg.value == o->operands[1].reg.value;
}

/* Does the instruction read what Zydis 4.0 does not know of?  The kernel sees all registers, xlat has an index, string
 * instructions count. */
static bool reads_more(const struct insn *x, const struct other *o)
{
	return !(o->reads & ~x->reads) &&
	       (x->flow == INSN_SYSCALL || x->string || o->insn.mnemonic == ZYDIS_MNEMONIC_XLAT);
}

/* The first thing that both say otherwise; NULL: nothing. */
static const char *difference(const struct insn *x, const struct other *o)
{
	static char text[100];

	if (x->length != o->insn.length)
		return "length";
	if (x->nr_mem != o->nr_mem) {
		snprintf(text, sizeof(text), "number of memory operands: %u, Zydis %u", x->nr_mem, o->nr_mem);
		return text;
	}
	for (unsigned i = 0; i < x->nr_mem; i++)
		if (!same_memory(&x->mem[i], &o->mem[i])) {
			const struct insn_mem *a = &x->mem[i], *b = &o->mem[i];

			snprintf(text, sizeof(text),
			         "memory: size %u access %u disp %lx base %u index %u*%u%s, Zydis %u %u %lx %u %u*%u",
			         a->size, a->access, (long)a->disp, a->base, a->index, a->scale,
			         a->address32 ? " 32" : "", b->size, b->access, (long)b->disp, b->base, b->index,
			         b->scale);
			if (a->disp == b->disp && a->base == b->base && a->index == b->index)
				snprintf(text, sizeof(text), "memory: size %u access %u, Zydis %u %u", a->size,
				         a->access, b->size, b->access);
			return text;
		}
	/* A register that may keep its value counts as read.  xor of a register with itself does not read it. */
	if (x->reads != o->reads && (x->reads & ~o->may_write) != (o->reads & ~o->may_write) && !is_zero_idiom(o) &&
	    !reads_more(x, o) && !is_hint(o)) {
		snprintf(text, sizeof(text), "registers read: %x, Zydis %x", x->reads, o->reads);
		return text;
	}
	if (x->writes != o->writes && !((x->flow == INSN_SYSCALL || x->string) && !(o->writes & ~x->writes))) {
		snprintf(text, sizeof(text), "registers written: %x, Zydis %x", x->writes, o->writes);
		return text;
	}
	if (x->kills & ~o->kills)
		return "registers killed";
	return NULL;
}

/* Which elements does a mask register choose? */
static const char *element_difference(const struct insn *x, const struct other *o)
{
	static char text[100];
	const ZydisDecodedOperand *op = NULL;
	ZydisExceptionClass class = o->insn.meta.exception_class;
	/* "NF": the mask does not keep faults away. */
	bool whole = class == ZYDIS_EXCEPTION_CLASS_E4NF || class == ZYDIS_EXCEPTION_CLASS_E5NF ||
	             class == ZYDIS_EXCEPTION_CLASS_E6NF;

	for (unsigned i = 0; i < o->insn.operand_count && !op; i++)
		if (o->operands[i].type == ZYDIS_OPERAND_TYPE_MEMORY)
			op = &o->operands[i];
	if (!op || x->encoding != INSN_EVEX || !x->mem[0].access || o->insn.avx.mask.reg == ZYDIS_REGISTER_NONE ||
	    o->insn.avx.mask.reg == ZYDIS_REGISTER_K0)
		return NULL;
	switch (o->insn.mnemonic) {
	/* Zydis 4.0 departs from the manual: these read all of the operand. */
	case ZYDIS_MNEMONIC_VGF2P8AFFINEQB:
	case ZYDIS_MNEMONIC_VGF2P8AFFINEINVQB:
	case ZYDIS_MNEMONIC_VDBPSADBW:
	case ZYDIS_MNEMONIC_VCVTNE2PS2BF16:
		whole = true;
		break;
	default:;
	}
	if (whole && x->mem[0].access == INSN_READ)
		return x->mem[0].extent == INSN_EXACT ? NULL : "elements: all are accessed";
	if (x->mem[0].extent == INSN_EXACT)
		return "elements: not all are accessed";
	if (x->elements.choice == INSN_CHOICE_UNKNOWN ||
	    (x->elements.size == op->element_size / 8 && x->elements.mask == o->insn.avx.mask.reg - ZYDIS_REGISTER_K0))
		return NULL;
	snprintf(text, sizeof(text), "elements: size %u, Zydis %u", x->elements.size, op->element_size / 8);
	return text;
}

static bool is_shift(const struct other *o)
{
	return o->insn.meta.category == ZYDIS_CATEGORY_SHIFT || o->insn.meta.category == ZYDIS_CATEGORY_ROTATE;
}

static const char *flag_difference(const struct insn *x, const struct other *o)
{
	static char text[100];
	const ZydisAccessedFlags *f = o->insn.cpu_flags;
	uint16_t tested = f ? f->tested & INSN_ALL_FLAGS : 0;
	uint16_t set = f ? (f->modified | f->set_0 | f->set_1) & INSN_ALL_FLAGS : 0;
	uint16_t undefined = f ? f->undefined & INSN_ALL_FLAGS : 0;
	unsigned last = o->insn.operand_count_visible ? o->insn.operand_count_visible - 1u : 0;

	/* Where Zydis 4.0 departs from the manual: sbb sets AF, bextr clears CF and OF, vptest clears the flags that it
	 * does not set, repe reads ZF only after writing it, a shift by 1 sets OF, a shift by 0 no flag. */
	switch (o->insn.mnemonic) {
	case ZYDIS_MNEMONIC_SBB:
		set |= INSN_AF;
		break;
	case ZYDIS_MNEMONIC_BEXTR:
		set |= INSN_CF | INSN_OF;
		break;
	case ZYDIS_MNEMONIC_VPTEST:
	case ZYDIS_MNEMONIC_VTESTPS:
	case ZYDIS_MNEMONIC_VTESTPD:
		set = INSN_ARITHMETIC;
		break;
	default:
		if (x->string)
			tested &= INSN_DF;
	}
	if (is_shift(o) && o->operands[last].type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
		switch (o->operands[last].imm.value.u & (x->operand_size == 8 ? 63 : 31)) {
		case 0:
			set = undefined = 0;
			break;
		case 1:
			set |= undefined & INSN_OF;
			break;
		default:;
		}
	}
	if (x->flow == INSN_SYSCALL)
		tested = INSN_ALL_FLAGS;
	if (x->flags_read == tested && x->flags_written == (set | undefined) && !(x->flags_killed & ~set) &&
	    !(x->flags_undefined & ~undefined))
		return NULL;
	snprintf(text, sizeof(text), "flags: read %x written %x killed %x undefined %x, Zydis %x %x %x", x->flags_read,
	         x->flags_written, x->flags_killed, x->flags_undefined, tested, set, undefined);
	return text;
}

static const char *flow_difference(const struct insn *x, const struct other *o, uintptr_t pc)
{
	bool relative = false;
	uintptr_t target = 0;

	for (unsigned i = 0; i < o->insn.operand_count_visible; i++)
		if (o->operands[i].type == ZYDIS_OPERAND_TYPE_IMMEDIATE && o->operands[i].imm.is_relative) {
			relative = true;
			target = pc + o->insn.length + (uintptr_t)o->operands[i].imm.value.s;
		}
	if (relative != (x->flow >= INSN_JCC && x->flow <= INSN_XBEGIN) || (relative && target != x->target))
		return "target";
	/* Zydis calls these jumps. */
	if (o->insn.mnemonic == ZYDIS_MNEMONIC_XEND || o->insn.mnemonic == ZYDIS_MNEMONIC_XABORT)
		return x->flow == INSN_PLAIN ? NULL : "flow";
	switch (o->insn.meta.category) {
	case ZYDIS_CATEGORY_COND_BR:
		return x->flow == INSN_JCC || x->flow == INSN_LOOP || x->flow == INSN_XBEGIN ? NULL : "flow";
	case ZYDIS_CATEGORY_UNCOND_BR:
		return x->flow == INSN_JMP || x->flow == INSN_JMP_REG || x->flow == INSN_JMP_MEM ? NULL : "flow";
	case ZYDIS_CATEGORY_CALL:
		return x->flow == INSN_CALL || x->flow == INSN_CALL_REG || x->flow == INSN_CALL_MEM ? NULL : "flow";
	case ZYDIS_CATEGORY_RET:
		return x->flow == INSN_RET ? NULL : "flow";
	default:
		return x->flow == INSN_PLAIN || x->flow == INSN_STOP || x->flow == INSN_SYSCALL ? NULL : "flow";
	}
}

/* Compares one instruction.  Returns its length by Zydis; 0: Zydis does not know it. */
static size_t compare(const uint8_t *code, size_t size, uintptr_t pc)
{
	static struct other o;
	bool known = ask_zydis(&o, code, size);
	char text[160];
	const char *what;
	struct insn x;

	if (!x86_decode(&x, code, size, pc)) {
		if (known) {
			nr_unknown++;
			nr_bytes += o.insn.length;
			count(&unknown[o.insn.mnemonic], ZydisMnemonicGetString(o.insn.mnemonic), &o, code,
			      o.insn.length);
		} else
			nr_neither++;
		return known ? o.insn.length : 0;
	}
	what = x86_length(code, size, pc) != x.length ? "x86_length"
	       : !known                               ? "Zydis does not know it"
	                                              : difference(&x, &o);
	if (!what)
		what = element_difference(&x, &o);
	if (!what)
		what = flag_difference(&x, &o);
	if (!what)
		what = flow_difference(&x, &o, pc);
	if (!what) {
		nr_same++;
		return o.insn.length;
	}
	nr_different++;
	if (known)
		snprintf(text, sizeof(text), "%s: %s", ZydisMnemonicGetString(o.insn.mnemonic), what);
	else
		snprintf(text, sizeof(text), "encoding %u, map %u, opcode %02x: %s", x.encoding, x.map, x.opcode, what);
	count(find_kind(differences, text), text, known ? &o : NULL, code, known ? o.insn.length : x.length);
	return known ? o.insn.length : 0;
}

/* ---- where the bytes come from --------------------------------------------------------------- */

static bool compare_file(const char *path)
{
	struct stat st;
	const uint8_t *file;
	const Elf64_Ehdr *header;
	const Elf64_Shdr *sections;
	int fd = open(path, O_RDONLY);

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size < (off_t)sizeof(*header))
		return false;
	file = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (file == MAP_FAILED)
		return false;
	header = (const Elf64_Ehdr *)file;
	if (memcmp(file, ELFMAG, SELFMAG) || header->e_machine != EM_X86_64 ||
	    header->e_ident[EI_CLASS] != ELFCLASS64 ||
	    header->e_shoff + header->e_shnum * sizeof(*sections) > (size_t)st.st_size) {
		munmap((void *)file, (size_t)st.st_size);
		return false;
	}
	sections = (const Elf64_Shdr *)(file + header->e_shoff);
	for (unsigned i = 0; i < header->e_shnum; i++) {
		const Elf64_Shdr *s = &sections[i];

		if (s->sh_type != SHT_PROGBITS || !(s->sh_flags & SHF_EXECINSTR) ||
		    s->sh_offset + s->sh_size > (size_t)st.st_size)
			continue;
		for (size_t at = 0; at < s->sh_size;) {
			size_t length = compare(file + s->sh_offset + at, s->sh_size - at, s->sh_addr + at);

			at += length ? length : 1;
		}
	}
	munmap((void *)file, (size_t)st.st_size);
	return true;
}

static uint64_t random_state;

static uint64_t random_number(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* Fifteen bytes: prefixes and escapes more often than chance would bring them. */
static void random_code(uint8_t *code)
{
	static const uint8_t prefixes[] = { 0x66, 0xf2, 0xf3, 0x48, 0x41, 0x67, 0x64, 0xf0, 0x4f, 0x2e };
	size_t at = 0;

	for (size_t i = 0; i < 15; i++)
		code[i] = (uint8_t)random_number();
	while (at < 4 && random_number() % 3 == 0)
		code[at++] = prefixes[random_number() % sizeof(prefixes)];
	switch (random_number() % 8) {
	case 0:
		code[at] = 0x0f;
		break;
	case 1:
		code[at++] = 0x0f;
		code[at] = random_number() & 1 ? 0x38 : 0x3a;
		break;
	case 2:
		code[at] = 0xc5;
		break;
	case 3:
		code[at++] = 0xc4;
		code[at] = (uint8_t)((code[at] & 0xe0) | (1 + random_number() % 3));
		break;
	case 4:
	case 5:
		code[at++] = 0x62;
		code[at] = (uint8_t)((code[at] & 0xf0) | (1 + random_number() % 6));
		code[at + 1] |= 4;
		if (random_number() & 1)
			code[at + 1] |= 0x78; /* no further register */
		if (random_number() & 1)
			code[at + 2] = (uint8_t)((code[at + 2] & 0x60) | 8);
		break;
	default:;
	}
}

static void compare_bytes(uint64_t n)
{
	/* The code ends where memory ends. */
	uint8_t *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t bytes[15];
	struct insn x;

	if (pages == MAP_FAILED || mprotect(pages + 4096, 4096, PROT_NONE) < 0)
		exit(2);
	while (n--) {
		random_code(bytes);
		memcpy(pages + 4096 - 15, bytes, 15);
		compare(pages + 4096 - 15, 15, 0x400000);
		if (!x86_decode(&x, bytes, 15, 0x400000))
			continue;
		/* Cut off anywhere, it is unknown. */
		for (size_t size = 0; size < x.length; size++) {
			struct insn cut;

			memcpy(pages + 4096 - size, bytes, size);
			if (x86_decode(&cut, pages + 4096 - size, size, 0x400000)) {
				nr_different++;
				count(find_kind(differences, "known although bytes are missing"),
				      "known although bytes are missing", NULL, bytes, x.length);
			}
		}
	}
}

static int by_count(const void *a, const void *b)
{
	const struct kind *x = a, *y = b;

	return x->count < y->count ? 1 : x->count > y->count ? -1 : 0;
}

static void print_kinds(const char *title, struct kind *kinds, size_t limit)
{
	size_t n = 0;

	qsort(kinds, NR_KINDS, sizeof(*kinds), by_count);
	while (n < NR_KINDS && kinds[n].count)
		n++;
	for (size_t i = 0; i < n && i < limit; i++)
		printf("%s %8lu  %s   %s\n", title, (unsigned long)kinds[i].count, kinds[i].text, kinds[i].example);
	if (n > limit)
		printf("%s and %zu kinds more\n", title, n - limit);
}

int main(int argc, char **argv)
{
	unsigned files = 0;

	ZydisDecoderInit(&zydis, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	ZydisDecoderEnableMode(&zydis, ZYDIS_DECODER_MODE_KNC, false);
	ZydisDecoderEnableMode(&zydis, ZYDIS_DECODER_MODE_MPX, false);
	if (argc > 1 && strcmp(argv[1], "--all") == 0) {
		all_kinds = true;
		argv++;
		argc--;
	}
	if (argc == 4 && strcmp(argv[1], "--bytes") == 0) {
		random_state = strtoull(argv[2], NULL, 0) * 2 + 1;
		compare_bytes(strtoull(argv[3], NULL, 0));
	} else {
		for (int i = 1; i < argc; i++)
			files += compare_file(argv[i]);
		printf("%u files of %d\n", files, argc - 1);
	}
	printf("the same: %lu; different: %lu; known to Zydis alone: %lu (%lu bytes); known to neither: %lu\n",
	       (unsigned long)nr_same, (unsigned long)nr_different, (unsigned long)nr_unknown, (unsigned long)nr_bytes,
	       (unsigned long)nr_neither);
	print_kinds("different", differences, all_kinds ? NR_KINDS : 40);
	print_kinds("unknown  ", unknown, all_kinds ? NR_KINDS : 40);
	return nr_different != 0;
}
