// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * dom0-tools/inspect: what a kernel's memory says comes out as it is, for every layout that kernels have; memory with
 * exactly one defect is refused with a code and a sentence that name it; a forged page is not taken for the true one.
 */
#include <check.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "dom0-tools/inspect/inspect.h"
#include "dom0-tools/inspect/report.h"
#include "dom0-tools/inspect/walk.h"
#include "lib/base/array.h"
#include "tests/lib/fake_linux.h"
#include "tests/lib/run_suite.h"

#define PAGE ((size_t)XG_PAGE_SIZE)

static struct xg_kernel *must_open(struct fake_linux *f)
{
	struct xg_err err = XG_ERR_NONE;
	struct xg_kernel *k = NULL;
	int rc = xg_kernel_open(f->guest, &k, &err);

	ck_assert_msg(rc == 0, "%d: %s", rc, err.text);
	ck_assert_uint_eq(xg_guest_fake_mapped(f->guest), 0);
	return k;
}

static void must_refuse(struct fake_linux *f, int code, const char *text)
{
	struct xg_err err = XG_ERR_NONE;
	struct xg_kernel *k = NULL;
	int rc = xg_kernel_open(f->guest, &k, &err);

	ck_assert_msg(rc == -code && err.code == code, "%d, not %d: %s", rc, -code, err.text);
	ck_assert_msg(strstr(err.text, text) != NULL, "\"%s\" does not say \"%s\"", err.text, text);
	ck_assert_ptr_null(k);
	ck_assert_uint_eq(xg_guest_fake_mapped(f->guest), 0);
}

/* ---- What is there comes out ---------------------------------------------------------------------------------- */

static const struct fake_linux_spec layouts[] = {
	{ .type = XG_GUEST_PVH },
	{ .type = XG_GUEST_PVH, .large_pages = true },
	{ .type = XG_GUEST_PVH, .five_levels = true },
	{ .type = XG_GUEST_PVH, .five_levels = true, .large_pages = true, .kaslr = 0x29a00000, .tables_last = true },
	{ .type = XG_GUEST_HVM, .kaslr = 0xb800000, .encoding = XG_KSYMS_BASE },
	{ .type = XG_GUEST_PVH, .kaslr = 0x3ea00000, .encoding = XG_KSYMS_PLACE, .tables_last = true },
	/* Moved up in physical memory by more than in virtual: phys_base is positive. */
	{ .type = XG_GUEST_HVM, .first = 0x40000, .kaslr = 0x200000, .large_pages = true },
	{ .type = XG_GUEST_PV, .first = 0x74e00 },
	{ .type = XG_GUEST_PV, .first = 0x74e01, .encoding = XG_KSYMS_PLACE, .tables_last = true },
	{ .type = XG_GUEST_PVH, .asks_no_cpu = true },
	{ .type = XG_GUEST_PVH, .asks_no_cpu = true, .five_levels = true, .kaslr = 0x29a00000 },
};

#define LAYOUTS ((int)XG_ARRAY_SIZE(layouts))

static void check_os(const struct fake_linux *f, const struct xg_os *os)
{
	ck_assert_str_eq(os->name, "linux");
	ck_assert_str_eq(os->arch, "x86_64");
	ck_assert_str_eq(os->release, "6.1.0-test");
	ck_assert_str_eq(os->build_id, "00112233445566778899aabbccddeeff00112233");
	ck_assert_uint_eq(os->vmcoreinfo.n, fake_linux_frame(f, FAKE_LINUX_VMCOREINFO).n);
	ck_assert_uint_eq(os->vmcoreinfo_bytes, strlen(fake_linux_page(f, FAKE_LINUX_VMCOREINFO)));
	ck_assert_uint_eq(os->root.n, fake_linux_frame(f, FAKE_LINUX_DATA + 2).n);
	ck_assert_uint_eq(os->levels, f->spec.five_levels ? 5 : 4);
	ck_assert_uint_eq(os->phys_base, f->phys_base);
	ck_assert_uint_eq(os->kaslr_offset, f->spec.kaslr);
	ck_assert_uint_eq(os->symbols, f->symbols);
}

static void check_symbol(struct xg_kernel *k, const char *name, uint64_t want)
{
	struct xg_err err = XG_ERR_NONE;
	struct gva at = XG_GVA(1);

	ck_assert_msg(xg_kernel_symbol(k, name, &at, &err) == 0, "%s: %s", name, err.text);
	ck_assert_msg(at.v == want, "%s is %#" PRIx64 ", not %#" PRIx64, name, at.v, want);
}

static void check_symbols(struct fake_linux *f, struct xg_kernel *k)
{
	struct xg_err err = XG_ERR_NONE;
	struct gva at = XG_GVA(1);

	check_symbol(k, "_text", f->image.v);
	check_symbol(k, "printk", f->image.v + 0x100);
	check_symbol(k, fake_linux_long_name, f->image.v + 0x140);
	check_symbol(k, "module_alloc", f->image.v + 0x200);
	check_symbol(k, "init_uts_ns", f->init_uts_ns.v);
	check_symbol(k, "init_top_pgt", f->swapper_pg_dir.v);
	check_symbol(k, "x", f->vmcoreinfo_data.v + 8);
	if (f->spec.encoding == XG_KSYMS_ABSOLUTE_PERCPU)
		check_symbol(k, "this_cpu_off", 0x20000);

	ck_assert_int_eq(xg_kernel_symbol(k, "init_once", &at, &err), -ENOTUNIQ);
	ck_assert_str_eq(err.text, "the kernel has 3 symbols called 'init_once'");
	ck_assert_int_eq(xg_kernel_symbol(k, "Tprintk", &at, &err), -ENOENT);
	ck_assert_int_eq(xg_kernel_symbol(k, "print", &at, &err), -ENOENT);
	ck_assert_int_eq(xg_kernel_symbol(k, "", &at, &err), -ENOENT);
	ck_assert_int_eq(xg_kernel_symbol(k, "printk2", &at, &err), -ENOENT);
	ck_assert_str_eq(err.text, "the kernel has no symbol 'printk2'");
	ck_assert_uint_eq(at.v, 1);	/* untouched */
}

/* Many names in one pass: the same answers, also of names that come twice, and of those that were not in it. */
static void check_look_up(struct fake_linux *f, struct xg_kernel *k)
{
	static const char *const again[] = { "x" };
	const char *const names[] = { "printk", "init_once", "nowhere", fake_linux_long_name, "printk", "_text", "" };
	struct xg_err err = XG_ERR_NONE;

	ck_assert_int_eq(xg_kernel_look_up(k, names, XG_ARRAY_SIZE(names), &err), 0);
	check_symbols(f, k);
	ck_assert_int_eq(xg_kernel_look_up(k, again, 1, &err), 0);
	check_symbols(f, k);
	ck_assert_int_eq(xg_kernel_look_up(k, NULL, 0, &err), 0);
	check_symbols(f, k);
}

