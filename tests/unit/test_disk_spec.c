// SPDX-License-Identifier: GPL-2.0-or-later
/* lib/xen/disk_spec.c: the specifications of xl-disk-configuration(5), as libxlutil reads them. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/array.h"
#include "lib/xen/disk_spec.h"
#include "tests/lib/run_suite.h"

#define WORDS_MAX 4

static const struct {
	const char *words[WORDS_MAX];
	struct xg_disk_spec spec;
} good[] = {
	{ { "/img,raw,xvdb,rw" }, { .target = "/img", .vdev = "xvdb", .format = "raw", .discard = true } },
	{ { "/img,raw,xvdb,w" }, { .target = "/img", .vdev = "xvdb", .format = "raw", .discard = true } },
	{ { "/img,raw,xvdb,r" },
	  { .target = "/img", .vdev = "xvdb", .format = "raw", .read_only = true, .discard = true } },
	{ { "/img,raw,xvdb,ro" },
	  { .target = "/img", .vdev = "xvdb", .format = "raw", .read_only = true, .discard = true } },
	{ { "/img,,xvdb" }, { .target = "/img", .vdev = "xvdb", .format = "raw", .discard = true } },
	{ { "/img,qcow2,xvdb" }, { .target = "/img", .vdev = "xvdb", .format = "qcow2", .discard = true } },
	{ { "vdev=xvdc,access=ro,target=/a b,c" },
	  { .target = "/a b,c", .vdev = "xvdc", .format = "raw", .read_only = true, .discard = true } },
	{ { "format=raw", "vdev=xvdc", "access=rw", "target=/img" },
	  { .target = "/img", .vdev = "xvdc", .format = "raw", .discard = true } },
	{ { "/img", "raw", "d2p3", "rw" }, { .target = "/img", .vdev = "d2p3", .format = "raw", .discard = true } },
	{ { "/img,raw,hdc,cdrom" },
	  { .target = "/img", .vdev = "hdc", .format = "raw", .read_only = true, .cdrom = true, .removable = true,
	    .discard = true } },
	{ { "/img,raw,xvdb,rw,discard" }, { .target = "/img", .vdev = "xvdb", .format = "raw", .discard = true } },
	{ { "/img,raw,xvdb,rw,no-discard" }, { .target = "/img", .vdev = "xvdb", .format = "raw" } },
	{ { "backend=Domain-0,specification=xen,no-colo,vdev=xvdb,target=/img" },
	  { .target = "/img", .vdev = "xvdb", .format = "raw", .discard = true } },
	{ { "backend=0,vdev=xvdb,target=/img" },
	  { .target = "/img", .vdev = "xvdb", .format = "raw", .discard = true } },
	{ { "/img,raw,xvdb,rw,direct-io-safe" },
	  { .target = "/img", .vdev = "xvdb", .format = "raw", .discard = true, .direct_io_safe = true } },
};

static int count_words(const char *const *words)
{
	int n = 0;

	while (n < WORDS_MAX && words[n])
		n++;
	return n;
}

START_TEST(specification_means_what_xl_says)
{
	const struct xg_disk_spec *want = &good[_i].spec;
	struct xg_err err = XG_ERR_NONE;
	struct xg_disk_spec spec;

	ck_assert_msg(!xg_disk_spec_parse(count_words(good[_i].words), good[_i].words, &spec, &err), "row %d: %s", _i,
		      err.text);
	ck_assert_str_eq(spec.target, want->target);
	ck_assert_str_eq(spec.vdev, want->vdev);
	ck_assert_str_eq(spec.format, want->format);
	ck_assert_msg(spec.read_only == want->read_only, "row %d: read_only", _i);
	ck_assert_msg(spec.cdrom == want->cdrom, "row %d: cdrom", _i);
	ck_assert_msg(spec.removable == want->removable, "row %d: removable", _i);
	ck_assert_msg(spec.discard == want->discard, "row %d: discard", _i);
	ck_assert_msg(spec.direct_io_safe == want->direct_io_safe, "row %d: direct_io_safe", _i);
}
END_TEST

static const struct {
	const char *words[WORDS_MAX];
	const char *says;
} bad[] = {
	{ { "/img,raw,xvdb,rx" }, "rx" },
	{ { "/img,vmdk,xvdb" }, "vmdk" },
	{ { "/img,raw,xvdb,rw,surprise" }, "surprise" },
	{ { "/img" }, "vdev" },
	{ { "vdev=xvdb,format=raw" }, "target" },
	{ { "nonsense=1,vdev=xvdb,target=/img" }, "nonsense" },
	{ { "backend=other,vdev=xvdb,target=/img" }, "domain 'other' is not supported" },
	{ { "script=block-drbd,vdev=xvdb,target=x" }, "script=block-drbd is not supported" },
	{ { "backendtype=phy,vdev=xvdb,target=/img" }, "backendtype=phy is not supported" },
	{ { "backendtype=qdisk,vdev=xvdb,target=/img" }, "backendtype=qdisk is not supported" },
	{ { "backendtype=standalone,specification=virtio,vdev=xvdb,target=/img" }, "backendtype=standalone is not" },
	{ { "specification=virtio,vdev=xvdb,target=/img" }, "specification=virtio is not supported" },
	{ { "colo,colo-host=h,colo-port=1,colo-export=e,active-disk=/a,hidden-disk=/h,vdev=xvdb,target=/img" },
	  "colo is not supported" },
	{ { "colo-host=h,vdev=xvdb,target=/img" }, "colo is not supported" },
	{ { "vdev=xvdabcdefghijklmnopqrstuvwxyzabcdefgh,target=/img" }, "is too long" },
	{ { "" }, "" },
};

START_TEST(bad_specification_is_refused_in_words)
{
	struct xg_disk_spec spec = { .target = "untouched" };
	struct xg_err err = XG_ERR_NONE;
	int rc = xg_disk_spec_parse(count_words(bad[_i].words), bad[_i].words, &spec, &err);

	ck_assert_msg(rc == -EINVAL, "row %d: %d, vdev '%s'", _i, rc, spec.vdev);
	ck_assert_int_eq(err.code, EINVAL);
	ck_assert_msg(strstr(err.text, bad[_i].says) && err.text[0], "row %d: '%s'", _i, err.text);
	ck_assert_ptr_null(strchr(err.text, '\n'));
	ck_assert_str_eq(spec.target, "untouched");
}
END_TEST

START_TEST(target_has_a_ceiling)
{
	char text[1200] = "vdev=xvdb,target=/";
	const char *const words[] = { text };
	struct xg_err err = XG_ERR_NONE;
	size_t at = strlen(text);
	struct xg_disk_spec spec;

	memset(text + at, 'a', 1022);
	ck_assert_int_eq(xg_disk_spec_parse(1, words, &spec, &err), 0);
	ck_assert_uint_eq(strlen(spec.target), 1023);
	memset(text + at, 'a', 1023);
	ck_assert_int_eq(xg_disk_spec_parse(1, words, &spec, &err), -EINVAL);
	ck_assert_str_eq(err.text, "disk specification: target of 1024 characters, at most 1023");
}
END_TEST

START_TEST(no_words_at_all)
{
	struct xg_err err = XG_ERR_NONE;
	struct xg_disk_spec spec;

	ck_assert_int_eq(xg_disk_spec_parse(0, NULL, &spec, &err), -EINVAL);
	ck_assert(err.text[0]);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("disk specification");
	TCase *t = tcase_create("disk specification");

	tcase_add_loop_test(t, specification_means_what_xl_says, 0, XG_ARRAY_SIZE(good));
	tcase_add_loop_test(t, bad_specification_is_refused_in_words, 0, XG_ARRAY_SIZE(bad));
	tcase_add_test(t, target_has_a_ceiling);
	tcase_add_test(t, no_words_at_all);
	suite_add_tcase(s, t);
	return run_suite_how(s, CK_NOFORK);
}
