// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * xengraft-gen: makes driver images and personalities from descriptions. Run by administrators, by `make`, by
 * build-image and by xengraft when its repository has nothing that fits. What it was asked for appears whole or not at
 * all.
 */
#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "driver-gen/catalogue.h"
#include "driver-gen/compile.h"
#include "driver-gen/os.h"
#include "lib/base/cleanup.h"

enum { EXIT_USAGE = 2 };

struct options {
	const char *device, *os, *release, *mode, *out, *descriptions, *headers, *vmlinuz;
	bool emit_c, list, json, verbose;
};

static const char usage_text[] =
	"usage: xengraft-gen --device DEVICE [--mode MODE] [--os OS --release RELEASE] -o OUT.o\n"
	"       xengraft-gen --os OS --release RELEASE [--vmlinuz FILE] [--headers DIR] -o OUT.o\n"
	"       xengraft-gen --emit-c (--device DEVICE [--mode MODE] | --os OS [--release RELEASE]) [-o OUT]\n"
	"       xengraft-gen --list [--json]\n"
	"Makes a driver image (--device) or a personality (--os alone) from its description.\n"
	"\n"
	" --device DEVICE     a description's name, or its file\n"
	" --mode MODE         virtual or paravirtual; needed where the device has both\n"
	" --os OS             a description's name, or its file\n"
	" --release RELEASE   as uname -r prints it; with --device the driver is for it alone, and its needs\n"
	"                     are held against what the OS offers\n"
	" -o, --output OUT    the image, or with --emit-c the C source (default there: standard output)\n"
	" --emit-c            the C source instead of an image; without --release for every release\n"
	" --list              devices and OSes that are described\n"
	" --json              with --list\n"
	" --headers DIR       the kernel's prepared headers\n"
	" --vmlinuz FILE      the kernel image that guests boot\n"
	" --descriptions DIR  where devices/, os/, skeletons/ and cflags lie\n"
	" -v, --verbose       show the compiler's commands\n"
	" -h, --help, --version\n";

/* ---- Where things are -------------------------------------------------------------------------------------------- */

static const char *setting(const char *variable, const char *otherwise)
{
	const char *value = getenv(variable);

	return value && *value ? value : otherwise;
}

static int join(char **ret, const char *a, const char *b, struct xg_err *err)
{
	if (asprintf(ret, "%s/%s", a, b) < 0) {
		*ret = NULL;
		return xg_fail(err, ENOMEM, "out of memory");
	}
	return 0;
}

/* PATTERN with the release in the place of @. */
static int with_release(const char *pattern, const char *release, char **ret, struct xg_err *err)
{
	const char *at = strchr(pattern, '@');
	int n;

	if (at)
		n = asprintf(ret, "%.*s%s%s", (int)(at - pattern), pattern, release, at + 1);
	else
		n = asprintf(ret, "%s", pattern);

	if (n < 0) {
		*ret = NULL;
		return xg_fail(err, ENOMEM, "out of memory");
	}
	return 0;
}

/* ---- A driver ---------------------------------------------------------------------------------------------------- */

static int choose_mode(const struct gen_device *dev, const char *mode, const char **ret, struct xg_err *err)
{
	if (!mode && dev->nr_modes > 1)
		return xg_fail(err, EINVAL, "device %s has the modes %s and %s: say --mode", dev->name,
			       dev->modes[0], dev->modes[1]);
	*ret = mode ? mode : dev->modes[0];
	return 0;
}

static int emit_driver(const struct options *o, const struct gen_device *dev, const char *os, const char *name,
		       FILE *out,
		       struct xg_err *err)
{
	char *text xg_auto_free = NULL, *path xg_auto_free = NULL;
	const char *mode = NULL;
	size_t size;
	int rc = choose_mode(dev, o->mode, &mode, err);

	if (!rc && asprintf(&path, "%s/skeletons/%s", o->descriptions, dev->skeleton) < 0)
		rc = xg_fail(err, ENOMEM, "out of memory");
	if (!rc)
		rc = gen_read_file(path, &text, &size, err);
	if (!rc)
		rc = gen_device_emit(dev, mode, os, os ? o->release : NULL, text, size, name, out, err);
	return rc;
}

/* To OUT, or to standard output when that is NULL. EMIT writes; what it calls the file is its second argument's. */
struct emission {
	int (*emit)(const struct options *o, const void *what, const char *os, const char *name, FILE *out,
		    struct xg_err *err);
	const void *what;
	const char *os;
};

