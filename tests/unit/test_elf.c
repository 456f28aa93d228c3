// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * lib/elf: a valid object comes out as it went in; an object with exactly one defect is refused with a code and
 * a sentence that name that defect.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/array.h"
#include "lib/base/cleanup.h"
#include "lib/elf/elf.h"
#include "tests/lib/elf_builder.h"
#include "tests/lib/run_suite.h"

XG_DEFINE_AUTO(struct xg_elf, xg_elf_close)

static const uint8_t code[32] = { 0xe8, 0, 0, 0, 0, 0xe9, 0, 0, 0, 0, 0xc3 };
static const uint64_t words[4] = { 0, 11, 22, 33 };

/* The object that each row below damages. */
static uint8_t *baseline(size_t *ret_size)
{
	struct elfb *b = elfb_new();
	uint16_t text = elfb_text(b, ".text", code, sizeof(code));
	uint16_t data = elfb_data(b, ".data", words, sizeof(words));
	uint16_t debug = elfb_section(b, ".debug_info", SHT_PROGBITS, 0, 1, code, 16);
	uint32_t local, import;

	elfb_section(b, ".bss", SHT_NOBITS, SHF_ALLOC | SHF_WRITE, 64, NULL, 8192);
	local = elfb_symbol(b, "", data, STB_LOCAL, STT_SECTION, 0, 0);
	elfb_symbol(b, "version", SHN_ABS, STB_LOCAL, STT_NOTYPE, 42, 0);
	import = elfb_import(b, "kernel_function");
	elfb_function(b, "driver_main", text, 5, 6);
	elfb_relocation(b, text, 1, R_X86_64_PLT32, import, -4);
	elfb_relocation(b, text, 6, R_X86_64_PC32, local, 4);
	elfb_relocation(b, debug, 0, R_X86_64_64, local, 0);
	elfb_relocation(b, data, 0, R_X86_64_64, local, 8);
	return elfb_finish(b, ret_size);
}

START_TEST(valid_object_comes_out_as_it_went_in)
{
	xg_auto(xg_elf_close_p) struct xg_elf *elf = NULL;
	xg_auto_free uint8_t *image = NULL;
	const struct xg_elf_section *s;
	const struct xg_elf_symbol *sym;
	struct xg_err err = XG_ERR_NONE;
	size_t size;

	image = baseline(&size);
	ck_assert_msg(xg_elf_open(image, size, &elf, &err) == 0, "%s", err.text);

	s = xg_elf_section(elf, ".text");
	ck_assert_ptr_nonnull(s);
	ck_assert_uint_eq(s->size, sizeof(code));
	ck_assert_mem_eq(s->data, code, sizeof(code));
	ck_assert_uint_eq(s->align, 16);
	ck_assert_uint_eq(s->flags, SHF_ALLOC | SHF_EXECINSTR);
	s = xg_elf_section(elf, ".bss");
	ck_assert_ptr_nonnull(s);
	ck_assert_ptr_null(s->data);
	ck_assert_uint_eq(s->size, 8192);

	sym = xg_elf_symbol(elf, "driver_main");
	ck_assert_ptr_nonnull(sym);
	ck_assert_uint_eq(sym->section, elfb_section_index(image, ".text"));
	ck_assert_uint_eq(sym->value, 5);
	ck_assert_uint_eq(sym->size, 6);
	ck_assert_uint_eq(xg_elf_symbol(elf, "version")->value, 42);
	ck_assert_ptr_null(xg_elf_symbol(elf, "kernel_function"));
	ck_assert_ptr_null(xg_elf_section(elf, ".nonesuch"));

	/* Two of .text, one of .data; the one of .debug_info is nobody's business. */
	ck_assert_uint_eq(elf->relocation_count, 3);
	ck_assert_uint_eq(elf->relocations[0].type, R_X86_64_PLT32);
	ck_assert_uint_eq(elf->relocations[0].offset, 1);
	ck_assert_int_eq(elf->relocations[0].addend, -4);
	ck_assert_str_eq(elf->symbols[elf->relocations[0].symbol].name, "kernel_function");
	ck_assert_uint_eq(elf->relocations[2].section, elfb_section_index(image, ".data"));
	ck_assert_int_eq(elf->relocations[2].addend, 8);
}
END_TEST

