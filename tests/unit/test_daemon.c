// SPDX-License-Identifier: GPL-2.0-or-later
/* dom0-tools/daemon: the configuration, the plan, the queue. All of them pure: no clock but the test's. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dom0-tools/daemon/queue.h"
#include "dom0-tools/daemon/run.h"
#include "lib/base/array.h"
#include "tests/lib/run_suite.h"

/* ---- xengraft.conf ---------------------------------------------------------------------------------------------- */

static const struct {
	const char *text;
	const char *says;	/* part of the error; NULL: it is good */
} conf_rows[] = {
	{ "", NULL },
	{ "# nothing\n\n  \t\r\n", NULL },
	{ "jobs = 1\n", NULL },
	{ "jobs=64", NULL },
	{ "  mode\t=  paravirtual  # a comment\r\n", NULL },
	{ "reconnect = no\nalone = virtual\n", NULL },
	{ "retry-first = 5\nretry-most = 5\n", NULL },
	{ "before-save = 0\n", NULL },
	{ "before-save = 60001\n", "before-save is a number of milliseconds from 0 to 60000, not '60001'" },
	{ "jobs = 0\n", "x:1: jobs is a number from 1 to 64, not '0'" },
	{ "jobs = 65\n", "x:1: jobs is a number from 1 to 64, not '65'" },
	{ "jobs = -1\n", "not '-1'" },
	{ "jobs = 4 4\n", "not '4 4'" },
	{ "jobs = 0x4\n", "not '0x4'" },
	{ "jobs = 99999999999999999999\n", "not '99999999999999999999'" },
	{ "jobs =\n", "not ''" },
	{ "jobs\n", "x:1: expected 'key = value'" },
	{ "\n\nspeed = 3\n", "x:3: there is no key 'speed'" },
	{ "Jobs = 3\n", "there is no key 'Jobs'" },
	{ "= 3\n", "there is no key ''" },
	{ "jobs = 3\njobs = 3\n", "x:2: jobs stands there twice" },
	{ "mode = quick\n", "mode is one of virtual, paravirtual, auto, not 'quick'" },
	{ "alone = auto\n", "alone is one of virtual, paravirtual, not 'auto'" },
	{ "reconnect = 1\n", "reconnect is one of no, yes, not '1'" },
	{ "settle = 5s\n", "x:1: settle is a number of seconds from 0 to 86400, not '5s'" },
	{ "retry-first = 9\nretry-most = 8\njobs = 3\n\n", "x:2: retry-first is more than retry-most" },
	{ "retry-first = 61\n", "retry-first is more than retry-most" },
};

START_TEST(conf_is_read_or_refused_as_a_whole)
{
	struct xgd_config before = { .jobs = 77 }, c = before;
	struct xg_err err = XG_ERR_NONE;
	int rc = xgd_config_parse("x", conf_rows[_i].text, strlen(conf_rows[_i].text), &c, &err);

	if (!conf_rows[_i].says) {
		ck_assert_msg(!rc, "%s", err.text);
		return;
	}
	ck_assert_int_eq(rc, -EINVAL);
	ck_assert_msg(strstr(err.text, conf_rows[_i].says), "said: %s", err.text);
	ck_assert(!memcmp(&before, &c, sizeof(c)));
}
END_TEST

START_TEST(conf_values_arrive_where_they_belong)
{
	static const char text[] = "mode=virtual\nalone=virtual\nsettle=11\njobs=12\nretry-first=13\nretry-most=14\n"
		"attach-limit=15\nhold=16\nbefore-save=17\nreconnect=no\npoll=18\n";
	const struct xgd_config wanted = {
		.mode = XGD_VIRTUAL, .alone = XGD_VIRTUAL, .settle_s = 11, .jobs = 12, .retry_first_s = 13,
		.retry_most_s = 14, .attach_limit_s = 15, .hold_ms = 16,
		.before_save_ms = 17, .poll_s = 18,
	};
	struct xgd_config c;

	ck_assert_int_eq(xgd_config_parse("x", text, sizeof(text) - 1, &c, NULL), 0);
	ck_assert(!memcmp(&wanted, &c, sizeof(c)));
}
END_TEST

START_TEST(conf_that_is_no_text_or_too_long_is_refused)
{
	char *text = calloc(1, XGD_CONFIG_MAX + 1);
	struct xgd_config c;

	ck_assert_int_eq(xgd_config_parse("x", text, 5, &c, NULL), -EINVAL);
	memset(text, '\n', XGD_CONFIG_MAX + 1);
	ck_assert_int_eq(xgd_config_parse("x", text, XGD_CONFIG_MAX, &c, NULL), 0);
	ck_assert_int_eq(xgd_config_parse("x", text, XGD_CONFIG_MAX + 1, &c, NULL), -EINVAL);
	free(text);
}
END_TEST