static int emit_to(const struct options *o, const struct emission *e, const char *path, struct xg_err *err)
{
	struct gen_output output xg_auto(gen_output_drop) = { .path = NULL };
	int rc;

	if (!path) {
		rc = e->emit(o, e->what, e->os, "<stdout>", stdout, err);
		if (!rc && (fflush(stdout) || ferror(stdout)))
			rc = xg_fail_errno(err, errno, "cannot write");
		return rc;
	}
	rc = gen_output_open(path, &output, err);
	if (!rc)
		rc = e->emit(o, e->what, e->os, basename(path), output.f, err);
	return rc ? rc : gen_output_finish(&output, err);
}

static int emit_device(const struct options *o, const void *what, const char *os, const char *name, FILE *out,
		       struct xg_err *err)
{
	return emit_driver(o, what, os, name, out, err);
}

static int compile_device(const struct options *o, const struct gen_device *dev, const char *os, struct xg_err *err)
{
	char *work xg_auto(gen_work_drop) = NULL, *source xg_auto_free = NULL, *flags xg_auto_free = NULL,
		   *abi xg_auto_free = NULL;
	struct emission e = { .emit = emit_device, .what = dev, .os = os };
	const char *mode = NULL;
	int rc = choose_mode(dev, o->mode, &mode, err);

	if (!rc)
		rc = gen_work_make(&work, err);
	if (!rc && asprintf(&source, "%s/%s-%s.c", work, dev->name, mode) < 0)
		rc = xg_fail(err, ENOMEM, "out of memory");
	if (!rc)
		rc = join(&flags, o->descriptions, "cflags", err);
	if (!rc)
		rc = join(&abi, setting("XENGRAFT_STUBS", XG_STUBSDIR), "abi", err);
	if (!rc)
		rc = emit_to(o, &e, source, err);
	if (!rc)
		rc = gen_compile_driver(source, flags, abi, PACKAGE_VERSION, o->verbose, o->out, err);
	return rc;
}

/* ---- An OS ------------------------------------------------------------------------------------------------------- */

static int open_os(const struct options *o, struct gen_file *file, struct gen_os **ret, struct xg_err *err)
{
	int rc = gen_file_open(o->descriptions, "os", o->os, ".xgo", file, err);

	if (!rc)
		rc = gen_os_parse(file->path, file->text, file->size, &file->arena, ret, err);
	if (!rc && o->release)
		rc = gen_os_has_release(*ret, o->release, err);
	return rc;
}

static int make_driver(const struct options *o, struct xg_err *err)
{
	struct gen_file file xg_auto(gen_file_fini) = { .path = NULL },
			     os_file xg_auto(gen_file_fini) = { .path = NULL };
	struct gen_device *dev = NULL;
	struct gen_os *os = NULL;
	struct emission e = { .emit = emit_device };
	int rc = gen_file_open(o->descriptions, "devices", o->device, ".xgd", &file, err);

	if (!rc)
		rc = gen_device_parse(file.path, file.text, file.size, &file.arena, &dev, err);
	if (!rc && o->os)
		rc = open_os(o, &os_file, &os, err);
	if (!rc && os)
		rc = gen_os_offers(os, gen_device_needs(dev), dev->name, err);
	if (rc)
		return rc;
	e.what = dev;
	e.os = os ? os->name : NULL;
	return o->emit_c ? emit_to(o, &e, o->out, err) : compile_device(o, dev, e.os, err);
}

static int emit_os(const struct options *o, const void *what, const char *os, const char *name, FILE *out,
		   struct xg_err *err)
{
	(void)os;
	return gen_os_emit(what, o->release, name, out, err);
}

static bool has_headers(const char *folder)
{
	char *config xg_auto_free = NULL;

	return asprintf(&config, "%s/.config", folder) >= 0 && access(config, R_OK) == 0;
}

/* Whether the headers are there is asked first: the reason is one line, not a compiler's page. */
static int find_headers(const struct options *o, const struct gen_os *os, struct xg_err *err)
{
	char *package xg_auto_free = NULL;
	unsigned int i;
	int rc;

	if (!os->headers_package)
		return 0;
	if (o->headers)
		return has_headers(o->headers) ? 0 :
		       xg_fail(err, ENOENT, "%s holds no prepared kernel headers", o->headers);
	for (i = 0; i < os->nr_headers_folders; i++) {
		char *folder xg_auto_free = NULL;

		rc = with_release(os->headers_folders[i], o->release, &folder, err);
		if (rc)
			return rc;
		if (has_headers(folder))
			return 0;
	}
	rc = with_release(os->headers_package, o->release, &package, err);
	return rc ? rc : xg_fail(err, ENOENT, "no headers for %s; on Debian they are in the package %s",
				 o->release, package);
}