START_TEST(image_may_begin_at_any_byte)
{
	xg_auto_free uint8_t *image = NULL, *moved = NULL;
	struct xg_err err = XG_ERR_NONE;
	size_t size, shift;

	image = baseline(&size);
	for (shift = 1; shift < 8; shift++) {
		xg_auto(xg_elf_close_p) struct xg_elf *elf = NULL;

		free(moved);
		moved = malloc(size + shift);
		memcpy(moved + shift, image, size);
		ck_assert_msg(xg_elf_open(moved + shift, size, &elf, &err) == 0, "%s", err.text);
		ck_assert_uint_eq(elf->relocation_count, 3);
	}
}
END_TEST

/* The last bytes of a file may be a section's, and an empty section may stand behind them. */
START_TEST(sections_may_reach_the_end)
{
	xg_auto_free uint8_t *image = NULL;
	struct xg_err err = XG_ERR_NONE;
	size_t size;
	int empty;

	image = baseline(&size);
	for (empty = 0; empty <= 1; empty++) {
		xg_auto(xg_elf_close_p) struct xg_elf *elf = NULL;

		elfb_section_header(image, ".debug_info")->sh_offset = empty ? size : size - 16;
		elfb_section_header(image, ".debug_info")->sh_size = empty ? 0 : 16;
		ck_assert_msg(xg_elf_open(image, size, &elf, &err) == 0, "%s", err.text);
		ck_assert_ptr_eq(xg_elf_section(elf, ".debug_info")->data, image + (empty ? size : size - 16));
	}
}
END_TEST

/* SHT_NULL in the middle: the header's other fields mean nothing, whatever they say. */
START_TEST(inactive_section_is_empty)
{
	xg_auto(xg_elf_close_p) struct xg_elf *elf = NULL;
	xg_auto_free uint8_t *image = NULL;
	struct xg_err err = XG_ERR_NONE;
	Elf64_Shdr *h;
	size_t size;

	image = baseline(&size);
	h = elfb_section_header(image, ".bss");
	h->sh_type = SHT_NULL;
	h->sh_size = h->sh_offset = h->sh_addralign = UINT64_MAX;
	ck_assert_msg(xg_elf_open(image, size, &elf, &err) == 0, "%s", err.text);
	ck_assert_ptr_null(xg_elf_section(elf, ".bss"));
	ck_assert_uint_eq(elf->sections[4].size, 0);
	ck_assert_uint_eq(elf->sections[4].flags, 0);
	ck_assert_ptr_null(elf->sections[4].data);
}
END_TEST

START_TEST(name_that_two_have_is_nobodys)
{
	xg_auto(xg_elf_close_p) struct xg_elf *elf = NULL;
	struct elfb *b = elfb_new();
	uint16_t a = elfb_text(b, ".text", code, sizeof(code));
	xg_auto_free uint8_t *image = NULL;
	struct xg_err err = XG_ERR_NONE;
	size_t size;

	elfb_text(b, ".text", code, sizeof(code));
	elfb_symbol(b, "twice", a, STB_LOCAL, STT_FUNC, 0, 1);
	elfb_symbol(b, "twice", a, STB_LOCAL, STT_FUNC, 1, 1);
	image = elfb_finish(b, &size);
	ck_assert_msg(xg_elf_open(image, size, &elf, &err) == 0, "%s", err.text);
	ck_assert_ptr_null(xg_elf_section(elf, ".text"));
	ck_assert_ptr_null(xg_elf_symbol(elf, "twice"));
}
END_TEST

/* ---- Objects with one defect ------------------------------------------------------------------------------ */

#define H elfb_header(image)
#define S(name) elfb_section_header(image, name)
#define SYM(name) elfb_symbol_entry(image, name)
#define RELA(section, i) elfb_relocation_entry(image, section, i)

/* Shrinks the copy that the reader sees. */
#define CUT(bytes) (*size = (bytes))