static void check_after(struct fake_linux *f, struct xg_kernel *k)
{
	struct xg_err err = XG_ERR_NONE;
	struct gva at;

	ck_assert_int_eq(xg_kernel_symbol_after(k, f->image, &at, &err), 0);	/* two symbols lie there */
	ck_assert_uint_eq(at.v, f->image.v + 0x40);
	ck_assert_int_eq(xg_kernel_symbol_after(k, gva_add(f->image, 0x2ff), &at, &err), 0);
	ck_assert_uint_eq(at.v, f->image.v + 0x300);
	ck_assert_int_eq(xg_kernel_symbol_after(k, gva_add(f->vmcoreinfo_data, 8), &at, &err), -ENOENT);
}

/* Right, wrong and impossible hints: the answer is the same. */
static void check_hints(struct fake_linux *f, const struct xg_os *os)
{
	const uint32_t wrong[] = { 0, 3, 0x3ffff, UINT32_MAX };
	struct xg_kernel_hints hints = { .count = 4 };
	struct xg_err err = XG_ERR_NONE;
	struct xg_kernel *k;
	size_t i;

	ck_assert_uint_ne(os->hint, 0);
	for (i = 0; i < 4; i++) {
		memcpy(hints.pages, wrong, sizeof(wrong));
		hints.pages[i] = os->hint;
		ck_assert_msg(!xg_kernel_open_hinted(f->guest, &hints, &k, &err), "%s", err.text);
		check_os(f, xg_kernel_os(k));
		ck_assert_uint_eq(xg_kernel_os(k)->hint, os->hint);
		xg_kernel_close(k);
	}
	ck_assert_uint_eq(xg_guest_fake_mapped(f->guest), 0);
}

static void check_mappings(struct fake_linux *f, struct xg_kernel *k)
{
	struct xg_err err = XG_ERR_NONE;
	struct xg_translation t;

	ck_assert_int_eq(xg_kernel_translate(k, gva_add(f->image, 0x3123), &t, &err), 0);
	ck_assert_uint_eq(t.frame.n, fake_linux_frame(f, FAKE_LINUX_IMAGE + 3).n);
	ck_assert_uint_eq(t.mapping_bytes, f->spec.large_pages ? 2u << 20 : 4096);
	ck_assert(!t.writable && t.executable);
	ck_assert_int_eq(xg_kernel_translate(k, f->vmcoreinfo_data, &t, &err), 0);
	ck_assert(t.writable && !t.executable);
	ck_assert_int_eq(xg_translate(f->guest, xg_kernel_os(k), f->vmcoreinfo_data, &t, &err), 0);
	ck_assert_int_eq(xg_kernel_translate(k, XG_GVA(0x1000), &t, &err), -EFAULT);
	ck_assert_int_eq(xg_kernel_translate(k, XG_GVA(UINT64_C(0x0fff888000000000)), &t, &err), -EFAULT);
	ck_assert_ptr_nonnull(strstr(err.text, "is no address with"));
}

START_TEST(every_layout_comes_out_as_it_is)
{
	struct fake_linux *f = fake_linux_new(&layouts[_i], NULL);
	struct xg_kernel *k = must_open(f);

	check_os(f, xg_kernel_os(k));
	check_symbols(f, k);
	check_hints(f, xg_kernel_os(k));
	check_look_up(f, k);
	check_after(f, k);
	check_mappings(f, k);
	xg_kernel_close(k);
	fake_linux_free(f);
}
END_TEST

START_TEST(all_symbols_of_the_table_can_be_listed)
{
	struct fake_linux *f = fake_linux_new(&layouts[0], NULL);
	const struct xg_walk walk = { .g = f->guest, .root = fake_linux_frame(f, FAKE_LINUX_DATA + 2), .levels = 4 };
	struct xg_vmcoreinfo v;
	struct xg_ksyms *ksyms;
	struct xg_err err = XG_ERR_NONE;
	char name[XG_KSYMS_NAME_MAX], type;
	struct xg_ksyms_source source = { .ctx = (void *)&walk,
		.read = (int (*)(void *, struct gva, void *, size_t, size_t *, struct xg_err *))xg_walk_read };

	ck_assert_int_eq(xg_vmcoreinfo_parse(fake_linux_page(f, FAKE_LINUX_VMCOREINFO), &v, &err), 0);
	ck_assert_msg(xg_ksyms_load(&v, &source, &ksyms, &err) == 0, "%s", err.text);
	ck_assert_int_eq(xg_ksyms_encoding(ksyms), XG_KSYMS_ABSOLUTE_PERCPU);
	ck_assert_uint_eq(xg_ksyms_at(ksyms, 1, &type, name).v, 0x1000);
	ck_assert_str_eq(name, "cpu_debug_store");
	ck_assert_int_eq(type, 'A');
	ck_assert_uint_eq(xg_ksyms_at(ksyms, 8, &type, name).v, f->image.v + 0x140);
	ck_assert_str_eq(name, fake_linux_long_name);
	ck_assert_int_eq(type, 't');
	/* Its type and its first letters are one token. */
	xg_ksyms_at(ksyms, 15, &type, name);
	ck_assert_str_eq(name, "init_top_pgt");
	ck_assert_int_eq(type, 'D');
	xg_ksyms_free(ksyms);
	fake_linux_free(f);
}
END_TEST

/* The processor's tables say more than the page's own word, and PTI's user half leads to the kernel's. */
START_TEST(a_processor_in_user_mode_under_pti)
{
	struct fake_linux *f = fake_linux_new(&layouts[0], NULL);
	struct xg_paging user = { .root = fake_linux_frame(f, FAKE_LINUX_DATA + 3), .levels = 4 };

	xg_guest_fake_paging(f->guest, &user);
	xg_kernel_close(must_open(f));
	/* An even frame is nobody's user half. */
	user.root = fake_linux_frame(f, FAKE_LINUX_FREE);
	xg_guest_fake_paging(f->guest, &user);
	must_refuse(f, ENOENT,
		    "no known kernel found in guest 'fake': none of its processors runs one, it is another system "
		    "or still booting");
	fake_linux_free(f);
}
END_TEST

static int paging_not_yet(struct xg_guest *g, unsigned int vcpu, struct xg_paging *ret, struct xg_err *err)
{
	(void)g;
	(void)ret;
	return xg_fail(err, EAGAIN, "vCPU %u is not in 64-bit mode", vcpu);
}

static int paging_of_the_third(struct xg_guest *g, unsigned int vcpu, struct xg_paging *ret, struct xg_err *err)
{
	(void)g;
	if (vcpu < 2)
		return xg_fail(err, EAGAIN, "vCPU %u is offline", vcpu);
	*ret = (struct xg_paging){ .root = XG_GFN(FAKE_LINUX_DATA + 2), .levels = 4 };
	return 0;
}