/*
 * The sample that is installed says what is so without it, commented out: with each '#key' taken in, nothing changes.
 */
START_TEST(conf_sample_is_the_defaults)
{
	char text[XGD_CONFIG_MAX], *at;
	struct xg_err err = XG_ERR_NONE;
	struct xgd_config defaults, c;
	FILE *f = fopen(XG_SRCDIR "/dom0-tools/daemon/xengraft.conf", "r");
	size_t size;

	ck_assert_ptr_nonnull(f);
	size = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[size] = '\0';
	xgd_config_default(&defaults);
	ck_assert_int_eq(xgd_config_parse("sample", text, size, &c, &err), 0);
	ck_assert(!memcmp(&defaults, &c, sizeof(c)));
	for (at = text; (at = strstr(at, "\n#")); at++)
		if (at[2] != ' ' && at[2] != '\n')
			at[1] = ' ';
	memset(&c, 0, sizeof(c));
	ck_assert_msg(!xgd_config_parse("sample", text, size, &c, &err), "%s", err.text);
	ck_assert(!memcmp(&defaults, &c, sizeof(c)));
	ck_assert_ptr_nonnull(strstr(text, "\n poll = "));
}
END_TEST

/* ---- The plan --------------------------------------------------------------------------------------------------- */

#define A "00000000-0000-0000-0000-00000000000a"
#define B "00000000-0000-0000-0000-00000000000b"

/* One disk of one guest in all the states that count. */
static const struct {
	const char *wish, *mode;
	bool running, live, device, lives, restored;
	size_t others;
	const char *plan;	/* "" nothing; "swap MODE DELAY", "reconnect", "sweep" */
	const char *should;
	bool saving;
} disk_rows[] = {
	/* wish          mode           run   live  dev   lives restored others */
	{ "auto",        "virtual",     true, true, true, true, false, 0, "swap paravirtual 7000", "paravirtual",
	  false },
	{ "auto",        "paravirtual", true, true, true, true, false, 0, "", "paravirtual", false },
	{ "auto",        "paravirtual", true, true, true, true, false, 1, "swap virtual 0", "virtual", false },
	{ "auto",        "virtual",     true, true, true, true, false, 2, "", "virtual", false },
	{ "auto",        "virtual",     true, true, false, true, false, 0, "", "virtual", false },
	{ "auto",        "virtual",     true, false, true, true, false, 0, "", "virtual", false },
	{ "auto",        "virtual",     true, true, true, false, false, 0, "reconnect", "paravirtual", false },
	{ "auto",        "paravirtual", true, true, true, false, false, 1, "reconnect", "virtual", false },
	{ "auto",        "virtual",     true, true, true, true, true, 0, "reconnect", "paravirtual", false },
	{ "auto",        "virtual",     false, true, true, true, false, 0, "", "virtual", false },
	{ "auto",        "virtual",     false, true, true, false, false, 0, "", "virtual", false },
	{ "",            "virtual",     true, true, true, true, false, 0, "", "virtual", false },
	{ "",            "paravirtual", true, true, true, true, false, 5, "", "paravirtual", false },
	{ "",            "virtual",     true, true, true, false, false, 0, "", "virtual", false },
	{ "virtual",     "virtual",     true, true, true, true, false, 0, "", "virtual", false },
	{ "paravirtual", "paravirtual", true, true, true, true, false, 1, "", "paravirtual", false },
	{ "paravirtual", "virtual",     true, true, true, true, false, 0, "", "virtual", false },
	/* Its guest is about to be saved. */
	{ "auto",        "paravirtual", true, true, true, true, false, 0, "swap virtual 0", "virtual", true },
	{ "auto",        "paravirtual", true, true, true, true, false, 1, "swap virtual 0", "virtual", true },
	{ "auto",        "virtual",     true, true, true, true, false, 0, "", "virtual", true },
	{ "auto",        "paravirtual", false, true, true, true, false, 0, "", "paravirtual", true },
	{ "paravirtual", "paravirtual", true, true, true, true, false, 0, "", "paravirtual", true },
	{ "",            "paravirtual", true, true, true, true, false, 0, "", "paravirtual", true },
};