#define ROWS									\
	ROW(empty, CUT(0), "0 bytes are too few")				\
	ROW(header_cut, CUT(63), "63 bytes are too few for an ELF header of 64")	\
	ROW(header_alone, CUT(64), "11 section headers at byte")		\
	ROW(section_table_cut, CUT(*size - 1), "section headers at byte")	\
	ROW(magic, H->e_ident[0] = 'E', "not an ELF file: it begins with 45 45 4c 46")	\
	ROW(class_32, H->e_ident[EI_CLASS] = ELFCLASS32, "class 1, not 64-bit")	\
	ROW(big_endian, H->e_ident[EI_DATA] = ELFDATA2MSB, "encoding 2, not little-endian")	\
	ROW(ident_version, H->e_ident[EI_VERSION] = 2, "ELF version 2")		\
	ROW(os_abi, H->e_ident[EI_OSABI] = ELFOSABI_FREEBSD, "OS ABI 9")	\
	ROW(shared_object, H->e_type = ET_DYN, "ELF type 3, not a relocatable object")	\
	ROW(executable, H->e_type = ET_EXEC, "ELF type 2, not a relocatable object")	\
	ROW(i386, H->e_machine = EM_386, "machine 3, not x86-64")		\
	ROW(arm64, H->e_machine = EM_AARCH64, "machine 183, not x86-64")	\
	ROW(header_version, H->e_version = 0, "header version 0")		\
	ROW(header_size, H->e_ehsize = 52, "an ELF header of 52 bytes, not 64")	\
	ROW(program_headers, H->e_phnum = 1, "1 program headers")		\
	ROW(no_sections, H->e_shnum = 0, "no section headers")			\
	ROW(too_many_sections, H->e_shnum = 4097, "4097 sections, at most 4096")	\
	ROW(section_header_size, H->e_shentsize = 40, "section headers of 40 bytes, not 64")	\
	ROW(section_table_odd, H->e_shoff += 4, "not a multiple of 8")		\
	ROW(section_table_outside, H->e_shoff = 1 << 20, "section headers at byte 1048576 of a")	\
	ROW(section_table_wraps, H->e_shoff = UINT64_MAX - 7, "section headers at byte 18446744073709551608")	\
	ROW(more_headers_than_bytes, H->e_shnum = 4000, "4000 section headers at byte")	\
	ROW(names_nowhere, H->e_shstrndx = 0, "section names in section 0 of")	\
	ROW(names_outside, H->e_shstrndx = H->e_shnum, "section names in section 11 of 11")	\
	ROW(names_extended, H->e_shstrndx = SHN_XINDEX, "section names in section 65535")	\
	ROW(names_no_strings, H->e_shstrndx = 1, "section names in section 1 of type 1, not a string table")	\
	ROW(names_open, S(".shstrtab")->sh_size -= 1, "section names in section 10 do not end with a NUL")	\
	ROW(names_empty, S(".shstrtab")->sh_size = 0, "section names in section 10 do not end with a NUL")	\
	ROW(null_section, ((Elf64_Shdr *)(image + H->e_shoff))->sh_type = SHT_PROGBITS, \
	    "section 0 is not the null section") \
	ROW(null_section_size, ((Elf64_Shdr *)(image + H->e_shoff))->sh_size = 5, "section 0 is not the null section") \
	ROW(null_section_link, ((Elf64_Shdr *)(image + H->e_shoff))->sh_link = 1, "section 0 is not the null section") \
	ROW(null_section_name, ((Elf64_Shdr *)(image + H->e_shoff))->sh_name = 1, "section 0 is not the null section") \
	ROW(section_name_outside, S(".data")->sh_name = 1 << 16, "section 2 is named by byte 65536 of a")	\
	ROW(section_name_at_end, S(".data")->sh_name = S(".shstrtab")->sh_size, "section 2 is named by byte")	\
	ROW(section_begins_outside, S(".data")->sh_offset = *size + 1, "section 2 begins at byte")	\
	ROW(section_ends_outside, S(".data")->sh_size = *size, "section 2 has")	\
	ROW(section_size_wraps, S(".data")->sh_size = UINT64_MAX, \
	    "section 2 has 18446744073709551615 bytes from byte") \
	ROW(section_offset_wraps, S(".data")->sh_offset = UINT64_MAX, \
	    "section 2 begins at byte 18446744073709551615") \
	ROW(debug_ends_outside, S(".debug_info")->sh_size = *size, "section 3 has")	\
	ROW(zeroes_without_end, S(".bss")->sh_size = UINT64_C(1) << 63, \
	    "section 4 asks for 9223372036854775808 zero bytes") \
	ROW(align_3, S(".data")->sh_addralign = 3, "section 2 is aligned to 3, not a power of two")	\
	ROW(align_8192, S(".data")->sh_addralign = 8192, "section 2 is aligned to 8192, at most 4096")	\
	ROW(align_2_63, S(".bss")->sh_addralign = UINT64_C(1) << 63, "at most 4096")	\
	ROW(two_symbol_tables, S(".debug_info")->sh_type = SHT_SYMTAB, "two symbol tables, sections 3 and 5")	\
	ROW(extended_numbers, S(".debug_info")->sh_type = SHT_SYMTAB_SHNDX, "extended section numbers")	\
	ROW(symbol_entry_size, S(".symtab")->sh_entsize = 16, "(.symtab) has entries of 16 bytes, not 24")	\
	ROW(symbol_entry_size_0, S(".symtab")->sh_entsize = 0, "(.symtab) has entries of 0 bytes, not 24")	\
	ROW(symbol_table_odd, S(".symtab")->sh_size -= 1, "(.symtab) has 119 bytes, not a multiple of 24")	\
	ROW(symbol_names_nowhere, S(".symtab")->sh_link = 0, "symbol names in section 0 of 11")	\
	ROW(symbol_names_outside, S(".symtab")->sh_link = 77, "symbol names in section 77 of 11")	\
	ROW(symbol_names_at_end, S(".symtab")->sh_link = 11, "symbol names in section 11 of 11")	\
	ROW(symbol_names_in_code, S(".symtab")->sh_link = 1, \
	    "symbol names in section 1 of type 1, not a string table") \
	ROW(symbol_names_open, S(".strtab")->sh_size -= 1, "symbol names in section 6 do not end with a NUL")	\
	ROW(symbol_name_outside, SYM("driver_main")->st_name = 5000, "symbol 4 is named by byte 5000 of a")	\
	ROW(symbol_section_outside, SYM("driver_main")->st_shndx = 99, \
	    "symbol 4 (driver_main) in section 99 of 11") \
	ROW(symbol_section_at_end, SYM("driver_main")->st_shndx = 11, \
	    "symbol 4 (driver_main) in section 11 of 11") \
	ROW(symbol_common, SYM("driver_main")->st_shndx = SHN_COMMON, "(driver_main) is a common one")	\
	ROW(symbol_livepatch, SYM("driver_main")->st_shndx = 0xff20, "(driver_main) in section 65312 of 11")	\
	ROW(symbol_extended, SYM("driver_main")->st_shndx = SHN_XINDEX, "(driver_main) in section 65535 of 11")	\
	ROW(symbol_beyond_section, SYM("driver_main")->st_value = 33, \
	    "(driver_main) has 6 bytes from byte 33 of the 32-byte section 1") \
	ROW(symbol_ends_beyond, SYM("driver_main")->st_size = 28, \
	    "(driver_main) has 28 bytes from byte 5 of the 32-byte") \
	ROW(symbol_size_wraps, SYM("driver_main")->st_size = UINT64_MAX, \
	    "(driver_main) has 18446744073709551615 bytes") \
	ROW(symbol_binding, SYM("driver_main")->st_info = ELF64_ST_INFO(STB_GNU_UNIQUE, STT_FUNC), \
	    "(driver_main) has binding 10") \
	ROW(rel_for_rela, S(".rela.text")->sh_type = SHT_REL, "(.rela.text) has relocations without addends")	\
	ROW(rela_entry_size, S(".rela.text")->sh_entsize = 16, "(.rela.text) has entries of 16 bytes, not 24")	\
	ROW(rela_odd, S(".rela.text")->sh_size -= 8, "(.rela.text) has 40 bytes, not a multiple of 24")	\
	ROW(rela_symbols, S(".rela.text")->sh_link = 6, \
	    "(.rela.text) is for symbol table 6, the object's is 5") \
	ROW(rela_no_symbols, S(".symtab")->sh_type = SHT_PROGBITS, \
	    "(.rela.text) is for symbol table 5, the object's is 0") \
	ROW(rela_target_outside, S(".rela.text")->sh_info = 4096, "(.rela.text) patches section 4096 of 11")	\
	ROW(rela_target_at_end, S(".rela.text")->sh_info = 11, "(.rela.text) patches section 11 of 11")	\
	ROW(rela_target_zeroes, S(".rela.data")->sh_info = 4, \
	    "(.rela.data) patches section 4 (.bss), which has no bytes") \
	ROW(rela_beyond_section, RELA(".rela.text", 1)->r_offset = 32, \
	    "a relocation at byte 32 of the 32-byte section 1 (.text)") \
	ROW(rela_offset_wraps, RELA(".rela.text", 1)->r_offset = UINT64_MAX, \
	    "a relocation at byte 18446744073709551615") \
	ROW(rela_symbol_outside, RELA(".rela.text", 1)->r_info = ELF64_R_INFO(UINT64_C(5), R_X86_64_PC32), \
	    "is for symbol 5 of 5") \
	ROW(rela_symbol_huge, RELA(".rela.text", 1)->r_info = ELF64_R_INFO(UINT64_C(0xffffffff), R_X86_64_PC32), \
	    "symbol 4294967295 of 5")