START_TEST(processors_that_do_not_run_yet)
{
	struct fake_linux *f = fake_linux_new(&layouts[0], NULL);
	struct xg_guest_ops ops = *f->guest->ops;

	f->guest->ops = &ops;
	ops.cpu_paging = paging_not_yet;
	must_refuse(f, ENOENT,
		    "no known kernel found in guest 'fake': none of its processors runs one, it is another system "
		    "or still booting");
	/* One vCPU is known at the start; the fake has as many as it is asked for once there are more. */
	ops.cpu_paging = paging_of_the_third;
	must_refuse(f, ENOENT, "none of its processors runs one");
	fake_linux_free(f);
}
END_TEST

START_TEST(another_vcpu_speaks_for_one_that_is_offline)
{
	struct fake_linux *f = fake_linux_new(&layouts[0], NULL);
	struct xg_guest_info info = f->guest->info;
	struct xg_guest_ops ops;
	struct xg_guest *three;

	info.vcpus = 3;
	three = xg_guest_fake(&info, f->memory, XG_GFN(0), FAKE_LINUX_PAGES, XG_GFN(0));
	xg_guest_close(f->guest);
	f->guest = three;
	ops = *three->ops;
	ops.cpu_paging = paging_of_the_third;
	three->ops = &ops;
	xg_kernel_close(must_open(f));
	fake_linux_free(f);
}
END_TEST

/* A kernel that makes the variable read-only once it is set. */
START_TEST(a_variable_that_is_read_only)
{
	struct fake_linux *f = fake_linux_new(&layouts[0], NULL);

	*fake_linux_entry(f, f->vmcoreinfo_data, 1) &= ~UINT64_C(2);
	xg_kernel_close(must_open(f));
	fake_linux_free(f);
}
END_TEST

START_TEST(an_empty_guest_has_no_kernel)
{
	struct fake_linux *f = fake_linux_new(&layouts[9], NULL);

	memset(f->memory, 0, FAKE_LINUX_PAGES * PAGE);
	must_refuse(f, ENOENT,
		    "no known kernel found in 2,048 pages of guest 'fake': it is another system or still booting");
	fake_linux_free(f);
}
END_TEST

START_TEST(holes_are_stepped_over)
{
	struct fake_linux *f = fake_linux_new(&layouts[9], NULL);

	xg_guest_fake_hole(f->guest, XG_GFN(FAKE_LINUX_FREE + 10), 20);
	xg_guest_fake_hole(f->guest, XG_GFN(1020), 2);
	xg_kernel_close(must_open(f));
	xg_guest_fake_hole(f->guest, XG_GFN(FAKE_LINUX_VMCOREINFO), 1);
	must_refuse(f, ENOENT, "no known kernel found in 2,025 pages");
	fake_linux_free(f);
}
END_TEST

START_TEST(an_id_that_is_another_domains_now)
{
	struct fake_linux *f = fake_linux_new(&layouts[0], NULL);

	xg_guest_fake_reborn(f->guest);
	must_refuse(f, ENODEV, "guest 'fake' is gone: its id 7 is another domain's now");
	fake_linux_free(f);
}
END_TEST

/* ---- One defect ----------------------------------------------------------------------------------------------- */

struct defect {
	const char *what;
	void (*damage)(struct fake_linux *f);
	int code;
	const char *text;
	struct fake_linux_spec spec;
};

static void put32(struct fake_linux *f, struct gva at, uint32_t v)
{
	memcpy(fake_linux_at(f, at), &v, sizeof(v));
}

static void put16(struct fake_linux *f, struct gva at, uint16_t v)
{
	memcpy(fake_linux_at(f, at), &v, sizeof(v));
}

static char *text_of(struct fake_linux *f)
{
	return fake_linux_page(f, FAKE_LINUX_VMCOREINFO);
}

static void text_cut(struct fake_linux *f)
{
	*strstr(text_of(f), "NUMBER(phys_base)") = '\0';
}

static void text_cut_in_line(struct fake_linux *f)
{
	strstr(text_of(f), "KERNELOFFSET")[5] = '\0';
}

static void text_no_end(struct fake_linux *f)
{
	memset(text_of(f) + strlen(text_of(f)), 'a', PAGE - strlen(text_of(f)));
}

static void text_no_equals(struct fake_linux *f)
{
	fake_linux_text(f, "PAGESIZE=4096", "PAGESIZE 4096");
}

static void text_page_size(struct fake_linux *f)
{
	fake_linux_text(f, "PAGESIZE=4096", "PAGESIZE=65536");
}

static void text_twice(struct fake_linux *f)
{
	fake_linux_text(f, "PAGESIZE=4096", "PAGESIZE=4096\nPAGESIZE=4096");
}

static void text_release(struct fake_linux *f)
{
	fake_linux_text(f, "6.1.0-test", "6.1.0-\033[2Jtest");
}

static void text_release_long(struct fake_linux *f)
{
	char line[128] = "";

	memset(line, '6', 80);
	fake_linux_text(f, "6.1.0-test", line);
}

static void text_build_id(struct fake_linux *f)
{
	fake_linux_text(f, "BUILD-ID=0011", "BUILD-ID=001x");
}

static void text_root_in_user_space(struct fake_linux *f)
{
	fake_linux_text(f, "SYMBOL(swapper_pg_dir)=ffffffff", "SYMBOL(swapper_pg_dir)=7fff");
}

static void text_names_in_direct_map(struct fake_linux *f)
{
	fake_linux_text(f, "SYMBOL(kallsyms_names)=ffffffff", "SYMBOL(kallsyms_names)=ffff8880");
}

static void text_number_overflows(struct fake_linux *f)
{
	fake_linux_text(f, "KERNELOFFSET=0", "KERNELOFFSET=10000000000000000");
}

static void text_offset_odd(struct fake_linux *f)
{
	fake_linux_text(f, "KERNELOFFSET=0", "KERNELOFFSET=123");
}

static void text_levels(struct fake_linux *f)
{
	fake_linux_text(f, "pgtable_l5_enabled)=0", "pgtable_l5_enabled)=2");
}

static void text_levels_lie(struct fake_linux *f)
{
	fake_linux_text(f, "pgtable_l5_enabled)=0", "pgtable_l5_enabled)=1");
}

static void text_phys_base_unaligned(struct fake_linux *f)
{
	fake_linux_text(f, "NUMBER(phys_base)=-12582912", "NUMBER(phys_base)=-12582902");
}

static void text_phys_base_far(struct fake_linux *f)
{
	fake_linux_text(f, "NUMBER(phys_base)=-12582912", "NUMBER(phys_base)=4503599627370496");
}

static void text_phys_base_lies(struct fake_linux *f)
{
	fake_linux_text(f, "NUMBER(phys_base)=-12582912", "NUMBER(phys_base)=-12578816");
}

