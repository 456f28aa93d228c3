// SPDX-License-Identifier: GPL-2.0-or-later
/* lib/xen/domain_config.c: what a domain's own file says of xengraft's disks. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/array.h"
#include "lib/xen/domain_config.h"
#include "tests/lib/run_suite.h"

static const struct {
	const char *item;
	const char *says;	/* part of the error; NULL: it is good, and the rest counts */
	const char *target, *vdev, *mode, *words;
	bool read_only, shared;
} item_rows[] = {
	{ "vdev=xvdb,target=/dev/nvme0n1,mode=auto", NULL, "/dev/nvme0n1", "xvdb", "auto",
	  "vdev=xvdb,target=/dev/nvme0n1",
	  false, false },
	{ "target=/srv/a.img,vdev=xvdc,access=ro", NULL, "/srv/a.img", "xvdc", "",
	  "vdev=xvdc,access=ro,target=/srv/a.img",
	  true, false },
	{ "/srv/a.img,raw,xvdd,rw,mode=virtual,shared=1", NULL, "/srv/a.img", "xvdd", "virtual",
	  "/srv/a.img,raw,xvdd,rw",
	  false, true },
	{ " vdev=xvdb, shared, format=raw, target=/t", NULL, "/t", "xvdb", "", "vdev=xvdb,format=raw,target=/t", false,
	  true },
	{ "vdev=xvdb,shared=0,mode=paravirtual,target=/t", NULL, "/t", "xvdb", "paravirtual", "vdev=xvdb,target=/t",
	  false,
	  false },
	{ "", "no vdev", NULL, NULL, NULL, NULL, false, false },
	{ "vdev=xvdb", "no target", NULL, NULL, NULL, NULL, false, false },
	{ "target=/t", "no vdev", NULL, NULL, NULL, NULL, false, false },
	{ "vdev=xvdb,target=/t,target=/u", "two targets", NULL, NULL, NULL, NULL, false, false },
	{ "vdev=xvdb,target=/t,mode=quick", "mode 'quick' is none of", NULL, NULL, NULL, NULL, false, false },
	{ "vdev=xvdb,target=/t,mode=", "mode '' is none of", NULL, NULL, NULL, NULL, false, false },
	{ "vdev=xvdb,target=/t,shared=yes", "shared 'yes' is neither", NULL, NULL, NULL, NULL, false, false },
	{ "vdev=xvdb,speed=9,target=/t", "nknown", NULL, NULL, NULL, NULL, false, false },
	{ "vdev=xvdb,script=block-x,target=/t", "is not supported", NULL, NULL, NULL, NULL, false, false },
};

START_TEST(item_is_taken_apart)
{
	struct xg_err err = XG_ERR_NONE;
	struct xg_disk_item item = { .words = "untouched" };
	int rc = xg_disk_item_parse(item_rows[_i].item, &item, &err);

	if (item_rows[_i].says) {
		ck_assert_int_lt(rc, 0);
		ck_assert_msg(strstr(err.text, item_rows[_i].says), "said: %s", err.text);
		ck_assert_str_eq(item.words, "untouched");
		return;
	}
	ck_assert_msg(!rc, "%s", err.text);
	ck_assert_str_eq(item.spec.target, item_rows[_i].target);
	ck_assert_str_eq(item.spec.vdev, item_rows[_i].vdev);
	ck_assert_str_eq(item.spec.mode, item_rows[_i].mode);
	ck_assert_str_eq(item.words, item_rows[_i].words);
	ck_assert(item.spec.read_only == item_rows[_i].read_only);
	ck_assert(item.spec.shared == item_rows[_i].shared);
}
END_TEST

START_TEST(item_that_is_too_long_is_refused)
{
	char text[XG_DISK_ITEM_MAX + 1];
	struct xg_disk_item item;

	memset(text, ',', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	ck_assert_int_eq(xg_disk_item_parse(text, &item, NULL), -E2BIG);
	text[sizeof(text) - 2] = '\0';
	ck_assert_int_eq(xg_disk_item_parse(text, &item, NULL), -EINVAL);
}
END_TEST

static const struct {
	const char *text;
	const char *says;
	size_t count;
	const char *last;
} list_rows[] = {
	{ "", NULL, 0, NULL },
	{ "name = 'g'\nmemory = 256\n", NULL, 0, NULL },
	{ "xengraft = []\n", NULL, 0, NULL },
	{ "xengraft = [ 'a', 'b' ]\n", NULL, 2, "b" },
	{ "name = 'g'\nxengraft = [\n \"a\",\n 'b,c=d',\n]\ndisk = [ 'x' ]\n", NULL, 2, "b,c=d" },
	{ "xengraft = [ 'a' ]\nxengraft += [ 'b' ]\n", NULL, 2, "b" },
	{ "xengraft = 'a'\n", "is no list", 0, NULL },
	{ "xengraft = [ 'a', [ 'b' ] ]\n", "item 2 of 'xengraft' is no string", 0, NULL },
	{ "xengraft = [ 'a'\n", "configuration:", 0, NULL },
	{ "\001\002", "configuration:", 0, NULL },
};

START_TEST(list_is_found)
{
	struct xg_err err = XG_ERR_NONE;
	char **items = NULL;
	size_t count = 0;
	int rc = xg_domain_list_parse(list_rows[_i].text, strlen(list_rows[_i].text), &items, &count, &err);

	if (list_rows[_i].says) {
		ck_assert_int_eq(rc, -EINVAL);
		ck_assert_msg(strstr(err.text, list_rows[_i].says), "said: %s", err.text);
		return;
	}
	ck_assert_msg(!rc, "%s", err.text);
	ck_assert_uint_eq(count, list_rows[_i].count);
	if (count)
		ck_assert_str_eq(items[count - 1], list_rows[_i].last);
	free(items);
}
END_TEST

/* As many as there may be, then one more; a text that is too long. */
START_TEST(list_is_bounded)
{
	char text[1024] = "xengraft = [ ", **items, *big;
	size_t count, i;

	for (i = 0; i < XG_DOMAIN_DISKS_MAX; i++)
		strcat(text, "'a',");
	strcat(text, "]");
	ck_assert_int_eq(xg_domain_list_parse(text, strlen(text), &items, &count, NULL), 0);
	ck_assert_uint_eq(count, XG_DOMAIN_DISKS_MAX);
	free(items);
	strcpy(text + strlen(text) - 1, "'b' ]");
	ck_assert_int_eq(xg_domain_list_parse(text, strlen(text), &items, &count, NULL), -E2BIG);
	big = calloc(1, XG_DOMAIN_CONFIG_MAX + 1);
	ck_assert_int_eq(xg_domain_list_parse(big, XG_DOMAIN_CONFIG_MAX + 1, &items, &count, NULL), -E2BIG);
	free(big);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("domain_config");
	TCase *t = tcase_create("domain_config");

	tcase_add_loop_test(t, item_is_taken_apart, 0, XG_ARRAY_SIZE(item_rows));
	tcase_add_test(t, item_that_is_too_long_is_refused);
	tcase_add_loop_test(t, list_is_found, 0, XG_ARRAY_SIZE(list_rows));
	tcase_add_test(t, list_is_bounded);
	suite_add_tcase(suite, t);
	return run_suite(suite);
}