#define ROW(name, damage, text) \
	static void damage_##name(uint8_t *image, size_t *size) { (void)image; (void)size; damage; }
ROWS
#undef ROW

static const struct {
	const char *name;
	void (*damage)(uint8_t *image, size_t *size);
	const char *text;
} defects[] = {
#define ROW(name, damage, text) { #name, damage_##name, text },
ROWS
#undef ROW
};

/* The bytes are copied to an allocation of their exact size, so that the sanitizer sees a read past them. */
START_TEST(one_defect_is_named)
{
	xg_auto_free uint8_t *image = NULL, *exact = NULL;
	struct xg_elf *elf = (struct xg_elf *)(uintptr_t)1;
	struct xg_err err = XG_ERR_NONE;
	size_t size;
	int rc;

	image = baseline(&size);
	defects[_i].damage(image, &size);
	exact = malloc(size ? size : 1);
	memcpy(exact, image, size);
	rc = xg_elf_open(exact, size, &elf, &err);
	ck_assert_msg(rc == -ENOEXEC, "%s: returned %d (%s)", defects[_i].name, rc, err.text);
	ck_assert_int_eq(err.code, ENOEXEC);
	ck_assert_msg(strstr(err.text, defects[_i].text) != NULL, "%s: '%s' lacks '%s'", defects[_i].name, err.text,
		      defects[_i].text);
	ck_assert_ptr_eq(elf, (void *)(uintptr_t)1);	/* untouched on failure */
}
END_TEST