/* The header goes to the builder, whose environment says where it lies. */
static int hand_over_interface(const struct options *o, const struct gen_os *os, char **ret_work, struct xg_err *err)
{
	struct emission e = { .emit = emit_os, .what = os };
	char *header xg_auto_free = NULL;
	int rc = gen_work_make(ret_work, err);

	if (!rc)
		rc = join(&header, *ret_work, "os_interface.h", err);
	if (!rc)
		rc = emit_to(o, &e, header, err);
	if (!rc && setenv("XENGRAFT_OS_INTERFACE", header, 1))
		rc = xg_fail(err, ENOMEM, "out of memory");
	return rc;
}

static int build_personality(const struct options *o, const struct gen_os *os, struct xg_err *err)
{
	const char *folder = setting("XENGRAFT_BUILDERS", XG_LIBEXECDIR);
	char *program xg_auto_free = NULL, *work xg_auto(gen_work_drop) = NULL;
	char *argv[12];
	int n = 0, rc;

	if (!os->builder)
		return xg_fail(err, ENOTSUP, "%s: no builder makes its personality; --emit-c gives the interface",
			       os->path);
	rc = find_headers(o, os, err);
	if (!rc)
		rc = join(&program, folder, os->builder, err);
	if (!rc)
		rc = hand_over_interface(o, os, &work, err);
	if (rc)
		return rc;
	argv[n++] = program;
	argv[n++] = (char *)"--release";
	argv[n++] = (char *)o->release;
	if (o->vmlinuz) {
		argv[n++] = (char *)"--vmlinuz";
		argv[n++] = (char *)o->vmlinuz;
	}
	if (o->headers) {
		argv[n++] = (char *)"--headers";
		argv[n++] = (char *)o->headers;
	}
	if (o->verbose)
		argv[n++] = (char *)"-v";
	argv[n++] = (char *)"-o";
	argv[n++] = (char *)o->out;
	argv[n] = NULL;
	rc = gen_run(argv, "xengraft", !o->verbose, err);
	/* It has said why, in one line, as we would. */
	if (rc == -ECHILD)
		err->text[0] = '\0';
	return rc;
}

static int make_personality(const struct options *o, struct xg_err *err)
{
	struct gen_file file xg_auto(gen_file_fini) = { .path = NULL };
	struct emission e = { .emit = emit_os };
	struct gen_os *os;
	int rc = open_os(o, &file, &os, err);

	if (rc)
		return rc;
	e.what = os;
	return o->emit_c ? emit_to(o, &e, o->out, err) : build_personality(o, os, err);
}

/* ---- What there is ----------------------------------------------------------------------------------------------- */

struct listing {
	json_t *devices, *oses;
};

static json_t *modes_of(const struct gen_device *dev)
{
	json_t *modes = json_array();
	unsigned int i;

	for (i = 0; i < dev->nr_modes; i++)
		json_array_append_new(modes, json_string(dev->modes[i]));
	return modes;
}

static int list_device(void *ctx, const char *path, struct xg_err *err)
{
	struct gen_file file xg_auto(gen_file_fini) = { .path = NULL };
	struct listing *l = ctx;
	struct gen_device *dev;
	int rc = gen_file_open(NULL, NULL, path, NULL, &file, err);

	if (!rc)
		rc = gen_device_parse(file.path, file.text, file.size, &file.arena, &dev, err);
	if (!rc)
		json_array_append_new(l->devices, json_pack("{ssssssssss so}", "device", dev->name, "title",
							    dev->title, "class",
							    dev->class_name, "identity", dev->identity, "needs",
							    gen_device_needs(dev), "modes", modes_of(dev)));
	return rc;
}

static int list_os(void *ctx, const char *path, struct xg_err *err)
{
	struct gen_file file xg_auto(gen_file_fini) = { .path = NULL };
	char offers[64], from[40];
	struct listing *l = ctx;
	struct gen_os *os;
	int rc = gen_file_open(NULL, NULL, path, NULL, &file, err);

	if (!rc)
		rc = gen_os_parse(file.path, file.text, file.size, &file.arena, &os, err);
	if (rc)
		return rc;
	gen_os_offers_print(os, offers, sizeof(offers));
	gen_release_print(os->from, from, sizeof(from));
	json_array_append_new(l->oses, json_pack("{ssssssss}", "os", os->name, "title", os->title, "from", from,
						 "offers", offers));
	return 0;
}

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static void print_listing(const struct listing *l)
{
	json_t *row, *mode;
	size_t i, k;

	printf("%-12s %-22s %-15s %s\n", "DEVICE", "MODES", "NEEDS", "IDENTITY");
	json_array_foreach(l->devices, i, row) {
		char modes[64] = "";

		json_array_foreach(json_object_get(row, "modes"), k, mode) {
			size_t used = strlen(modes);

			snprintf(modes + used, sizeof(modes) - used, "%s%s", used ? "," : "", json_string_value(mode));
		}
		printf("%-12s %-22s %-15s %s\n", text_of(row, "device"), modes, text_of(row, "needs"),
		       text_of(row, "identity"));
	}
	printf("\n%-12s %-22s %-15s %s\n", "OS", "FROM", "OFFERS", "TITLE");
	json_array_foreach(l->oses, i, row)
		printf("%-12s %-22s %-15s %s\n", text_of(row, "os"), text_of(row, "from"), text_of(row, "offers"),
		       text_of(row, "title"));
}

