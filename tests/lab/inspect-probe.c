// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Inspects a guest, or the memory image of a machine, and says what it found and how long it took. Run by
 * t-inspect.sh in a real Dom0 and by inspect-probe-images on memory that plain QEMU left behind; never installed.
 *
 *     inspect-probe [--json] GUEST [SYMBOL]...        the report; each symbol's address and mapping
 *     inspect-probe --image FILE [--root FRAME/LEVELS] [SYMBOL]...
 *                                                     the same of a file that holds memory from address 0 on, and
 *                                                     of the page tables that its processor ran on
 *     inspect-probe --compare KALLSYMS GUEST|--image FILE   every symbol against a /proc/kallsyms
 *     inspect-probe --notes NOTES GUEST|--image FILE  the build-id against a /sys/kernel/notes
 *
 * Exit status: 0, 1 for an error (printed with its number), 2 when a comparison found a difference.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "dom0-tools/inspect/inspect.h"
#include "dom0-tools/inspect/report.h"
#include "lib/base/cleanup.h"

struct options {
	const char *guest, *image, *root, *kallsyms, *notes;
	bool json;
	char **symbols;
};

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

static int image_open(const char *path, const char *root, struct xg_guest **ret, struct xg_err *err)
{
	struct xg_guest_info info = { .type = XG_GUEST_PVH, .vcpus = 1 };
	struct xg_paging paging;
	int fd xg_auto_close = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *at;

	if (fd < 0 || fstat(fd, &st))
		return xg_fail_errno(err, errno, "cannot open %s", path);
	at = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return xg_fail_errno(err, errno, "cannot map %s", path);
	snprintf(info.name, sizeof(info.name), "image");
	info.pages = st.st_size / XG_PAGE_SIZE;
	*ret = xg_guest_fake(&info, at, XG_GFN(0), info.pages, XG_GFN(0));
	if (!*ret)
		return xg_fail(err, ENOMEM, "no memory");
	if (root && sscanf(root, "%" SCNx64 "/%u", &paging.root.n, &paging.levels) == 2)
		xg_guest_fake_paging(*ret, &paging);
	return 0;
}

static int symbol_print(struct xg_kernel *k, const char *name, struct xg_err *err)
{
	struct xg_translation t;
	struct gva at, next;
	uint64_t word;
	int rc = xg_kernel_symbol(k, name, &at, err);

	if (!rc)
		rc = xg_kernel_symbol_after(k, at, &next, err);
	if (rc)
		return rc;
	printf("%s %#" PRIx64 " next %#" PRIx64, name, at.v, next.v);
	if (!xg_kernel_translate(k, at, &t, err) && !xg_kernel_read_u64(k, at, &word, err))
		printf(" frame %#" PRIx64 " in %" PRIu64 " KiB %s%s first %#" PRIx64, t.frame.n, t.mapping_bytes >> 10,
		       t.writable ? "w" : "-", t.executable ? "x" : "-", word);
	putchar('\n');
	return 0;
}

/* The table has a symbol at AT: the one after the byte before. */
static bool symbol_lies_at(struct xg_kernel *k, uint64_t at)
{
	struct gva found;

	return at == 0 || (!xg_kernel_symbol_after(k, XG_GVA(at - 1), &found, NULL) && found.v == at);
}

static bool line_parse(const char *line, uint64_t *ret_at, char name[600])
{
	return !strchr(line, '\t') && sscanf(line, "%" SCNx64 " %*c %599s", ret_at, name) == 2;
}

/* All names of the file in one go: one by one each would take a pass over the table. */
static int look_up(struct xg_kernel *k, FILE *f, struct xg_err *err)
{
	const uint32_t most = xg_kernel_os(k)->symbols;
	char line[1024], name[600], **names = calloc(most, sizeof(*names));
	uint32_t n = 0;
	uint64_t at;
	int rc;

	while (names && n < most && fgets(line, sizeof(line), f))
		if (line_parse(line, &at, name))
			names[n++] = strdup(name);
	rewind(f);
	rc = names ? xg_kernel_look_up(k, (const char *const *)names, n, err) : -ENOMEM;
	while (n)
		free(names[--n]);
	free(names);
	return rc;
}

/*
 * KALLSYMS has a line "address type name[\tmodule]" a symbol. A name that occurs once in the kernel must have its
 * address; one that occurs several times must be refused, yet its addresses be there. Modules' symbols (a tab) are
 * not the kernel's table's.
 */