static void want_text(const struct xgd_want *w, char *buf, size_t size)
{
	if (w->verb == XGD_SWAP)
		snprintf(buf, size, "swap %s %u", w->mode, w->delay_ms);
	else
		snprintf(buf, size, "%s", xgd_verb_name(w->verb));
}

static struct xgd_config config_settling(void)
{
	struct xgd_config c;

	xgd_config_default(&c);
	c.settle_s = 7;
	return c;
}

START_TEST(plan_of_a_disk)
{
	struct xgd_domain domain = {
		.domid = 5, .uuid = A, .ready = disk_rows[_i].running, .saving = disk_rows[_i].saving,
	};
	struct xgd_disk disk = {
		.uuid = A, .domid = 5 - disk_rows[_i].restored, .devid = 51728, .vdev = "xvdb",
		.live = disk_rows[_i].live,
		.device = disk_rows[_i].device, .lives = disk_rows[_i].lives, .others = disk_rows[_i].others,
	};
	struct xgd_view view = { &domain, 1, &disk, 1, false };
	struct xgd_config c = config_settling();
	struct xgd_want *wants;
	char text[64] = "";
	size_t count;

	strcpy(disk.wish, disk_rows[_i].wish);
	strcpy(disk.mode, disk_rows[_i].mode);
	ck_assert_int_eq(xgd_plan(&c, &view, &wants, &count, NULL), 0);
	ck_assert_uint_eq(count, disk_rows[_i].plan[0] != '\0');
	if (count) {
		want_text(&wants[0], text, sizeof(text));
		ck_assert_uint_eq(wants[0].domid, 5);
		ck_assert_str_eq(wants[0].uuid, A);
	}
	ck_assert_str_eq(text, disk_rows[_i].plan);
	ck_assert_str_eq(disk.should, disk_rows[_i].should);
	ck_assert(disk.why[0]);
	free(wants);
}
END_TEST

/* One disk of a domain's list. */
static const struct {
	bool ready, good, unwanted, there, live;
	const char *mode;
	const char *plan;	/* the attach's mode; NULL: none */
} item_rows[] = {
	{ true, true, false, false, false, "", "auto" },
	{ true, true, false, false, false, "virtual", "virtual" },
	{ true, true, false, true, false, "", "auto" },	/* half done */
	{ true, true, false, true, true, "", NULL },
	{ false, true, false, false, false, "", NULL },
	{ true, false, false, false, false, "", NULL },
	{ true, true, true, false, false, "", NULL },
};

START_TEST(plan_of_an_item)
{
	struct xgd_item item = {
		.item = { .spec = { .vdev = "xvdb", .shared = true }, .words = "vdev=xvdb,target=/t" }, .devid = 51728,
		.good = item_rows[_i].good, .unwanted = item_rows[_i].unwanted,
	};
	struct xgd_domain domain = {
		.domid = 5, .uuid = A, .ready = item_rows[_i].ready, .items = &item,
		.item_count = 1,
	};
	struct xgd_disk disk = {
		.uuid = A, .domid = 5, .devid = 51728, .live = item_rows[_i].live, .lives = true, .mode = "virtual",
	};
	struct xgd_view view = { &domain, 1, &disk, item_rows[_i].there, false };
	struct xgd_config c = config_settling();
	struct xgd_want *wants;
	size_t count;

	strcpy(item.item.spec.mode, item_rows[_i].mode);
	ck_assert_int_eq(xgd_plan(&c, &view, &wants, &count, NULL), 0);
	ck_assert_uint_eq(count, item_rows[_i].plan != NULL);
	if (count) {
		ck_assert_int_eq(wants[0].verb, XGD_ATTACH);
		ck_assert_str_eq(wants[0].mode, item_rows[_i].plan);
		ck_assert_str_eq(wants[0].words, "vdev=xvdb,target=/t");
		ck_assert(wants[0].shared);
		ck_assert_int_eq(wants[0].delay_ms > 0, item_rows[_i].there);
	}
	free(wants);
}
END_TEST

START_TEST(plan_of_guests_that_are_gone)
{
	struct xgd_view view = { NULL, 0, NULL, 0, true };
	struct xgd_config c = config_settling();
	struct xgd_want *wants;
	size_t count;

	ck_assert_int_eq(xgd_plan(&c, &view, &wants, &count, NULL), 0);
	ck_assert_uint_eq(count, 1);
	ck_assert_int_eq(wants[0].verb, XGD_SWEEP);
	ck_assert_str_eq(wants[0].uuid, "");
	free(wants);
}
END_TEST