/* Every way of cutting the file short is an error, not a crash. */
START_TEST(truncated_anywhere_is_refused)
{
	xg_auto_free uint8_t *image = NULL;
	struct xg_elf *elf = NULL;
	size_t size, cut;

	image = baseline(&size);
	for (cut = 0; cut < size; cut++) {
		xg_auto_free uint8_t *exact = malloc(cut ? cut : 1);

		memcpy(exact, image, cut);
		ck_assert_int_eq(xg_elf_open(exact, cut, &elf, NULL), -ENOEXEC);
	}
}
END_TEST

/* ---- Ceilings ---------------------------------------------------------------------------------------------- */

static int open_and_close(struct elfb *b, struct xg_err *err)
{
	xg_auto(xg_elf_close_p) struct xg_elf *elf = NULL;
	xg_auto_free uint8_t *image = NULL;
	size_t size;

	image = elfb_finish(b, &size);
	return xg_elf_open(image, size, &elf, err);
}

/* The builder adds the null section and .symtab, .strtab, .shstrtab. */
START_TEST(ceiling_of_sections)
{
	struct xg_err err = XG_ERR_NONE;
	struct elfb *b;
	int i, more;

	for (more = 0; more <= 1; more++) {
		b = elfb_new();
		for (i = 0; i < (int)XG_ELF_SECTIONS_MAX - 4 + more; i++)
			elfb_text(b, ".text", NULL, 0);
		ck_assert_int_eq(open_and_close(b, &err), more ? -ENOEXEC : 0);
	}
	ck_assert_str_eq(err.text, "4097 sections, at most 4096");
}
END_TEST