static int compare(struct xg_kernel *k, const char *path, struct xg_err *err)
{
	FILE *f = fopen(path, "re");
	unsigned long same = 0, several = 0, wrong = 0;
	char line[1024], name[600];
	uint64_t want;
	int rc;

	if (!f)
		return xg_fail_errno(err, errno, "cannot open %s", path);
	rc = look_up(k, f, err);
	while (!rc && fgets(line, sizeof(line), f)) {
		struct gva at;

		if (!line_parse(line, &want, name))
			continue;
		int found = xg_kernel_symbol(k, name, &at, err);

		if (!found && at.v == want && symbol_lies_at(k, want)) {
			same++;
		} else if (found == -ENOTUNIQ && symbol_lies_at(k, want)) {
			several++;
		} else {
			if (wrong++ < 10)
				printf("differs: %s is %#" PRIx64 ", not %#" PRIx64 " (%d)\n", name, want,
				       found ? 0 : at.v, found);
		}
	}
	fclose(f);
	if (rc)
		return rc;
	printf("compared: %lu equal, %lu of an ambiguous name, %lu wrong, %u in the table\n", same, several, wrong,
	       xg_kernel_os(k)->symbols);
	return wrong || same + several != xg_kernel_os(k)->symbols ? xg_fail(err, EXDEV, "symbols differ") : 0;
}

/* ELF notes: namesz, descsz, type, name, desc, each part padded to 4; the build-id is type 3 of "GNU". */
static int compare_notes(struct xg_kernel *k, const char *path, struct xg_err *err)
{
	FILE *f = fopen(path, "re");
	uint8_t bytes[65536];
	char hex[128] = "";
	size_t have, at = 0, i;

	if (!f)
		return xg_fail_errno(err, errno, "cannot open %s", path);
	have = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	while (have - at >= 12) {
		uint32_t head[3];
		size_t desc;

		memcpy(head, bytes + at, sizeof(head));
		desc = at + 12 + ((head[0] + 3) & ~3u);
		if (head[0] > 256 || head[1] > 4096 || desc + head[1] > have)
			break;
		if (head[2] == 3 && head[0] == 4 && !memcmp(bytes + at + 12, "GNU", 4) && head[1] <= 40)
			for (i = 0; i < head[1]; i++)
				sprintf(hex + 2 * i, "%02x", bytes[desc + i]);
		at = desc + ((head[1] + 3) & ~3u);
	}
	printf("build-id of the notes: %s\n", hex);
	return strcmp(hex, xg_kernel_os(k)->build_id) ? xg_fail(err, EXDEV, "build-id differs") : 0;
}

static int probe(const struct options *o, struct xg_err *err)
{
	struct xg_guest *g = NULL;
	struct xg_kernel *k = NULL;
	double start = now_ms(), opened, read;
	char **symbol;
	int rc = o->image ? image_open(o->image, o->root, &g, err) : xg_guest_open(o->guest, &g, err);

	opened = now_ms();
	if (!rc)
		rc = xg_kernel_open(g, &k, err);
	read = now_ms();
	fprintf(stderr, "time: %.1f ms to open, %.1f ms to inspect\n", opened - start, read - opened);
	if (!rc)
		rc = (o->json ? xg_report_json : xg_report_text)(stdout, &g->info, xg_kernel_os(k), NULL, err);
	for (symbol = o->symbols; !rc && *symbol; symbol++)
		rc = symbol_print(k, *symbol, err);
	if (!rc && o->kallsyms)
		rc = compare(k, o->kallsyms, err);
	if (!rc && o->notes)
		rc = compare_notes(k, o->notes, err);
	xg_kernel_close(k);
	xg_guest_close(g);
	return rc;
}

int main(int argc, char **argv)
{
	struct xg_err err = XG_ERR_NONE;
	struct options o = { .guest = NULL };
	int rc;

	(void)argc;
	for (argv++; *argv && !strncmp(*argv, "--", 2); argv++) {
		const char **value = !strcmp(*argv, "--image") ? &o.image : !strcmp(*argv, "--compare") ? &o.kallsyms :
				     !strcmp(*argv, "--notes") ? &o.notes : !strcmp(*argv, "--root") ? &o.root : NULL;

		if (value && argv[1])
			*value = *++argv;
		else
			o.json = true;
	}
	if (!o.image)
		o.guest = *argv ? *argv++ : "";
	o.symbols = argv;
	rc = probe(&o, &err);
	if (rc)
		printf("error %s: %s\n", strerrorname_np(-rc), err.text);
	return rc == -EXDEV ? 2 : rc ? 1 : 0;
}