static void text_one_kallsyms(struct fake_linux *f)
{
	fake_linux_text(f, "SYMBOL(kallsyms_token_index)", "SYMBOL(other)");
}

static void text_no_kallsyms(struct fake_linux *f)
{
	fake_linux_text(f, "SYMBOL(kallsyms_names)", "SYMBOL(a)");
	fake_linux_text(f, "SYMBOL(kallsyms_num_syms)", "SYMBOL(b)");
	fake_linux_text(f, "SYMBOL(kallsyms_token_table)", "SYMBOL(c)");
	fake_linux_text(f, "SYMBOL(kallsyms_token_index)", "SYMBOL(d)");
	fake_linux_text(f, "SYMBOL(kallsyms_offsets)", "SYMBOL(e)");
	fake_linux_text(f, "SYMBOL(kallsyms_relative_base)", "SYMBOL(f)");
}

static void text_no_relative_base(struct fake_linux *f)
{
	fake_linux_text(f, "SYMBOL(kallsyms_relative_base)", "SYMBOL(g)");
}

static void text_other_uts(struct fake_linux *f)
{
	char old[64], new[64];

	snprintf(old, sizeof(old), "SYMBOL(init_uts_ns)=%" PRIx64, f->init_uts_ns.v);
	snprintf(new, sizeof(new), "SYMBOL(init_uts_ns)=%" PRIx64, f->init_uts_ns.v + 64);
	fake_linux_text(f, old, new);
}

static void syms_none(struct fake_linux *f)
{
	put32(f, f->num_syms, 0);
}

static void syms_million_and_one(struct fake_linux *f)
{
	put32(f, f->num_syms, 1000001);
}

/* More than there are: the names run on into zeros, the next table or the end of the image. */
static void syms_one_more(struct fake_linux *f)
{
	put32(f, f->num_syms, f->symbols + 4);
}

static void index_not_ascending(struct fake_linux *f)
{
	put16(f, gva_add(f->token_index, 2 * 100), 3);
}

static void index_past_end(struct fake_linux *f)
{
	put16(f, gva_add(f->token_index, 2 * 255), 0xffff);
}

static void tokens_no_end(struct fake_linux *f)
{
	char old[64], new[64];

	snprintf(old, sizeof(old), "SYMBOL(kallsyms_token_table)=%" PRIx64, f->token_table.v);
	snprintf(new, sizeof(new), "SYMBOL(kallsyms_token_table)=%" PRIx64, f->image.v + 0x30000);
	memset(fake_linux_at(f, gva_add(f->image, 0x30000)), 'a', 2000);
	fake_linux_text(f, old, new);
}

static void tokens_not_text(struct fake_linux *f)
{
	char *table = fake_linux_at(f, f->token_table);

	/* Token 1 is "init_": byte 0 is the end of token 0, which is empty. */
	table[3] = '\n';
}

static void names_zero_length(struct fake_linux *f)
{
	*(uint8_t *)fake_linux_at(f, f->names) = 0;
}

/* A token of no letters: the entry spells nothing but its type. */
static void names_no_letters(struct fake_linux *f)
{
	uint8_t *p = fake_linux_at(f, f->names);

	memset(p + 2, 0xff, p[0] - 1);
}

static void names_long_written_long(struct fake_linux *f)
{
	uint8_t *p = fake_linux_at(f, f->names);
	uint8_t len = p[0];

	/* The same length in two bytes, which no kernel writes; the rest moves along over the second name. */
	memmove(p + 2, p + 1, len);
	p[0] = len | 0x80;
	p[1] = 0;
}

static void names_three_byte_length(struct fake_linux *f)
{
	uint8_t *p = fake_linux_at(f, f->names);

	p[0] = 0x81;
	p[1] = 0x81;
}

static void names_spell_too_much(struct fake_linux *f)
{
	uint8_t *p = fake_linux_at(f, f->names);

	p[0] = 0x80 | 80;
	p[1] = 1;	/* 208 tokens of 11 letters */
	memset(p + 2, 6, 208);
}

static void base_outside(struct fake_linux *f)
{
	memcpy(fake_linux_at(f, f->relative_base), "\0\0\0\0\0\0\0\0", 8);
}

static void base_moved(struct fake_linux *f)
{
	uint64_t base = f->image.v + 16;

	memcpy(fake_linux_at(f, f->relative_base), &base, sizeof(base));
}

static void offsets_not_sorted(struct fake_linux *f)
{
	put32(f, gva_add(f->offsets, 4 * 7), -1 - 0x20);	/* printk, below init_once */
}

static void offsets_unmapped(struct fake_linux *f)
{
	char old[64], new[64];

	snprintf(old, sizeof(old), "SYMBOL(kallsyms_offsets)=%" PRIx64, f->offsets.v);
	snprintf(new, sizeof(new), "SYMBOL(kallsyms_offsets)=%" PRIx64, f->image.v + FAKE_LINUX_PAGES * XG_PAGE_SIZE);
	fake_linux_text(f, old, new);
}

/* The letters of a name in the table; the names that tests look for are written in other ways. */
static void rename_in_table(struct fake_linux *f, const char *old, const char *new)
{
	uint8_t *names = fake_linux_at(f, f->names), *p = memmem(names, f->names_bytes, old, strlen(old));

	ck_assert_ptr_nonnull(p);
	memcpy(p, new, strlen(new));
}

static void names_without_data(struct fake_linux *f)
{
	rename_in_table(f, "uts_ns", "uts_nt");
}

static void names_two_anchors(struct fake_linux *f)
{
	rename_in_table(f, "_spare", "_stext");
}

static void names_no_vmcoreinfo(struct fake_linux *f)
{
	rename_in_table(f, "info_data", "info_dbta");
}

static void pointer_unmapped(struct fake_linux *f)
{
	uint64_t pointer = f->direct.v + (1u << 30);

	memcpy(fake_linux_at(f, f->vmcoreinfo_data), &pointer, 8);
}

/* The true variable is moved by a word: a pointer leads to the page, but not the one that the kernel calls so. */
static void pointer_elsewhere(struct fake_linux *f)
{
	uint64_t *variable = fake_linux_at(f, f->vmcoreinfo_data);

	variable[1] = variable[0];
	variable[0] = f->direct.v + (FAKE_LINUX_VMCOREINFO + 1) * PAGE;
}

static void pointer_odd(struct fake_linux *f)
{
	uint64_t *variable = fake_linux_at(f, f->vmcoreinfo_data);

	variable[1] = variable[0];
	variable[0] += 8;
}

static void tables_loop(struct fake_linux *f)
{
	uint64_t *entry = fake_linux_entry(f, f->image, 4);

	*entry = f->swapper_pg_dir.v - f->image.v + FAKE_LINUX_IMAGE * PAGE;
	*entry |= 0x67;
}