static int list(const struct options *o, struct xg_err *err)
{
	struct listing l = { json_array(), json_array() };
	json_t *all = json_pack("{soso}", "devices", l.devices, "oses", l.oses);
	int rc = gen_each_file(o->descriptions, "devices", ".xgd", list_device, &l, err);

	if (!rc)
		rc = gen_each_file(o->descriptions, "os", ".xgo", list_os, &l, err);
	if (!rc && o->json) {
		json_dumpf(all, stdout, JSON_INDENT(2));
		putchar('\n');
	} else if (!rc) {
		print_listing(&l);
	}
	json_decref(all);
	return rc;
}

/* ---- The command line -------------------------------------------------------------------------------------------- */

static int usage(const char *why)
{
	fprintf(stderr, "xengraft-gen: %s\n%s", why, usage_text);
	return EXIT_USAGE;
}

/* -1, or the status to exit with. */
static int check_options(const struct options *o)
{
	if (o->list)
		return o->device || o->os || o->out || o->emit_c ? usage("--list stands alone") : -1;
	if (!o->device && !o->os)
		return usage("--device or --os is needed");
	if (o->mode && !o->device)
		return usage("--mode is a device's");
	if (!o->out && !o->emit_c)
		return usage("-o is needed");
	if (o->release && !o->os)
		return usage("--release is an OS's");
	if (o->os && !o->release && (o->device || !o->emit_c))
		return usage("--os wants --release");
	return -1;
}

static int parse(int argc, char **argv, struct options *o)
{
	static const struct option table[] = {
		{ "device", required_argument, NULL, 'd' }, { "os", required_argument, NULL, 's' },
		{ "release", required_argument, NULL, 'r' }, { "mode", required_argument, NULL, 'm' },
		{ "output", required_argument, NULL, 'o' }, { "emit-c", no_argument, NULL, 'c' },
		{ "list", no_argument, NULL, 'l' }, { "json", no_argument, NULL, 'j' },
		{ "headers", required_argument, NULL, 'H' }, { "vmlinuz", required_argument, NULL, 'k' },
		{ "descriptions", required_argument, NULL, 'D' }, { "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "o:vh", table, NULL)) != -1) {
		switch (c) {
		case 'd': o->device = optarg; break;
		case 's': o->os = optarg; break;
		case 'r': o->release = optarg; break;
		case 'm': o->mode = optarg; break;
		case 'o': o->out = optarg; break;
		case 'c': o->emit_c = true; break;
		case 'l': o->list = true; break;
		case 'j': o->json = true; break;
		case 'H': o->headers = optarg; break;
		case 'k': o->vmlinuz = optarg; break;
		case 'D': o->descriptions = optarg; break;
		case 'v': o->verbose = true; break;
		case 'h': fputs(usage_text, stdout); return EXIT_SUCCESS;
		case 'V': puts("xengraft-gen " PACKAGE_VERSION); return EXIT_SUCCESS;
		default: fputs(usage_text, stderr); return EXIT_USAGE;
		}
	}
	return optind < argc ? usage("an argument that belongs to no option") : check_options(o);
}

int main(int argc, char **argv)
{
	struct options o = { .descriptions = setting("XENGRAFT_DESCRIPTIONS", XG_DESCRIPTIONSDIR) };
	struct xg_err err = XG_ERR_NONE;
	int status = parse(argc, argv, &o), rc;

	if (status >= 0)
		return status;
	rc = o.list ? list(&o, &err) : o.device ? make_driver(&o, &err) : make_personality(&o, &err);
	if (!rc)
		return EXIT_SUCCESS;
	if (err.text[0])
		fprintf(stderr, "xengraft-gen: %s\n", err.text);
	return EXIT_FAILURE;
}