/* While a guest moves from here to here: the domain on record counts, whichever of the two comes first. */
START_TEST(plan_of_a_guest_with_a_twin)
{
	struct xgd_domain domains[2];
	struct xgd_disk disk = {
		.uuid = A, .domid = 5, .devid = 51728, .mode = "paravirtual", .wish = "auto", .live = true,
		.device = true,
		.lives = true,
	};
	struct xgd_view view = { domains, 2, &disk, 1, false };
	struct xgd_config c = config_settling();
	struct xgd_want *wants;
	size_t count;

	domains[_i] = (struct xgd_domain){ .domid = 5, .uuid = A, .ready = true, .saving = true };
	domains[!_i] = (struct xgd_domain){ .domid = 6, .uuid = A };
	ck_assert_int_eq(xgd_plan(&c, &view, &wants, &count, NULL), 0);
	ck_assert_uint_eq(count, 1);
	ck_assert_int_eq(wants[0].verb, XGD_SWAP);
	ck_assert_uint_eq(wants[0].domid, 5);
	ck_assert_str_eq(wants[0].mode, "virtual");
	free(wants);

	/* It is suspended, and the other one runs: nothing can be done until it is gone. */
	domains[_i].ready = false;
	domains[!_i].ready = true;
	disk.lives = false;
	ck_assert_int_eq(xgd_plan(&c, &view, &wants, &count, NULL), 0);
	ck_assert_uint_eq(count, 0);
	free(wants);

	view.domains = &domains[!_i];
	view.domain_count = 1;
	ck_assert_int_eq(xgd_plan(&c, &view, &wants, &count, NULL), 0);
	ck_assert_uint_eq(count, 1);
	ck_assert_int_eq(wants[0].verb, XGD_RECONNECT);
	ck_assert_uint_eq(wants[0].domid, 6);
	free(wants);
}
END_TEST

/* Twins while a guest moves from here to here, and more disks than a plan has room for: no harm. */
START_TEST(plan_is_bounded)
{
	size_t many = XGD_WANTS_MAX + 10, i, count;
	struct xgd_disk *disks = calloc(many, sizeof(*disks));
	struct xgd_domain domains[2] = { { .domid = 5, .uuid = A, .ready = true },
					 { .domid = 6, .uuid = A, .ready = true } };
	struct xgd_view view = { domains, 2, disks, many, false };
	struct xgd_config c = config_settling();
	struct xgd_want *wants;

	for (i = 0; i < many; i++)
		disks[i] = (struct xgd_disk){
			.uuid = A, .domid = 5, .devid = i, .mode = "virtual", .wish = "auto", .live = true,
			.device = true, .lives = true,
		};
	ck_assert_int_eq(xgd_plan(&c, &view, &wants, &count, NULL), 0);
	ck_assert_uint_eq(count, XGD_WANTS_MAX);
	free(wants);
	free(disks);
}
END_TEST

/* ---- The queue -------------------------------------------------------------------------------------------------- */

static struct xgd_want want_of(const char *uuid, uint32_t devid)
{
	struct xgd_want w = { .verb = XGD_SWAP, .domid = 1, .devid = devid, .mode = "virtual" };

	strcpy(w.uuid, uuid);
	return w;
}

static struct xgd_queue queue_of(const struct xgd_want *wants, size_t count, uint64_t now)
{
	struct xgd_queue q;

	xgd_queue_init(&q, 42);
	ck_assert_int_eq(xgd_queue_update(&q, wants, count, now, NULL), 0);
	return q;
}

/* The clock of the tests begins somewhere. */
#define T0 UINT64_C(1000000)

START_TEST(queue_one_a_guest_and_so_many_at_once)
{
	struct xgd_config c = config_settling();
	struct xgd_want wants[8];
	struct xgd_queue q;
	struct xgd_job *job;
	char uuid[XG_UUID_TEXT] = A;
	size_t i;

	/* Two disks of each of four guests; three jobs at once. */
	c.jobs = 3;
	for (i = 0; i < 8; i++) {
		uuid[0] = 'a' + i / 2;
		wants[i] = want_of(uuid, i);
	}
	q = queue_of(wants, 8, T0);
	for (i = 0; i < 3; i++) {
		job = xgd_queue_next(&q, &c, T0);
		ck_assert_ptr_nonnull(job);
		ck_assert_int_eq(job->want.uuid[0], 'a' + (int)i);
		xgd_queue_started(&q, job, NULL, T0);
	}
	ck_assert_ptr_null(xgd_queue_next(&q, &c, T0));
	/* What waits for a job's end is due when that comes, and wakes nobody until then. */
	ck_assert_uint_eq(xgd_queue_due(&q, &c), XGD_NEVER);
	c.jobs = 4;
	ck_assert_uint_eq(xgd_queue_due(&q, &c), T0);
	c.jobs = 3;
	/* One ends and is not wanted any more: the same guest's other disk has waited as long as the fourth guest's. */
	ck_assert_int_eq(xgd_queue_update(&q, wants + 1, 7, T0, NULL), 0);
	xgd_queue_ended(&q, &c, q.jobs[0], 0, "", T0);
	ck_assert_uint_eq(q.count, 7);
	job = xgd_queue_next(&q, &c, T0);
	ck_assert_uint_eq(job->want.devid, 1);
	xgd_queue_fini(&q);
}
END_TEST