static void tables_out_of_range(struct fake_linux *f)
{
	*fake_linux_entry(f, f->image, 3) = UINT64_C(0x000ffffffffff067);
}

static void tables_reserved_bit(struct fake_linux *f)
{
	*fake_linux_entry(f, f->image, 4) |= 0x80;
}

static void tables_absent(struct fake_linux *f)
{
	*fake_linux_entry(f, f->image, 2) &= ~UINT64_C(1);
}

#define PVH { .type = XG_GUEST_PVH }
#define NO_CPU { .type = XG_GUEST_PVH, .asks_no_cpu = true }
#define ONE "1 looks like one, but: "

static const struct defect defects[] = {
	{ "VMCOREINFO not complete", text_cut, ENOENT, ONE "VMCOREINFO has no NUMBER(phys_base)", PVH },
	{ "VMCOREINFO cut in a line", text_cut_in_line, ENOENT, ONE "VMCOREINFO ends in the middle of a line: KERNE",
	  PVH },
	{ "VMCOREINFO without an end", text_no_end, ENOENT, ONE "VMCOREINFO ends in the middle of a line: aaa", PVH },
	{ "a line without =", text_no_equals, ENOENT, ONE "VMCOREINFO has a line without '=': PAGESIZE 4096", PVH },
	{ "another page size", text_page_size, ENOENT, ONE "VMCOREINFO says PAGESIZE=65536", PVH },
	{ "a line twice", text_twice, ENOENT, ONE "VMCOREINFO says PAGESIZE twice", PVH },
	{ "control characters in the release", text_release, ENOENT, ONE "VMCOREINFO says OSRELEASE=6.1.0-?[2Jtest",
	  PVH },
	{ "a release of 84 letters", text_release_long, ENOENT, ONE "VMCOREINFO says OSRELEASE=666", PVH },
	{ "a build-id that is none", text_build_id, ENOENT, ONE "VMCOREINFO says BUILD-ID=001x", PVH },
	{ "page tables in user space", text_root_in_user_space, ENOENT,
	  ONE "VMCOREINFO says SYMBOL(swapper_pg_dir)=7fff", PVH },
	{ "names in the direct map", text_names_in_direct_map, ENOENT,
	  ONE "VMCOREINFO says SYMBOL(kallsyms_names)=ffff8880", PVH },
	{ "a number of 65 bits", text_number_overflows, ENOENT, ONE "VMCOREINFO says KERNELOFFSET=1000", PVH },
	{ "an odd KASLR offset", text_offset_odd, ENOENT, ONE "VMCOREINFO says KERNELOFFSET=123", PVH },
	{ "neither 4 nor 5 levels", text_levels, ENOENT, ONE "VMCOREINFO says NUMBER(pgtable_l5_enabled)=2", PVH },
	{ "levels that are not the processor's", text_levels_lie, ENOENT,
	  ONE "it claims page tables of 5 levels, the processor's have 4", PVH },
	{ "an unaligned root", text_phys_base_unaligned, ENOENT, ONE "VMCOREINFO puts the page tables at 0x60200a",
	  PVH },
	{ "a root beyond 52 bits", text_phys_base_far, ENOENT, ONE "VMCOREINFO puts the page tables at 0x1000000",
	  PVH },
	{ "a root that is not the processor's", text_phys_base_lies, ENOENT,
	  ONE "it puts the page tables at frame 0x603, the processor has them at 0x602", PVH },
	{ "one part of kallsyms missing", text_one_kallsyms, ENOENT,
	  ONE "VMCOREINFO has no SYMBOL(kallsyms_token_index), yet others of its kind", PVH },
	{ "no kallsyms", text_no_kallsyms, ENOTSUP,
	  "Linux 6.1.0-test does not say where its symbols are (Linux 6.0 and later do", PVH },
	{ "no base for offsets that need one", text_no_relative_base, ENOTSUP,
	  "Linux 6.1.0-test: kallsyms puts _stext, init_uts_ns and init_top_pgt where VMCOREINFO does not", PVH },
	{ "an anchor that kallsyms has elsewhere", text_other_uts, ENOTSUP,
	  "kallsyms puts _stext, init_uts_ns and init_top_pgt where VMCOREINFO does not", PVH },
	{ "no symbols", syms_none, ENOTSUP, "kallsyms_num_syms is 0, 1 to 1,000,000 make sense", PVH },
	{ "a million and one", syms_million_and_one, ENOTSUP, "kallsyms_num_syms is 1,000,001,", PVH },
	{ "more symbols than names", syms_one_more, ENOTSUP, "kallsyms entry ", PVH },
	{ "a token that begins elsewhere", index_not_ascending, ENOTSUP,
	  "kallsyms token 100 begins at byte 3, the one before it ends at ", PVH },
	{ "a token index out of range", index_past_end, ENOTSUP, "kallsyms token 255 begins at byte 65535,", PVH },
	{ "a token without end", tokens_no_end, ENOTSUP, "kallsyms token 0 has no end within ", PVH },
	{ "a token that is not text", tokens_not_text, ENOTSUP, "kallsyms token 1 is not text", PVH },
	{ "a name of no bytes", names_zero_length, ENOTSUP, "kallsyms entry 0 spells 0 characters", PVH },
	{ "a name of no letters", names_no_letters, ENOTSUP, "kallsyms entry 0 spells 1 characters", PVH },
	{ "a short length written long", names_long_written_long, ENOTSUP,
	  "kallsyms entry 0 has a length that is not written as kernels do", PVH },
	{ "a length of three bytes", names_three_byte_length, ENOTSUP,
	  "kallsyms entry 0 has a length that is not written as kernels do", PVH },
	{ "a name of 2,288 letters", names_spell_too_much, ENOTSUP, "kallsyms entry 0 spells 2288 characters", PVH },
	{ "a base outside the kernel", base_outside, ENOTSUP,
	  "kallsyms_relative_base is 0, which is outside the kernel", PVH },
	{ "a base that is moved", base_moved, ENOTSUP, "kallsyms puts _stext,", PVH },
	{ "addresses not sorted", offsets_not_sorted, ENOTSUP,
	  "kallsyms entry 7 lies at 0xffffffff81000020, below the one before it", PVH },
	{ "offsets that are not mapped", offsets_unmapped, ENOENT, "cannot read kallsyms_offsets", PVH },
	{ "functions only", names_without_data, ENOTSUP,
	  "kallsyms does not list init_uts_ns: without CONFIG_KALLSYMS_ALL it has functions only", PVH },
	{ "an anchor twice", names_two_anchors, ENOTSUP, "kallsyms lists _stext 2 times", PVH },
	{ "no vmcoreinfo_data", names_no_vmcoreinfo, ENOTSUP, "kallsyms does not list vmcoreinfo_data once", PVH },
	{ "vmcoreinfo_data leads nowhere", pointer_unmapped, ENOENT, "is not mapped in guest 'fake'", NO_CPU },
	{ "vmcoreinfo_data leads elsewhere", pointer_elsewhere, ENOENT,
	  "the kernel's own page is frame 0x12d and says otherwise", PVH },
	{ "vmcoreinfo_data is no page", pointer_odd, ENOENT, "vmcoreinfo_data is 0xffff88800012c008, no page", PVH },
	{ "page tables in a circle", tables_loop, ENOENT, "no known kernel found in ", NO_CPU },
	{ "a page table out of range", tables_out_of_range, ENOENT, "page table of level 2 for 0xffffffff", NO_CPU },
	{ "a reserved bit in a page table", tables_reserved_bit, ENOENT, "the level 4 entry for 0xffffffff", NO_CPU },
	{ "a page table that is not there", tables_absent, ENOENT, "is not mapped in guest 'fake' (level 2)", NO_CPU },
};