START_TEST(ceiling_of_symbols)
{
	struct xg_err err = XG_ERR_NONE;
	struct elfb *b;
	int i, more;

	for (more = 0; more <= 1; more++) {
		b = elfb_new();
		for (i = 0; i < (int)XG_ELF_SYMBOLS_MAX - 1 + more; i++)
			elfb_symbol(b, "", SHN_ABS, STB_LOCAL, STT_NOTYPE, i, 0);
		ck_assert_int_eq(open_and_close(b, &err), more ? -ENOEXEC : 0);
	}
	ck_assert_str_eq(err.text, "section 1 (.symtab) has 65537 entries, at most 65536");
}
END_TEST

/* All sections' relocations count together. */
START_TEST(ceiling_of_relocations)
{
	struct xg_err err = XG_ERR_NONE;
	struct elfb *b;
	uint16_t text, data;
	int i, more;

	for (more = 0; more <= 1; more++) {
		b = elfb_new();
		text = elfb_text(b, ".text", code, sizeof(code));
		data = elfb_data(b, ".data", words, sizeof(words));
		for (i = 0; i < (int)XG_ELF_RELOCATIONS_MAX + more; i++)
			elfb_relocation(b, i % 2 ? text : data, 0, R_X86_64_NONE, 0, 0);
		ck_assert_int_eq(open_and_close(b, &err), more ? -ENOEXEC : 0);
	}
	ck_assert_ptr_nonnull(strstr(err.text, "entries, at most 32768"));
}
END_TEST

START_TEST(ceiling_of_bytes)
{
	xg_auto_free uint8_t *big = calloc(1, XG_ELF_BYTES_MAX + 1);
	xg_auto_free uint8_t *image = NULL;
	struct xg_err err = XG_ERR_NONE;
	struct xg_elf *elf = NULL;
	size_t size;

	image = baseline(&size);
	memcpy(big, image, size);
	ck_assert_int_eq(xg_elf_open(big, XG_ELF_BYTES_MAX, &elf, &err), 0);
	xg_elf_close(elf);
	ck_assert_int_eq(xg_elf_open(big, XG_ELF_BYTES_MAX + 1, &elf, &err), -ENOEXEC);
	ck_assert_str_eq(err.text, "an image of 4194305 bytes, at most 4194304");
}
END_TEST

START_TEST(close_takes_null)
{
	xg_elf_close(NULL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("elf");
	TCase *t = tcase_create("elf");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, valid_object_comes_out_as_it_went_in);
	tcase_add_test(t, image_may_begin_at_any_byte);
	tcase_add_test(t, sections_may_reach_the_end);
	tcase_add_test(t, inactive_section_is_empty);
	tcase_add_test(t, name_that_two_have_is_nobodys);
	tcase_add_loop_test(t, one_defect_is_named, 0, XG_ARRAY_SIZE(defects));
	tcase_add_test(t, truncated_anywhere_is_refused);
	tcase_add_test(t, ceiling_of_sections);
	tcase_add_test(t, ceiling_of_symbols);
	tcase_add_test(t, ceiling_of_relocations);
	tcase_add_test(t, ceiling_of_bytes);
	tcase_add_test(t, close_takes_null);
	suite_add_tcase(s, t);
	return run_suite(s);
}