START_TEST(queue_waits_as_long_as_it_has_to_be_wanted)
{
	struct xgd_want w = want_of(A, 1), none[1];
	struct xgd_config c = config_settling();
	struct xgd_queue q;

	w.delay_ms = 5000;
	q = queue_of(&w, 1, T0);
	ck_assert_ptr_null(xgd_queue_next(&q, &c, T0 + 4999));
	ck_assert_uint_eq(xgd_queue_due(&q, &c), T0 + 5000);
	/* Not wanted for a moment: it begins anew, so that nothing flaps. */
	ck_assert_int_eq(xgd_queue_update(&q, none, 0, T0 + 4000, NULL), 0);
	ck_assert_uint_eq(xgd_queue_due(&q, &c), XGD_NEVER);
	ck_assert_int_eq(xgd_queue_update(&q, &w, 1, T0 + 4001, NULL), 0);
	ck_assert_ptr_null(xgd_queue_next(&q, &c, T0 + 5000));
	ck_assert_ptr_nonnull(xgd_queue_next(&q, &c, T0 + 9001));
	/* Looked at again and again it keeps its place. */
	ck_assert_int_eq(xgd_queue_update(&q, &w, 1, T0 + 9000, NULL), 0);
	ck_assert_ptr_nonnull(xgd_queue_next(&q, &c, T0 + 9001));
	xgd_queue_fini(&q);
}
END_TEST

START_TEST(queue_fails_and_comes_back_later_and_later)
{
	struct xgd_want w = want_of(A, 1);
	struct xgd_config c = config_settling();
	struct xgd_queue q = queue_of(&w, 1, T0);
	uint64_t now = T0, wait, least = 750, most = 1250;
	struct xgd_job *job;
	int i;

	for (i = 0; i < 12; i++) {
		job = xgd_queue_next(&q, &c, now);
		ck_assert_ptr_nonnull(job);
		xgd_queue_started(&q, job, NULL, now);
		ck_assert_ptr_null(xgd_queue_next(&q, &c, now));
		/* That it went well, and is wanted all the same, makes no difference: no storm. */
		xgd_queue_ended(&q, &c, job, i % 2, "busy", now);
		ck_assert_str_eq(job->said, i % 2 ? "busy" : "");
		wait = xgd_queue_due(&q, &c) - now;
		ck_assert_uint_ge(wait, least < 45000 ? least : 45000);
		ck_assert_uint_le(wait, most < 75000 ? most : 75000);
		least *= 2;
		most *= 2;
		ck_assert_ptr_null(xgd_queue_next(&q, &c, now + wait - 1));
		now += wait;
	}
	xgd_queue_fini(&q);
}
END_TEST

START_TEST(queue_gives_up_an_attach_and_only_that)
{
	struct xgd_want wants[2] = { want_of(A, 1), want_of(B, 2) };
	struct xgd_config c = config_settling();
	struct xgd_queue q;
	size_t i;

	wants[0].verb = XGD_ATTACH;
	q = queue_of(wants, 2, T0);
	for (i = 0; i < 2; i++) {
		xgd_queue_started(&q, q.jobs[i], NULL, T0);
		xgd_queue_ended(&q, &c, q.jobs[i], 2, "still booting", T0 + c.attach_limit_s * 1000);
	}
	ck_assert_uint_eq(q.jobs[0]->not_before_ms, XGD_NEVER);
	ck_assert_uint_ne(q.jobs[1]->not_before_ms, XGD_NEVER);
	ck_assert_uint_eq(xgd_queue_due(&q, &c), q.jobs[1]->not_before_ms);
	/* As long as it is wanted it is remembered; a reload forgives. */
	ck_assert_int_eq(xgd_queue_update(&q, wants, 2, T0 + 9999999, NULL), 0);
	ck_assert_uint_eq(q.jobs[0]->not_before_ms, XGD_NEVER);
	xgd_queue_forgive(&q, T0 + 9999999);
	ck_assert_uint_eq(q.jobs[0]->not_before_ms, T0 + 9999999);
	xgd_queue_fini(&q);
}
END_TEST

