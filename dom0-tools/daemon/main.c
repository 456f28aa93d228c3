// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * xengraftd(8): looks, plans, starts jobs, and looks again. Every event only means "look": what was missed is seen at
 * the next one.
 */
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>

#include "config.h"
#include "dom0-tools/daemon/daemon.h"
#include "dom0-tools/daemon/run.h"
#include "hotswap/wait.h"
#include "lib/base/array.h"
#include "lib/base/log.h"

/* Events come in bunches: one look for a bunch, and some room between two. */
#define SOON_MS 50u
#define LOOK_GAP_MS 300u

static const char default_config[] = XG_SYSCONFDIR "/xengraft.conf";

/* ---- When to look ------------------------------------------------------------------------------------------------ */

/* Never later than it was going to be. */
static void look_by(struct xgd *d, uint64_t at_ms)
{
	if (d->due_ms && d->due_ms <= at_ms)
		return;
	d->due_ms = at_ms;
	(void)sd_event_source_set_time(d->timer, at_ms * 1000);
	(void)sd_event_source_set_enabled(d->timer, SD_EVENT_ONESHOT);
}

void xgd_now(struct xgd *d)
{
	look_by(d, xg_now_ms());
}

void xgd_soon(struct xgd *d)
{
	uint64_t now = xg_now_ms(), earliest = d->looked_ms + LOOK_GAP_MS;

	look_by(d, now + SOON_MS > earliest ? now + SOON_MS : earliest);
}

/* ---- Jobs -------------------------------------------------------------------------------------------------------- */

struct running {
	struct xgd *d;
	struct xgd_job *job;
	struct xgd_run run;
	sd_event_source *source;
};

/* "swap of xvdb of domain 5 (virtual)" */
static void job_text(const struct xgd_want *w, char *buf, size_t size)
{
	const bool mode = w->mode[0], vdev = w->vdev[0];

	if (w->verb == XGD_SWEEP)
		snprintf(buf, size, "%s", xgd_verb_name(w->verb));
	else
		snprintf(buf, size, "%s%s%s of domain %u%s%s%s", xgd_verb_name(w->verb), vdev ? " of " : "", w->vdev, w->domid,
			 mode ? " (" : "", w->mode, mode ? ")" : "");
}

/* JOB: what is to be tried again; NULL: nothing. */
static void job_complain(const char *text, const char *said, const struct xgd_job *job, uint64_t now)
{
	if (!job)
		xg_warn("%s: %s; it is not wanted any more", text, said);
	else if (job->not_before_ms == XGD_NEVER)
		xg_error("%s: %s; given up after %u tries, until a reload", text, said, job->tries);
	else
		xg_warn("%s: %s; again in %llu ms", text, said, (unsigned long long)(job->not_before_ms - now));
}

static int on_job_ended(sd_event_source *source, const siginfo_t *info, void *ctx)
{
	struct running *r = ctx;
	struct xgd *d = r->d;
	struct xgd_job *job = r->job;
	int status = info->si_code == CLD_EXITED ? info->si_status : 128 + info->si_status;
	uint64_t now = xg_now_ms(), started = job->started_ms;
	const bool wanted = job->wanted;
	char text[128], said[400];

	job_text(&job->want, text, sizeof(text));
	xgd_run_finish(&r->run, text, said, sizeof(said));
	if (said[0] && !status)
		xg_info("%s: %s", text, said);
	if (!said[0] && status)
		snprintf(said, sizeof(said), "status %d without a word", status);
	d->jobs_done++;
	d->jobs_failed += status != 0;
	xgd_queue_ended(&d->queue, &d->config, job, status, said, now);
	if (!status)
		xg_info("%s: done in %llu ms", text, (unsigned long long)(now - started));
	else
		job_complain(text, said, wanted ? job : NULL, now);
	sd_event_source_unref(source);
	free(r);
	xgd_now(d);
	return 0;
}

