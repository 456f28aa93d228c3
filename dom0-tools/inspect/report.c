// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Prints what runs in a guest. Called by the programs; must never print a byte of the guest's that was not checked
 * to be plain text (vmcoreinfo.c and guest_xen.c did).
 */
#include "dom0-tools/inspect/report.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "dom0-tools/inspect/number.h"

static const char *type_name(enum xg_guest_type type)
{
	switch (type) {
	case XG_GUEST_PV:
		return "pv";
	case XG_GUEST_HVM:
		return "hvm";
	case XG_GUEST_PVH:
		return "pvh";
	}
	return "unknown";
}

struct uuid_text {
	char text[37];
};

static struct uuid_text uuid_text(const uint8_t uuid[16])
{
	struct uuid_text r;
	size_t i, n = 0;

	for (i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			r.text[n++] = '-';
		n += snprintf(r.text + n, sizeof(r.text) - n, "%02x", uuid[i]);
	}
	return r;
}

/* Whose page it is that says who it is. */
static bool is_linux(const struct xg_os *os)
{
	return !strcmp(os->name, "linux");
}

/* phys_base is a difference: printed with its sign. */
static void line_phys_base(FILE *out, uint64_t phys_base)
{
	int64_t n = (int64_t)phys_base;

	fprintf(out, "%-18s %s%#" PRIx64 "\n", "physical base", n < 0 ? "-" : "", n < 0 ? -phys_base : phys_base);
}

int xg_report_text(FILE *out, const struct xg_guest_info *guest, const struct xg_os *os, const char *personality,
		   struct xg_err *err)
{
	fprintf(out, "%-18s %s (id %" PRIu32 ", %s, %u vCPU%s, %s pages)\n", "guest", guest->name, guest->domid,
		type_name(guest->type), guest->vcpus, guest->vcpus == 1 ? "" : "s", xg_number(guest->pages).text);
	fprintf(out, "%-18s %s\n", "uuid", uuid_text(guest->uuid).text);
	fprintf(out, "%-18s %s\n", "system", os->name);
	fprintf(out, "%-18s %s\n", "release", os->release);
	fprintf(out, "%-18s %s\n", "build-id", *os->build_id ? os->build_id : "not known");
	fprintf(out, "%-18s %s\n", "architecture", os->arch);
	fprintf(out, "%-18s frame %#" PRIx64 ", %u levels\n", "page tables", os->root.n, os->levels);
	line_phys_base(out, os->phys_base);
	fprintf(out, "%-18s %#" PRIx64 "\n", "KASLR offset", os->kaslr_offset);
	fprintf(out, "%-18s frame %#" PRIx64 ", %" PRIu32 " bytes\n", is_linux(os) ? "VMCOREINFO" : "identity page",
		os->vmcoreinfo.n, os->vmcoreinfo_bytes);
	fprintf(out, "%-18s %s\n", "symbols", xg_number(os->symbols).text);
	fprintf(out, "%-18s %s\n", "personality", personality ? personality : "none");
	if (fflush(out) || ferror(out))
		return xg_fail(err, EIO, "cannot write the report");
	return 0;
}

static json_t *hexadecimal(uint64_t n)
{
	return json_sprintf("%#" PRIx64, n);
}

/* NULL: out of memory. */
static json_t *guest_object(const struct xg_guest_info *guest)
{
	return json_pack("{s:s, s:I, s:s, s:s, s:i, s:I}",
			 "name", guest->name,
			 "domid", (json_int_t)guest->domid,
			 "uuid", uuid_text(guest->uuid).text,
			 "type", type_name(guest->type),
			 "vcpus", (int)guest->vcpus,
			 "pages", (json_int_t)guest->pages);
}

static json_t *os_object(const struct xg_os *os)
{
	return json_pack("{s:s, s:s, s:s?, s:s, s:o, s:i, s:o, s:o, s:o, s:I, s:I}",
			 "name", os->name,
			 "release", os->release,
			 "build_id", *os->build_id ? os->build_id : NULL,
			 "arch", os->arch,
			 "page_table_root", hexadecimal(os->root.n),
			 "page_table_levels", (int)os->levels,
			 "phys_base", hexadecimal(os->phys_base),
			 "kaslr_offset", hexadecimal(os->kaslr_offset),
			 is_linux(os) ? "vmcoreinfo_frame" : "identity_frame", hexadecimal(os->vmcoreinfo.n),
			 is_linux(os) ? "vmcoreinfo_bytes" : "identity_bytes", (json_int_t)os->vmcoreinfo_bytes,
			 "symbols", (json_int_t)os->symbols);
}

int xg_report_json(FILE *out, const struct xg_guest_info *guest, const struct xg_os *os, const char *personality,
		   struct xg_err *err)
{
	json_t *report = json_pack("{s:o, s:o, s:s?}", "guest", guest_object(guest), "os", os_object(os),
				   "personality", personality);
	int rc;

	if (!report)
		return xg_fail(err, ENOMEM, "no memory for the report");
	rc = json_dumpf(report, out, JSON_INDENT(2));
	json_decref(report);
	if (rc || fputc('\n', out) == EOF || fflush(out))
		return xg_fail(err, EIO, "cannot write the report");
	return 0;
}