START_TEST(queue_keeps_what_runs_until_it_ends)
{
	struct xgd_want w = want_of(A, 1), none[1];
	struct xgd_config c = config_settling();
	struct xgd_queue q = queue_of(&w, 1, T0);
	struct xgd_job *job = xgd_queue_next(&q, &c, T0);

	xgd_queue_started(&q, job, NULL, T0);
	ck_assert_int_eq(xgd_queue_update(&q, none, 0, T0, NULL), 0);
	ck_assert_uint_eq(q.count, 1);
	xgd_queue_ended(&q, &c, job, 0, "", T0);
	ck_assert_uint_eq(q.count, 0);
	ck_assert_uint_eq(q.running, 0);
	xgd_queue_fini(&q);
}
END_TEST

/* What a save waits for: swaps, also those that failed, and whatever is at work on its guest. */
START_TEST(queue_tells_whose_disks_are_not_ready)
{
	struct xgd_want wants[2] = { want_of(A, 1), want_of(B, 2) }, none[1];
	struct xgd_config c = config_settling();
	struct xgd_queue q;

	wants[0].verb = XGD_ATTACH;
	wants[1].domid = 2;
	q = queue_of(wants, 2, T0);
	ck_assert(!xgd_queue_swaps(&q, 1));
	ck_assert(xgd_queue_swaps(&q, 2));
	ck_assert(!xgd_queue_swaps(&q, 3));
	xgd_queue_started(&q, q.jobs[0], NULL, T0);
	ck_assert(xgd_queue_swaps(&q, 1));
	xgd_queue_started(&q, q.jobs[1], NULL, T0);
	ck_assert(xgd_queue_swaps(&q, 2));
	xgd_queue_ended(&q, &c, q.jobs[1], 1, "busy", T0);
	ck_assert(xgd_queue_swaps(&q, 2));
	/* Done, and seen to be: not wanted any more. */
	ck_assert_int_eq(xgd_queue_update(&q, none, 0, T0, NULL), 0);
	ck_assert(!xgd_queue_swaps(&q, 2));
	xgd_queue_fini(&q);
}
END_TEST

/* Fifty domains at once: all have their turn, never more than allowed. */
START_TEST(queue_makes_no_storm)
{
	struct xgd_config c = config_settling();
	struct xgd_want wants[50];
	struct xgd_queue q;
	struct xgd_job *job;
	size_t i, started = 0;
	char uuid[XG_UUID_TEXT];

	for (i = 0; i < 50; i++) {
		snprintf(uuid, sizeof(uuid), "%036zu", i);
		wants[i] = want_of(uuid, i);
	}
	q = queue_of(wants, 50, T0);
	while (q.count) {
		while ((job = xgd_queue_next(&q, &c, T0))) {
			xgd_queue_started(&q, job, NULL, T0);
			started++;
		}
		ck_assert_uint_le(q.running, c.jobs);
		ck_assert_uint_gt(q.running, 0);
		for (i = 0; i < q.count && !q.jobs[i]->running; i++)
			;
		q.jobs[i]->wanted = false;
		xgd_queue_ended(&q, &c, q.jobs[i], 0, "", T0);
	}
	ck_assert_uint_eq(started, 50);
	xgd_queue_fini(&q);
}
END_TEST

/* ---- All of it, killed at any moment ----------------------------------------------------------------------------- */

#define GUESTS 6
#define WORLD_JOBS 32

/*
 * A host in miniature: guests come and go, two of them on one device, and jobs come to their end some time after they
 * were begun, well or not, whether the daemon that began them is there still or not.
 */
struct world {
	bool runs[GUESTS], attached[GUESTS];
	const char *mode[GUESTS];
	struct xgd_item items[GUESTS];
	struct { bool under_way; size_t guest; struct xgd_want want; struct xgd_job *job; } jobs[WORLD_JOBS];
	struct xgd_queue q;
	struct xgd_config c;
	uint64_t now, random;
};

/* 0 and 1 on one device, 2 and 3 on another, 4 alone, 5 on a file. */
static size_t neighbour(size_t g)
{
	return g < 4 ? g ^ 1 : g;
}