static int job_start(struct xgd *d, struct xgd_job *job, struct xg_err *err)
{
	struct running *r = calloc(1, sizeof(*r));
	struct xgd_args args;
	int rc;

	if (!r)
		return xg_fail_errno(err, ENOMEM, "job");
	*r = (struct running){ .d = d, .job = job };
	xgd_args_make(&d->config, &job->want, d->program, &args);
	rc = xgd_run_start(&args, &r->run, err);
	if (rc) {
		free(r);
		return rc;
	}
	xgd_queue_started(&d->queue, job, r, xg_now_ms());
	/* It runs whatever comes now: without its end being seen the daemon would be of no use. */
	rc = sd_event_add_child(d->event, &r->source, r->run.pid, WEXITED, on_job_ended, r);
	if (rc < 0) {
		xg_error("cannot wait for a job: %s", strerror(-rc));
		(void)sd_event_exit(d->event, 1);
	}
	return 0;
}

static void jobs_start(struct xgd *d)
{
	struct xg_err err = XG_ERR_NONE;
	struct xgd_job *job;
	char text[128];

	while ((job = xgd_queue_next(&d->queue, &d->config, xg_now_ms()))) {
		job_text(&job->want, text, sizeof(text));
		xg_info("%s: %s%s", text, job->want.why, job->tries ? ", once more" : "");
		if (!job_start(d, job, &err))
			continue;
		xg_error("%s: %s", text, err.text);
		xgd_queue_started(&d->queue, job, NULL, xg_now_ms());
		xgd_queue_ended(&d->queue, &d->config, job, 127, err.text, xg_now_ms());
	}
}

/* ---- A look ------------------------------------------------------------------------------------------------------ */

static int look(struct xgd *d, struct xg_err *err)
{
	struct xgd_want *wants xg_auto_free = NULL;
	struct xgd_view view;
	size_t count;
	int rc;

	/* Such a connection stays broken, and its descriptor does not tell: who starts this again has a new one. */
	if (!xg_store_domain_known(d->ops.store, 0)) {
		(void)sd_event_exit(d->event, 1);
		return xg_fail(err, ENOTCONN, "the connection to xenstore is broken: ends");
	}
	rc = xgd_look(d->ops.store, d->ops.state, d->lists, &view, err);
	if (rc)
		return rc;
	xgd_view_fini(&d->view);
	d->view = view;
	xgd_saves_tell(d->saves, &d->view);
	rc = xgd_plan(&d->config, &d->view, &wants, &count, err);
	if (!rc)
		rc = xgd_queue_update(&d->queue, wants, count, xg_now_ms(), err);
	if (!rc)
		xgd_saves_planned(d->saves, &d->queue);
	return rc;
}

static int on_look(sd_event_source *source, uint64_t usec, void *ctx)
{
	struct xg_err err = XG_ERR_NONE;
	struct xgd *d = ctx;
	uint64_t due;
	int rc;

	(void)source;
	(void)usec;
	d->due_ms = 0;
	d->looked_ms = xg_now_ms();
	rc = look(d, &err);
	/* The same words once: what is wrong may stay so for long. */
	if (rc && strcmp(err.text, d->trouble))
		xg_error("%s", err.text);
	snprintf(d->trouble, sizeof(d->trouble), "%s", rc ? err.text : "");
	if (!rc)
		jobs_start(d);
	look_by(d, d->looked_ms + d->config.poll_s * UINT64_C(1000));
	due = xgd_queue_due(&d->queue, &d->config);
	if (due != XGD_NEVER)
		look_by(d, due > xg_now_ms() + LOOK_GAP_MS ? due : xg_now_ms() + LOOK_GAP_MS);
	return 0;
}

/* ---- Events ------------------------------------------------------------------------------------------------------ */

static const char *const watched[] = {
	"@introduceDomain", "@releaseDomain", "/local/domain/0/backend/vbd", "/local/domain/0/backend/qdisk",
};

static int on_store(sd_event_source *source, int fd, uint32_t events, void *ctx)
{
	struct xg_err err = XG_ERR_NONE;
	char path[64], token[64];
	struct xgd *d = ctx;
	int rc;

	(void)source;
	(void)fd;
	(void)events;
	while ((rc = xg_store_event(d->ops.store, path, sizeof(path), token, sizeof(token), &err)) == 1)
		xgd_soon(d);
	if (rc < 0) {
		xg_error("%s", err.text);
		return sd_event_exit(d->event, 1);
	}
	return 0;
}