START_TEST(one_defect_is_refused)
{
	const struct defect *d = &defects[_i];
	struct fake_linux *f = fake_linux_new(&d->spec, NULL);

	xg_kernel_close(must_open(f));	/* whole before */
	d->damage(f);
	must_refuse(f, d->code, d->text);
	fake_linux_free(f);
}
END_TEST

/* Page tables that lie must not be followed in circles, nor past their levels, from any root. */
START_TEST(any_table_ends_the_walk)
{
	struct fake_linux *f = fake_linux_new(&layouts[0], NULL);
	const struct xg_walk walk = { .g = f->guest, .root = fake_linux_frame(f, FAKE_LINUX_FREE), .levels = 4 };
	uint64_t *table = fake_linux_page(f, FAKE_LINUX_FREE);
	struct xg_translation t;
	size_t i;

	for (i = 0; i < 512; i++)
		table[i] = walk.root.n << XG_PAGE_SHIFT | 7;
	ck_assert_int_eq(xg_walk(&walk, XG_GVA(0x123456789000), &t, NULL), 0);
	ck_assert_uint_eq(t.frame.n, walk.root.n);
	ck_assert_uint_eq(t.mapping_bytes, 4096);
	fake_linux_free(f);
}
END_TEST

/* ---- Forged pages --------------------------------------------------------------------------------------------- */

/*
 * A user program's page with the true text but for one line. Where the processors are asked it is not even looked at.
 */
static void forge(struct fake_linux *f, size_t page)
{
	char *text = fake_linux_page(f, page);

	memcpy(text, text_of(f), PAGE);
	memcpy(strstr(text, "6.1.0"), "6.6.6", 5);
}

START_TEST(a_forged_page_is_not_taken)
{
	const size_t places[] = { FAKE_LINUX_FREE + 2, FAKE_LINUX_FREE + 100 };	/* before and behind the true one */
	struct fake_linux_spec spec = { .type = XG_GUEST_PVH, .asks_no_cpu = _i & 1 };
	struct fake_linux *f = fake_linux_new(&spec, NULL);
	struct xg_kernel *k;

	forge(f, places[_i >> 1]);
	k = must_open(f);
	ck_assert_str_eq(xg_kernel_os(k)->release, "6.1.0-test");
	ck_assert_uint_eq(xg_kernel_os(k)->vmcoreinfo.n, FAKE_LINUX_VMCOREINFO);
	xg_kernel_close(k);
	fake_linux_free(f);
}
END_TEST

/* kexec keeps a copy of the page: both say the same, and the kernel's own is the one that is reported. */
START_TEST(a_copy_of_the_page_does_not_matter)
{
	struct fake_linux_spec spec = { .type = XG_GUEST_PVH, .asks_no_cpu = true };
	struct fake_linux *f = fake_linux_new(&spec, NULL);
	struct xg_kernel *k;

	memcpy(fake_linux_page(f, FAKE_LINUX_FREE + 2), text_of(f), PAGE);
	k = must_open(f);
	ck_assert_uint_eq(xg_kernel_os(k)->vmcoreinfo.n, FAKE_LINUX_VMCOREINFO);
	xg_kernel_close(k);
	fake_linux_free(f);
}
END_TEST

/*
 * A user program that forged everything, page tables and symbols included: without a processor to ask, nobody can tell,
 * and that is what is said. With one, the true kernel is found.
 */