static size_t others_of(const struct world *w, size_t g)
{
	return neighbour(g) != g && w->runs[neighbour(g)] && w->attached[neighbour(g)];
}

static const char *mode_that_fits(const struct world *w, size_t g)
{
	return g == 5 || others_of(w, g) ? "virtual" : "paravirtual";
}

static uint64_t chance(struct world *w, uint64_t n)
{
	w->random = w->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (w->random >> 33) % n;
}

static void uuid_of(size_t g, char ret[XG_UUID_TEXT])
{
	snprintf(ret, XG_UUID_TEXT, "%036zu", g);
}

static void world_view(struct world *w, struct xgd_view *v)
{
	size_t g;

	v->domain_count = v->disk_count = 0;
	for (g = 0; g < GUESTS; g++) {
		struct xgd_domain *d = &v->domains[v->domain_count];
		struct xgd_disk *k = &v->disks[v->disk_count];

		if (!w->runs[g])
			continue;
		*d = (struct xgd_domain){ .domid = g + 1, .ready = true, .items = &w->items[g], .item_count = 1 };
		uuid_of(g, d->uuid);
		v->domain_count++;
		if (!w->attached[g])
			continue;
		*k = (struct xgd_disk){
			.domid = g + 1, .devid = g, .wish = "auto", .live = true, .lives = true, .device = g != 5,
			.others = others_of(w, g),
		};
		uuid_of(g, k->uuid);
		strcpy(k->mode, w->mode[g]);
		v->disk_count++;
	}
}

static void world_look(struct world *w)
{
	struct xgd_domain domains[GUESTS];
	struct xgd_disk disks[GUESTS];
	struct xgd_view v = { .domains = domains, .disks = disks };
	struct xgd_want *wants;
	struct xgd_job *job;
	size_t count, i;

	world_view(w, &v);
	ck_assert_int_eq(xgd_plan(&w->c, &v, &wants, &count, NULL), 0);
	ck_assert_int_eq(xgd_queue_update(&w->q, wants, count, w->now, NULL), 0);
	free(wants);
	while ((job = xgd_queue_next(&w->q, &w->c, w->now))) {
		for (i = 0; i < WORLD_JOBS && w->jobs[i].under_way; i++)
			;
		ck_assert_uint_lt(i, WORLD_JOBS);
		w->jobs[i].under_way = true;
		w->jobs[i].guest = job->want.domid - 1;
		w->jobs[i].want = job->want;
		w->jobs[i].job = job;
		xgd_queue_started(&w->q, job, NULL, w->now);
		ck_assert_uint_le(w->q.running, w->c.jobs);
	}
}

static void job_ends(struct world *w, size_t i, bool well)
{
	size_t g = w->jobs[i].guest;
	struct xgd_want *want = &w->jobs[i].want;

	w->jobs[i].under_way = false;
	if (well && w->runs[g] && want->verb == XGD_ATTACH && !w->attached[g]) {
		w->mode[g] = mode_that_fits(w, g);
		w->attached[g] = true;
	} else if (well && w->runs[g] && want->verb == XGD_SWAP && w->attached[g]) {
		w->mode[g] = strcmp(want->mode, "virtual") ? "paravirtual" : "virtual";
	}
	if (w->jobs[i].job)
		xgd_queue_ended(&w->q, &w->c, w->jobs[i].job, !well, "no", w->now);
}

/* Its jobs go on without it. */
static void daemon_dies(struct world *w)
{
	size_t i;

	xgd_queue_fini(&w->q);
	xgd_queue_init(&w->q, w->now);
	for (i = 0; i < WORLD_JOBS; i++)
		w->jobs[i].job = NULL;
}

static bool all_well(const struct world *w)
{
	size_t g;

	for (g = 0; g < GUESTS; g++)
		if (w->runs[g] && (!w->attached[g] || strcmp(w->mode[g], mode_that_fits(w, g))))
			return false;
	return true;
}

static bool under_way(const struct world *w)
{
	size_t i;

	for (i = 0; i < WORLD_JOBS && !w->jobs[i].under_way; i++)
		;
	return i < WORLD_JOBS;
}

static void guest_turns(struct world *w)
{
	size_t g = chance(w, GUESTS);

	w->runs[g] = !w->runs[g];
	w->attached[g] = false;
}