static int on_record(sd_event_source *source, const struct inotify_event *event, void *ctx)
{
	(void)source;
	if (event->len && !strncmp(event->name, "state.db", 8))
		xgd_soon(ctx);
	return 0;
}

static int on_end(sd_event_source *source, const struct signalfd_siginfo *info, void *ctx)
{
	struct xgd *d = ctx;

	(void)source;
	(void)sd_notify(0, "STOPPING=1");
	xg_info("%s: ends%s", strsignal(info->ssi_signo),
		d->queue.running ? ", what is going on comes to its end by itself" : "");
	return sd_event_exit(d->event, 0);
}

/* The file that is there by itself may be missing, one that was asked for may not. */
static int config_load(struct xgd *d, struct xg_err *err)
{
	if (d->config_path != default_config && access(d->config_path, F_OK))
		return xg_fail_errno(err, errno, "%s", d->config_path);
	return xgd_config_load(d->config_path, &d->config, err);
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *info, void *ctx)
{
	struct xg_err err = XG_ERR_NONE;
	struct xgd *d = ctx;

	(void)source;
	(void)info;
	(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu", (unsigned long long)xg_now_ms() * 1000);
	if (config_load(d, &err)) {
		xg_error("not reloaded: %s", err.text);
		(void)sd_notifyf(0, "STATUS=not reloaded: %s", err.text);
	} else {
		(void)sd_notify(0, "STATUS=");
		xgd_lists_forget(d->lists);
		/* The last view borrows from the lists. */
		xgd_view_fini(&d->view);
		xgd_queue_forgive(&d->queue, xg_now_ms());
		xg_info("%s reloaded", d->config_path);
	}
	snprintf(d->refused, sizeof(d->refused), "%s", err.text);
	(void)sd_notify(0, "READY=1");
	xgd_now(d);
	return 0;
}

static int watch(struct xgd *d, struct xg_err *err)
{
	char dir[sizeof(d->ops.work_dir)];
	size_t i;
	int rc = 0;

	for (i = 0; !rc && i < XG_ARRAY_SIZE(watched); i++)
		rc = xg_store_watch(d->ops.store, watched[i], "look", err);
	if (rc)
		return rc;
	/* Where the database is: beside the folder in which images are generated. */
	snprintf(dir, sizeof(dir), "%s", d->ops.work_dir);
	*strrchr(dir, '/') = '\0';
	rc = sd_event_add_io(d->event, NULL, xg_store_fd(d->ops.store), EPOLLIN, on_store, d);
	if (rc >= 0)
		rc = sd_event_add_inotify(d->event, NULL, dir, IN_MODIFY | IN_CREATE | IN_MOVED_TO, on_record, d);
	if (rc >= 0)
		rc = sd_event_add_signal(d->event, NULL, SIGTERM, on_end, d);
	if (rc >= 0)
		rc = sd_event_add_signal(d->event, NULL, SIGINT, on_end, d);
	if (rc >= 0)
		rc = sd_event_add_signal(d->event, NULL, SIGHUP, on_reload, d);
	if (rc >= 0)
		rc = sd_event_add_time(d->event, &d->timer, CLOCK_MONOTONIC, 0, 1000, on_look, d);
	return rc < 0 ? xg_fail_errno(err, -rc, "event loop") : 0;
}

/* ---- Start and end ----------------------------------------------------------------------------------------------- */

/* One a host: two would do each job twice. The lock goes with the process. */
static int lock_take(const struct xgd *d, struct xg_err *err)
{
	char path[1024];
	int fd;

	snprintf(path, sizeof(path), "%s/xengraftd.lock", d->ops.run_dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return xg_fail_errno(err, errno, "%s", path);
	if (flock(fd, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? xg_fail(err, EBUSY, "xengraftd runs already") :
			xg_fail_errno(err, errno, "%s", path);
	return 0;
}

/* Before there is a second thread: libxenstore makes one. */
static int signals_block(struct xg_err *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	signal(SIGPIPE, SIG_IGN);
	return sigprocmask(SIG_BLOCK, &set, NULL) ? xg_fail_errno(err, errno, "signals") : 0;
}

static int open_all(struct xgd *d, struct xg_err *err)
{
	uint64_t seed = xg_now_ms();
	int rc = config_load(d, err);

	(void)!getrandom(&seed, sizeof(seed), GRND_NONBLOCK);
	xgd_queue_init(&d->queue, seed);
	if (!rc)
		rc = signals_block(err);
	if (!rc)
		rc = xg_ops_open(&d->ops, err);
	if (!rc)
		rc = lock_take(d, err);
	if (!rc)
		rc = xgd_lists_create(&d->lists, err);
	if (rc)
		return rc;
	rc = sd_event_default(&d->event);
	if (rc >= 0)
		rc = sd_event_set_watchdog(d->event, true);
	if (rc < 0)
		return xg_fail_errno(err, -rc, "event loop");
	rc = watch(d, err);
	if (!rc)
		rc = xgd_saves_open(d, err);
	return rc ? rc : xgd_server_open(d, err);
}

static void close_all(struct xgd *d)
{
	xgd_server_close(d->server);
	xgd_saves_close(d->saves);
	xgd_view_fini(&d->view);
	xgd_lists_destroy(d->lists);
	xgd_queue_fini(&d->queue);
	xg_ops_close(&d->ops);
	sd_event_source_unref(d->timer);
	sd_event_unref(d->event);
}

static int serve(struct xgd *d)
{
	struct xg_err err = XG_ERR_NONE;
	int rc = open_all(d, &err);

	d->started_ms = xg_now_ms();
	if (!rc) {
		xg_info("version %s, %s", PACKAGE_VERSION, d->config_path);
		(void)sd_notify(0, "READY=1");
		rc = sd_event_loop(d->event);
		if (rc < 0)
			(void)xg_fail_errno(&err, -rc, "event loop");
	}
	if (err.code)
		xg_error("%s", err.text);
	close_all(d);
	return rc != 0;
}

static int check(const char *path)
{
	struct xg_err err = XG_ERR_NONE;
	struct xgd_config config;

	if (access(path, F_OK))
		xg_fail_errno(&err, errno, "%s", path);
	else
		xgd_config_load(path, &config, &err);
	if (err.code)
		xg_error("%s", err.text);
	else
		printf("%s: good\n", path);
	return err.code != 0;
}

static void usage(FILE *to)
{
	fprintf(to, "usage: xengraftd [--config FILE] [--foreground] [--verbose]\n\n"
		"Attaches the disks of domains' configuration files, and keeps disks in the mode that the policy wants.\n\n"
		"  -c, --config FILE        read this file instead of %s\n"
		"  -f, --foreground         plain lines on standard error, also when the journal reads it\n"
		"  -v, --verbose            say more\n"
		"      --check-config FILE  tell whether FILE is good, and end\n"
		"  -V, --version            show the version\n  -h, --help               show this\n\n"
		"It never goes to the background. SIGHUP: read the file again. SIGTERM: end; disks and jobs go on.\n"
		"See xengraftd(8), xengraft.conf(5).\n", default_config);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' }, { "foreground", no_argument, NULL, 'f' },
		{ "verbose", no_argument, NULL, 'v' }, { "check-config", required_argument, NULL, 'C' },
		{ "version", no_argument, NULL, 'V' }, { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	const char *program = secure_getenv("XENGRAFT_PROGRAM");
	struct xgd d = { .config_path = default_config, .program = program ? program : XG_SBINDIR "/xengraft" };
	bool foreground = false;
	int c;

	(void)xg_log_open("xengraftd", NULL, NULL);
	while ((c = getopt_long(argc, argv, "c:fvVh", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			d.config_path = optarg;
			break;
		case 'f':
			foreground = true;
			break;
		case 'v':
			xg_log_level_set(XG_LOG_DEBUG);
			break;
		case 'C':
			return check(optarg);
		case 'V':
			printf("xengraftd %s\n", PACKAGE_VERSION);
			return 0;
		case 'h':
			usage(stdout);
			return 0;
		default:
			return 1;
		}
	}
	if (optind != argc) {
		xg_error("takes no arguments: '%s'", argv[optind]);
		usage(stderr);
		return 1;
	}
	xg_log_priorities(!foreground && getenv("JOURNAL_STREAM"));
	return serve(&d);
}