START_TEST(two_whole_kernels)
{
	struct xg_guest_info info = { .name = "two", .type = XG_GUEST_PVH, .vcpus = 1, .pages = 2 * FAKE_LINUX_PAGES };
	uint8_t *memory =
		mmap(NULL, 2 * FAKE_LINUX_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct fake_linux_spec a = { .type = XG_GUEST_PVH, .release = "6.6.6-forged" };
	struct fake_linux_spec b = { .type = XG_GUEST_PVH, .first = FAKE_LINUX_PAGES };
	struct fake_linux *forged = fake_linux_new(&a, memory);
	struct fake_linux *kernel = fake_linux_new(&b, memory + FAKE_LINUX_PAGES * PAGE);
	struct xg_paging paging = { .root = XG_GFN(FAKE_LINUX_PAGES + FAKE_LINUX_DATA + 2), .levels = 4 };
	struct xg_guest *g = xg_guest_fake(&info, memory, XG_GFN(0), 2 * FAKE_LINUX_PAGES, XG_GFN(0));
	struct xg_err err = XG_ERR_NONE;
	struct xg_kernel *k = NULL;

	ck_assert_int_eq(xg_kernel_open(g, &k, &err), -ENOTUNIQ);
	ck_assert_str_eq(err.text,
			 "frames 0x12c and 0x92c of guest 'two' both hold what could be its kernel: one is forged");
	xg_guest_fake_paging(g, &paging);
	ck_assert_msg(xg_kernel_open(g, &k, &err) == 0, "%s", err.text);
	ck_assert_str_eq(xg_kernel_os(k)->release, "6.1.0-test");
	ck_assert_uint_eq(xg_guest_fake_mapped(g), 0);
	xg_kernel_close(k);
	xg_guest_close(g);
	fake_linux_free(forged);
	fake_linux_free(kernel);
	munmap(memory, 2 * FAKE_LINUX_PAGES * PAGE);
}
END_TEST

/* Text that costs a symbol table each time it is refused: after eight of them somebody is forging. */
START_TEST(many_forged_pages_are_not_all_looked_at)
{
	struct fake_linux_spec spec = { .type = XG_GUEST_PVH, .asks_no_cpu = true };
	struct fake_linux *f = fake_linux_new(&spec, NULL);
	size_t i;

	for (i = 0; i < 40; i++)
		forge(f, FAKE_LINUX_FREE + i);
	must_refuse(f, EMFILE, "8 pages claim symbol tables and none holds: somebody in guest 'fake' forges them");
	fake_linux_free(f);
}
END_TEST

/* ---- Reading and writing -------------------------------------------------------------------------------------- */

START_TEST(memory_is_read_and_written_across_pages)
{
	struct fake_linux *f = fake_linux_new(&layouts[_i], NULL);
	struct xg_kernel *k = must_open(f);
	struct gva at = gva_add(f->image, (FAKE_LINUX_DATA - FAKE_LINUX_IMAGE + 20) * PAGE - 100);
	struct xg_err err = XG_ERR_NONE;
	uint8_t in[3 * 4096], out[3 * 4096];
	uint64_t word = 0, *behind;
	size_t i;

	for (i = 0; i < sizeof(in); i++)
		in[i] = i * 7;
	ck_assert_int_eq(xg_kernel_write(k, at, in, sizeof(in), &err), 0);
	ck_assert_int_eq(memcmp(fake_linux_at(f, at), in, sizeof(in)), 0);
	ck_assert_int_eq(xg_kernel_read(k, at, out, sizeof(out), &err), 0);
	ck_assert_int_eq(memcmp(in, out, sizeof(in)), 0);
	/* Read-only text is written as well: the guest's protection is not Dom0's. */
	ck_assert_int_eq(xg_kernel_write(k, gva_add(f->image, 0x108), "\x88\x77\x66\x55\x44\x33\x22\x11", 8, &err), 0);
	ck_assert_int_eq(xg_kernel_read_u64(k, gva_add(f->image, 0x108), &word, &err), 0);
	ck_assert_uint_eq(word, 0x1122334455667788);
	behind = fake_linux_at(f, gva_add(f->image, 0x110));
	ck_assert_uint_eq(*behind, 0);
	ck_assert_uint_eq(xg_guest_fake_mapped(f->guest), 0);
	xg_kernel_close(k);
	fake_linux_free(f);
}
END_TEST

START_TEST(a_write_is_whole_or_not_at_all)
{
	struct fake_linux *f = fake_linux_new(&layouts[0], NULL);
	struct xg_kernel *k = must_open(f);
	struct gva last = gva_add(f->image, (FAKE_LINUX_PAGES - FAKE_LINUX_IMAGE) * PAGE - 8);
	struct xg_err err = XG_ERR_NONE;
	uint8_t bytes[16];

	memset(bytes, 0xee, sizeof(bytes));
	ck_assert_int_eq(xg_kernel_write(k, last, bytes, sizeof(bytes), &err), -EFAULT);
	ck_assert_ptr_nonnull(strstr(err.text, "0xffffffff81400000 is not mapped in guest 'fake'"));
	ck_assert_uint_eq(*(uint64_t *)fake_linux_at(f, last), 0);
	ck_assert_int_eq(xg_kernel_read(k, last, bytes, sizeof(bytes), &err), -EFAULT);
	ck_assert_int_eq(xg_kernel_write(k, f->image, bytes, (size_t)XG_MAP_MAX * PAGE + 1, &err), -EINVAL);
	ck_assert_int_eq(xg_kernel_write(k, f->image, bytes, 0, &err), 0);
	/* The frame behind a present entry may be gone. */
	xg_guest_fake_hole(f->guest, XG_GFN(FAKE_LINUX_PAGES - 1), 1);
	ck_assert_int_eq(xg_kernel_write(k, last, bytes, 8, &err), -EFAULT);
	ck_assert_uint_eq(xg_guest_fake_mapped(f->guest), 0);
	xg_kernel_close(k);
	fake_linux_free(f);
}
END_TEST

/* The guest moves a page after the inspection: the next access sees it, nothing old is kept. */
START_TEST(a_changed_mapping_is_seen)
{
	struct fake_linux *f = fake_linux_new(&layouts[0], NULL);
	struct xg_kernel *k = must_open(f);
	struct gva at = gva_add(f->image, (FAKE_LINUX_DATA - FAKE_LINUX_IMAGE + 30) * PAGE);
	struct xg_translation t;
	uint64_t *entry = fake_linux_entry(f, at, 1);

	ck_assert_int_eq(xg_kernel_translate(k, at, &t, NULL), 0);
	ck_assert_uint_eq(t.frame.n, FAKE_LINUX_DATA + 30);
	*entry = (FAKE_LINUX_FREE + 5) << XG_PAGE_SHIFT | 1;
	ck_assert_int_eq(xg_kernel_translate(k, at, &t, NULL), 0);
	ck_assert_uint_eq(t.frame.n, FAKE_LINUX_FREE + 5);
	ck_assert(!t.writable && t.executable);
	*entry = 0;
	ck_assert_int_eq(xg_kernel_translate(k, at, &t, NULL), -EFAULT);
	xg_kernel_close(k);
	fake_linux_free(f);
}
END_TEST

/* From the Nth map call on Xen refuses: an error with a sentence, nothing left mapped, and no "there is no kernel". */
START_TEST(map_calls_that_fail)
{
	struct fake_linux *f = fake_linux_new(&layouts[_i], NULL);
	struct xg_err err;
	struct xg_kernel *k;
	unsigned int n;
	int rc = -1;

	for (n = 1; rc && n < 1000; n++) {
		err = (struct xg_err)XG_ERR_NONE;
		xg_guest_fake_fail_map(f->guest, n);
		rc = xg_kernel_open(f->guest, &k, &err);
		ck_assert_msg(rc == 0 || (rc == -ENOMEM && err.code == ENOMEM && *err.text), "call %u: %d, %s", n, rc,
			      err.text);
		ck_assert_uint_eq(xg_guest_fake_mapped(f->guest), 0);
	}
	ck_assert_int_eq(rc, 0);
	ck_assert_uint_gt(n, 5);
	xg_kernel_close(k);
	fake_linux_free(f);
}
END_TEST

/* A frame that Xen will not let Dom0 map: its own part of a PV guest's tables, or another domain's page. */
#define NOT_OURS (FAKE_LINUX_FREE + 77u)

static const struct xg_guest_ops *fake_ops;
static unsigned int asked_for_not_ours;
static int not_ours_says;

static int map_but_one(struct xg_guest *g, const struct gfn *frames, size_t count, enum xg_prot prot, int *errors,
		       void **ret, struct xg_err *err)
{
	size_t i;

	for (i = 0; i < count && !errors; i++)
		if (frames[i].n == NOT_OURS) {
			asked_for_not_ours++;
			return xg_fail_errno(err, not_ours_says, "cannot map frame %#" PRIx64, frames[i].n);
		}
	return fake_ops->map(g, frames, count, prot, errors, ret, err);
}

/* ROW: a guest's type, where a variable points to, what Xen says, and whether it is asked at all. */
static const struct {
	enum xg_guest_type type;
	uint64_t pointer;
	int says;
	bool asked;
	int code;
} not_ours[] = {
	{ XG_GUEST_PV, UINT64_C(0xffff8000828d8000), EBUSY, false, 0 },
	{ XG_GUEST_PV, UINT64_C(0xffff87fffffff000), EBUSY, false, 0 },
	{ XG_GUEST_PV, UINT64_C(0xffff900000000000), EBUSY, true, 0 },
	{ XG_GUEST_PVH, UINT64_C(0xffff8000828d8000), EPERM, true, 0 },
	{ XG_GUEST_PVH, UINT64_C(0xffff900000000000), EINVAL, true, 0 },
	{ XG_GUEST_PVH, UINT64_C(0xffff900000000000), ESRCH, true, ESRCH },	/* the domain is gone */
};

START_TEST(pointers_into_what_is_not_the_guests)
{
	struct fake_linux_spec spec = { .type = not_ours[_i].type };
	struct fake_linux *f = fake_linux_new(&spec, NULL);
	struct xg_guest_ops ops = *f->guest->ops;
	uint64_t *variable = fake_linux_at(f, f->vmcoreinfo_data);

	variable[1] = not_ours[_i].pointer;
	*fake_linux_entry(f, XG_GVA(not_ours[_i].pointer), 4) = (uint64_t)NOT_OURS << XG_PAGE_SHIFT | 0x67;
	fake_ops = f->guest->ops;
	ops.map = map_but_one;
	f->guest->ops = &ops;
	asked_for_not_ours = 0;
	not_ours_says = not_ours[_i].says;
	if (not_ours[_i].code)
		must_refuse(f, not_ours[_i].code, "cannot map frame");
	else
		xg_kernel_close(must_open(f));
	ck_assert_uint_eq(asked_for_not_ours > 0, not_ours[_i].asked);
	fake_linux_free(f);
}
END_TEST

/* ---- The report ----------------------------------------------------------------------------------------------- */

static char *printed(int (*print)(FILE *, const struct xg_guest_info *, const struct xg_os *, const char *,
				  struct xg_err *),
		     const char *personality)
{
	struct fake_linux_spec spec = { .type = XG_GUEST_PVH, .five_levels = true, .kaslr = 0x29a00000 };
	struct fake_linux *f = fake_linux_new(&spec, NULL);
	struct xg_kernel *k = must_open(f);
	struct xg_err err = XG_ERR_NONE;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ck_assert_int_eq(print(out, &f->guest->info, xg_kernel_os(k), personality, &err), 0);
	fclose(out);
	xg_kernel_close(k);
	fake_linux_free(f);
	return text;
}

START_TEST(report_as_text)
{
	char *text = printed(xg_report_text, "linux-6.1.0-test");

	ck_assert_ptr_nonnull(strstr(text, "guest              fake (id 7, pvh, 1 vCPU, 2,048 pages)\n"));
	ck_assert_ptr_nonnull(strstr(text, "uuid               01020300-0000-0000-0000-000000000000\n"));
	ck_assert_ptr_nonnull(strstr(text, "release            6.1.0-test\n"));
	ck_assert_ptr_nonnull(strstr(text, "build-id           00112233445566778899aabbccddeeff00112233\n"));
	ck_assert_ptr_nonnull(strstr(text, "page tables        frame 0x602, 5 levels\n"));
	ck_assert_ptr_nonnull(strstr(text, "physical base      -0x2a600000\n"));
	ck_assert_ptr_nonnull(strstr(text, "KASLR offset       0x29a00000\n"));
	ck_assert_ptr_nonnull(strstr(text, "symbols            18\n"));
	ck_assert_ptr_nonnull(strstr(text, "personality        linux-6.1.0-test\n"));
	free(text);
	text = printed(xg_report_text, NULL);
	ck_assert_ptr_nonnull(strstr(text, "personality        none\n"));
	free(text);
}
END_TEST

START_TEST(report_as_json)
{
	char *text = printed(xg_report_json, NULL);
	json_t *report = json_loads(text, 0, NULL), *guest = json_object_get(report, "guest"),
	       *os = json_object_get(report, "os");

	ck_assert_str_eq(json_string_value(json_object_get(guest, "type")), "pvh");
	ck_assert_str_eq(json_string_value(json_object_get(guest, "uuid")), "01020300-0000-0000-0000-000000000000");
	ck_assert_int_eq(json_integer_value(json_object_get(guest, "domid")), 7);
	ck_assert_str_eq(json_string_value(json_object_get(os, "release")), "6.1.0-test");
	ck_assert_str_eq(json_string_value(json_object_get(os, "kaslr_offset")), "0x29a00000");
	ck_assert_str_eq(json_string_value(json_object_get(os, "phys_base")), "0xffffffffd5a00000");
	ck_assert_int_eq(json_integer_value(json_object_get(os, "page_table_levels")), 5);
	ck_assert_int_eq(json_integer_value(json_object_get(os, "symbols")), 18);
	ck_assert(json_is_null(json_object_get(report, "personality")));
	json_decref(report);
	free(text);
	text = printed(xg_report_json, "p");
	report = json_loads(text, 0, NULL);
	ck_assert_str_eq(json_string_value(json_object_get(report, "personality")), "p");
	json_decref(report);
	free(text);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("inspect");
	TCase *t = tcase_create("inspect");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, every_layout_comes_out_as_it_is, 0, LAYOUTS);
	tcase_add_test(t, all_symbols_of_the_table_can_be_listed);
	tcase_add_test(t, a_processor_in_user_mode_under_pti);
	tcase_add_test(t, processors_that_do_not_run_yet);
	tcase_add_test(t, another_vcpu_speaks_for_one_that_is_offline);
	tcase_add_test(t, a_variable_that_is_read_only);
	tcase_add_test(t, an_empty_guest_has_no_kernel);
	tcase_add_test(t, holes_are_stepped_over);
	tcase_add_test(t, an_id_that_is_another_domains_now);
	tcase_add_loop_test(t, one_defect_is_refused, 0, XG_ARRAY_SIZE(defects));
	tcase_add_test(t, any_table_ends_the_walk);
	tcase_add_loop_test(t, a_forged_page_is_not_taken, 0, 4);
	tcase_add_test(t, a_copy_of_the_page_does_not_matter);
	tcase_add_test(t, two_whole_kernels);
	tcase_add_test(t, many_forged_pages_are_not_all_looked_at);
	tcase_add_loop_test(t, memory_is_read_and_written_across_pages, 0, LAYOUTS);
	tcase_add_test(t, a_write_is_whole_or_not_at_all);
	tcase_add_test(t, a_changed_mapping_is_seen);
	tcase_add_loop_test(t, map_calls_that_fail, 0, LAYOUTS);
	tcase_add_loop_test(t, pointers_into_what_is_not_the_guests, 0, XG_ARRAY_SIZE(not_ours));
	tcase_add_test(t, report_as_text);
	tcase_add_test(t, report_as_json);
	suite_add_tcase(s, t);
	return run_suite(s);
}