START_TEST(killed_at_any_moment_it_ends_in_the_same_place)
{
	struct world w = { .random = _i, .now = T0 };
	unsigned int n;
	size_t i;

	w.c = config_settling();
	xgd_queue_init(&w.q, _i);
	for (i = 0; i < GUESTS; i++)
		w.items[i] = (struct xgd_item){ .devid = i, .good = true };
	for (n = 0; n < 400; n++) {
		w.now += chance(&w, 2000);
		if (!chance(&w, 20))
			guest_turns(&w);
		if (!chance(&w, 7))
			daemon_dies(&w);
		for (i = 0; i < WORLD_JOBS; i++)
			if (w.jobs[i].under_way && !chance(&w, 4))
				job_ends(&w, i, chance(&w, 3));
		world_look(&w);
	}
	/* Nothing more happens: what there is to do is done in the end, and then there is nothing to do. */
	for (n = 0; n < 400 && !(all_well(&w) && !under_way(&w) && !w.q.count); n++) {
		for (i = 0; i < WORLD_JOBS; i++)
			if (w.jobs[i].under_way)
				job_ends(&w, i, true);
		w.now += 1000;
		world_look(&w);
	}
	ck_assert(all_well(&w));
	ck_assert(!under_way(&w));
	ck_assert_uint_eq(w.q.count, 0);
	xgd_queue_fini(&w.q);
}
END_TEST

/* ---- Commands --------------------------------------------------------------------------------------------------- */

static const struct {
	struct xgd_want want;
	const char *command;
} arg_rows[] = {
	{ { .verb = XGD_ATTACH, .uuid = A, .domid = 5, .mode = "auto", .words = "vdev=xvdb,target=/t" },
	  "x --uuid " A " disk-attach --policy --mode auto -- 5 vdev=xvdb,target=/t" },
	{ { .verb = XGD_ATTACH, .uuid = A, .domid = 5, .mode = "virtual", .shared = true, .words = "-f" },
	  "x --uuid " A " disk-attach --policy --mode virtual --shared -- 5 -f" },
	{ { .verb = XGD_SWAP, .uuid = B, .domid = 6, .vdev = "xvdc", .mode = "paravirtual" },
	  "x --uuid " B " swap --policy --timeout 30 -- 6 xvdc paravirtual" },
	{ { .verb = XGD_RECONNECT, .uuid = B, .domid = 6 }, "x --uuid " B " reconnect 6" },
	{ { .verb = XGD_SWEEP }, "x disk-list" },
};

START_TEST(commands)
{
	struct xgd_config c = config_settling();
	struct xgd_args args;
	char text[512] = "";
	size_t i;

	xgd_args_make(&c, &arg_rows[_i].want, "x", &args);
	for (i = 0; args.words[i]; i++) {
		strcat(text, i ? " " : "");
		strcat(text, args.words[i]);
	}
	ck_assert_uint_lt(i, XGD_ARGS_MAX);
	ck_assert_str_eq(text, arg_rows[_i].command);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("daemon");
	TCase *t = tcase_create("daemon");

	tcase_add_loop_test(t, conf_is_read_or_refused_as_a_whole, 0, XG_ARRAY_SIZE(conf_rows));
	tcase_add_test(t, conf_values_arrive_where_they_belong);
	tcase_add_test(t, conf_that_is_no_text_or_too_long_is_refused);
	tcase_add_test(t, conf_sample_is_the_defaults);
	tcase_add_loop_test(t, plan_of_a_disk, 0, XG_ARRAY_SIZE(disk_rows));
	tcase_add_loop_test(t, plan_of_an_item, 0, XG_ARRAY_SIZE(item_rows));
	tcase_add_test(t, plan_of_guests_that_are_gone);
	tcase_add_loop_test(t, plan_of_a_guest_with_a_twin, 0, 2);
	tcase_add_test(t, plan_is_bounded);
	tcase_add_test(t, queue_one_a_guest_and_so_many_at_once);
	tcase_add_test(t, queue_waits_as_long_as_it_has_to_be_wanted);
	tcase_add_test(t, queue_fails_and_comes_back_later_and_later);
	tcase_add_test(t, queue_gives_up_an_attach_and_only_that);
	tcase_add_test(t, queue_keeps_what_runs_until_it_ends);
	tcase_add_test(t, queue_tells_whose_disks_are_not_ready);
	tcase_add_test(t, queue_makes_no_storm);
	tcase_add_loop_test(t, killed_at_any_moment_it_ends_in_the_same_place, 0, 200);
	tcase_add_loop_test(t, commands, 0, XG_ARRAY_SIZE(arg_rows));
	tcase_set_timeout(t, 60);
	suite_add_tcase(suite, t);
	return run_suite(suite);
}
