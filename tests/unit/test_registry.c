// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * driver-repo/remote against a registry that misbehaves: tokens, what breaks off, what does not end. (A real one:
 * tests/unit/repo-oci.sh.)
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "driver-repo/file.h"
#include "driver-repo/remote/registry.h"
#include "lib/base/array.h"
#include "tests/lib/fake_registry.h"
#include "tests/lib/run_suite.h"

static char dir[64], log_path[100], part_path[200];
static char bytes[6000 + 1];
static struct fake_registry fake;
static struct xg_oci_descriptor blob;

static void setup(void)
{
	size_t i;

	strcpy(dir, "/tmp/xengraft-test-registry-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	for (i = 0; i < sizeof(bytes) - 1; i++)
		bytes[i] = 'a' + i * i % 23;
	xg_oci_describe(bytes, sizeof(bytes) - 1, "", &blob);
	snprintf(log_path, sizeof(log_path), "%s/log", dir);
	snprintf(part_path, sizeof(part_path), "%s/part-%s", dir, blob.digest);
	fake = (struct fake_registry){ .blob = bytes,
				       .manifest = "{\"schemaVersion\":2,\"manifests\":[]}",
				       .log = log_path };
	strcpy(fake.blob_digest, blob.digest);
	setenv("HOME", dir, 1);
	unsetenv("XDG_RUNTIME_DIR");
	unsetenv("http_proxy");
}

static void teardown(void)
{
	fake_registry_stop(&fake);
	unlink(log_path);
	unlink(part_path);
	rmdir(dir);
}

static struct xg_place place(void)
{
	struct xg_err err = XG_ERR_NONE;
	char address[100];
	const char *addresses[] = { address };
	struct xg_place p;

	fake_registry_start(&fake);
	snprintf(address, sizeof(address), "http://127.0.0.1:%u/pool/images", fake.port);
	ck_assert_msg(!xg_registry_open(addresses, 1, dir, &p, &err), "%s", err.text);
	return p;
}

static unsigned int logged(const char *what)
{
	char line[2000];
	unsigned int n = 0;
	FILE *f = fopen(log_path, "r");

	while (f && fgets(line, sizeof(line), f))
		n += strstr(line, what) != NULL;
	if (f)
		fclose(f);
	return n;
}

static int get(struct xg_place *p, struct xg_err *err)
{
	char *got = NULL;
	size_t size = 0;
	int rc = p->blob_get(p->ctx, blob.digest, blob.size, 0, &got, &size, err);

	if (!rc) {
		ck_assert_uint_eq(size, blob.size);
		ck_assert_mem_eq(got, bytes, size);
		ck_assert_int_eq(access(part_path, F_OK), -1);
	}
	free(got);
	return rc;
}

START_TEST(token_is_asked_for_once)
{
	struct xg_err err = XG_ERR_NONE;
	struct xg_place p;
	char *text;
	size_t size;

	fake.wants_token = true;
	p = place();
	ck_assert_msg(!p.manifest_get(p.ctx, NULL, 0, &text, &size, &err), "%s", err.text);
	ck_assert_str_eq(text, fake.manifest);
	free(text);
	ck_assert_msg(!get(&p, &err), "%s", err.text);
	ck_assert_uint_eq(logged("GET /token"), 1);
	xg_registry_close(&p);
}
END_TEST

START_TEST(without_a_token_it_is_refused)
{
	struct xg_err err = XG_ERR_NONE;
	struct xg_place p;
	char *text;
	size_t size;

	fake.wants_token = fake.no_token = true;
	p = place();
	ck_assert_int_eq(p.manifest_get(p.ctx, NULL, 0, &text, &size, &err), -EACCES);
	ck_assert_msg(strstr(err.text, "no token from") != NULL, "%s", err.text);
	xg_registry_close(&p);
}
END_TEST

START_TEST(download_that_breaks_off_goes_on)
{
	struct xg_err err = XG_ERR_NONE;
	struct xg_place p;

	fake.cut_downloads = 2;
	p = place();
	ck_assert_msg(!get(&p, &err), "%s", err.text);
	ck_assert_uint_eq(logged("GET /v2/pool/images/blobs/"), 3);
	ck_assert_uint_eq(logged("bytes=3000-"), 1);
	ck_assert_uint_eq(logged("bytes=4500-"), 1);
	xg_registry_close(&p);
}
END_TEST

/* More often than it is tried: what came stays, and the next command goes on there. */
START_TEST(next_command_goes_on)
{
	struct xg_err err = XG_ERR_NONE;
	struct xg_place p;
	struct stat st;

	fake.cut_downloads = 4;
	p = place();
	ck_assert_int_lt(get(&p, &err), 0);
	ck_assert(!stat(part_path, &st));
	ck_assert_int_eq(st.st_size, 6000 - 6000 / 8);
	ck_assert_msg(!get(&p, &err), "%s", err.text);
	xg_registry_close(&p);
}
END_TEST

START_TEST(registry_without_ranges_begins_anew)
{
	struct xg_err err = XG_ERR_NONE;
	struct xg_place p;

	fake.cut_downloads = 1;
	fake.ignores_ranges = true;
	p = place();
	ck_assert_msg(!get(&p, &err), "%s", err.text);
	xg_registry_close(&p);
}
END_TEST

START_TEST(what_does_not_end_is_cut_off)
{
	struct xg_err err = XG_ERR_NONE;
	struct xg_place p;

	fake.endless = true;
	p = place();
	ck_assert_int_lt(get(&p, &err), 0);
	ck_assert_msg(strstr(err.text, "sent more than 6000 bytes") != NULL, "%s", err.text);
	xg_registry_close(&p);
}
END_TEST

START_TEST(upload_that_breaks_off_goes_on)
{
	struct xg_err err = XG_ERR_NONE;
	struct xg_place p;

	fake.cut_uploads = _i;
	p = place();
	ck_assert_msg(!p.blob_put(p.ctx, &blob, bytes, &err), "%s", err.text);
	ck_assert_uint_eq(logged("PATCH "), 1 + _i);
	xg_registry_close(&p);
}
END_TEST

START_TEST(upload_that_never_ends_is_given_up)
{
	struct xg_err err = XG_ERR_NONE;
	struct xg_place p;

	fake.cut_uploads = 100;
	p = place();
	ck_assert_int_lt(p.blob_put(p.ctx, &blob, bytes, &err), 0);
	ck_assert_uint_eq(logged("PATCH "), 3);
	xg_registry_close(&p);
}
END_TEST

static const struct {
	const char *address;
	bool right;
} addresses[] = {
	{ "registry.example.org/xengraft/images", true },
	{ "https://registry.example.org:5000/x:a_b.c-1", true },
	{ "http://[::1]:5000/x", true },
	{ "registry.example.org", false },
	{ "registry.example.org/", false },
	{ "registry.example.org/UPPER", false },
	{ "registry.example.org/../x", false },
	{ "registry.example.org/x:", false },
	{ "registry.example.org/x:-a", false },
	{ "user@registry.example.org/x", false },
	{ "ftp://registry.example.org/x", false },
	{ "registry.example.org/x?y", false },
	{ "/x", false },
};

START_TEST(address_is_one_or_is_named)
{
	const char *list[] = { addresses[_i].address };
	struct xg_err err = XG_ERR_NONE;
	struct xg_place p = { .ctx = NULL };
	int rc = xg_registry_open(list, 1, "/tmp", &p, &err);

	ck_assert_int_eq(rc, addresses[_i].right ? 0 : -EINVAL);
	ck_assert(addresses[_i].right || strstr(err.text, "is no address"));
	xg_registry_close(&p);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("registry");
	TCase *t = tcase_create("registry"), *a = tcase_create("addresses");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, token_is_asked_for_once);
	tcase_add_test(t, without_a_token_it_is_refused);
	tcase_add_test(t, download_that_breaks_off_goes_on);
	tcase_add_test(t, next_command_goes_on);
	tcase_add_test(t, registry_without_ranges_begins_anew);
	tcase_add_test(t, what_does_not_end_is_cut_off);
	tcase_add_loop_test(t, upload_that_breaks_off_goes_on, 0, 3);
	tcase_add_test(t, upload_that_never_ends_is_given_up);
	suite_add_tcase(s, t);
	tcase_add_loop_test(a, address_is_one_or_is_named, 0, XG_ARRAY_SIZE(addresses));
	suite_add_tcase(s, a);
	return run_suite(s);
}
