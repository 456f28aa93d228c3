// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How fast is the repository? Adds many images, resolves among them, cold (opened anew) and warm, and asks
 * `modprobe -R` to resolve an alias of this machine's own modules.alias beside it. Run by `make bench-repo`; argument:
 * how many images.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/lib/repo_rig.h"

#define BATCH 256
#define ROUNDS 201

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static void must(int rc, const struct xg_err *err)
{
	if (!rc)
		return;
	fprintf(stderr, "bench: %s\n", err->text);
	exit(1);
}

/*
 * Of a hundred: fifty personalities of one build each, two for a range, the rest drivers of many devices and versions.
 */
static void lines_of(unsigned int n, char ret[512])
{
	unsigned int k = n / 100;

	if (n % 100 < 50)
		snprintf(ret, 512, "kind=personality\nabi=1\narch=x86_64\nos=linux\n"
			 "release=6.%u.%u-%u-amd64\nbuild-id=%040x\nversion=1.%u\n"
			 "licence=x\n",
			 n % 100, k % 100, k / 100, n, k);
	else if (n % 100 < 52)
		snprintf(ret, 512, "kind=personality\nabi=1\narch=x86_64\nos=linux\n"
			 "release=4.%u\nrelease-last=4.%u\nversion=%u\nlicence=x\n",
			 k, k + 1, n);
	else
		snprintf(ret, 512, "kind=driver\nabi=1\narch=x86_64\nclass=block\n"
			 "device=device-%u\nmode=%s\nversion=0.%u\nlicence=x\n",
			 n % 100, n % 2 ? "virtual" : "paravirtual", k);
}

static void add_range(unsigned int from, unsigned int to)
{
	struct xg_repo_batch *b = NULL;
	struct xg_err err = XG_ERR_NONE;
	struct xg_image *image;
	char lines[512], *text;
	size_t size;

	must(xg_repo_begin(repo_rig.repo, &b, &err), &err);
	for (; from < to; from++) {
		lines_of(from, lines);
		image = repo_rig_image(lines, 0);
		must(xg_repo_stage(b, image, NULL, &err), &err);
		must(xg_repo_sign(&repo_rig.key, image, "x.o", NULL, &text, &size, &err), &err);
		must(xg_repo_stage_signature(b, image->digest, text, size, &err), &err);
		free(text);
		xg_image_free(image);
	}
	must(xg_repo_commit(b, &err), &err);
	xg_repo_batch_free(b);
}

static struct xg_wanted wanted(unsigned int n)
{
	struct xg_wanted q = { .os = "linux", .arch = "x86_64", .class_name = "block", .mode = "any", .abi = 1 };
	unsigned int k = n / 100;

	snprintf(q.release, sizeof(q.release), "6.%u.%u-%u-amd64", n % 100, k % 100, k / 100);
	snprintf(q.build_id, sizeof(q.build_id), "%040x", n);
	snprintf(q.device, sizeof(q.device), "device-%u", 52 + n % 48);
	return q;
}

/* Personality and driver: what an attach asks for. */
static void resolve(unsigned int n)
{
	struct xg_wanted q = wanted(n - n % 100 + n % 50);
	struct xg_err err = XG_ERR_NONE;
	struct xg_choice c;

	must(xg_repo_resolve(repo_rig.repo, "personality", &q, &c, &err), &err);
	xg_choice_fini(&c);
	must(xg_repo_resolve(repo_rig.repo, "driver", &q, &c, &err), &err);
	xg_choice_fini(&c);
}

static int order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void report(const char *what, double *us)
{
	qsort(us, ROUNDS, sizeof(*us), order);
	printf("%-52s %9.0f us  (%.0f to %.0f, %d rounds)\n", what, us[ROUNDS / 2], us[0], us[ROUNDS - 1], ROUNDS);
}

static void run_quietly(const char *const argv[])
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
			_exit(127);
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status)) {
		fprintf(stderr, "bench: %s did not work\n", argv[0]);
		exit(1);
	}
}

static void programs(const char *what, const char *const argv[])
{
	static double us[ROUNDS];
	int i;

	for (i = 0; i < ROUNDS; i++) {
		us[i] = now_us();
		run_quietly(argv);
		us[i] = now_us() - us[i];
	}
	report(what, us);
}

/* An alias of that kernel's, with something in the place of its pattern's stars. How many there are. */
static unsigned int an_alias(const char *release, char ret[512])
{
	char path[256], line[512];
	unsigned int count = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/lib/modules/%s/modules.alias", release);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "alias pci:", 10) && ++count % 1000 == 1)
			sscanf(line, "alias %511s", ret);
	if (f)
		fclose(f);
	for (; *ret && count; ret++)
		if (*ret == '*')
			*ret = '0';
	return count;
}

/* The running kernel's, or, where that has no modules, another one's that is installed. */
static unsigned int aliases(char release[256], char alias[512])
{
	struct dirent **names;
	struct utsname u;
	unsigned int count;
	int i, found;

	uname(&u);
	snprintf(release, 256, "%s", u.release);
	count = an_alias(release, alias);
	found = count ? 0 : scandir("/lib/modules", &names, NULL, alphasort);
	for (i = 0; i < found && !count; i++) {
		snprintf(release, 256, "%s", names[i]->d_name);
		count = an_alias(release, alias);
	}
	return count;
}

static void beside_modprobe(unsigned int images)
{
	char alias[512] = "", release[256], what[100];
	unsigned int count = aliases(release, alias), n = images / 2 - (images / 2) % 100;
	struct xg_wanted q = wanted(n);
	const char *ours[] = {
		"driver-repo/cli/xengraft-repo", "resolve", "--release", q.release, "--build-id", q.build_id,
		"--device", q.device, NULL,
	};
	const char *theirs[] = { "modprobe", "-S", release, "-R", alias, NULL };

	setenv("XENGRAFT_REPO", repo_rig.paths.dir, 1);
	setenv("XENGRAFT_CONFDIR", repo_rig.paths.confdir, 1);
	snprintf(what, sizeof(what), "xengraft-repo resolve, a process (%u images)", images);
	programs(what, ours);
	if (!count) {
		printf("%-52s this machine's kernel has no modules.alias here\n", "modprobe -R");
		return;
	}
	snprintf(what, sizeof(what), "modprobe -R, a process (%u aliases of PCI)", count);
	programs(what, theirs);
}

int main(int argc, char **argv)
{
	unsigned int i, images = argc > 1 ? (unsigned int)atoi(argv[1]) : 100000;
	static double us[ROUNDS];
	double began;

	if (images < 1000) {
		fprintf(stderr, "usage: %s [IMAGES, 1000 at least]\n", argv[0]);
		return 2;
	}
	repo_rig_setup();
	began = now_us();
	for (i = 0; i < BATCH; i++)
		add_range(i, i + 1);
	printf("%-52s %9.0f a second\n", "add, one a transaction", BATCH / (now_us() - began) * 1e6);
	began = now_us();
	for (; i < images; i += BATCH)
		add_range(i, i + BATCH < images ? i + BATCH : images);
	printf("%-52s %9.0f a second (%u images)\n", "add, 256 a transaction",
	       (images - BATCH) / (now_us() - began) * 1e6, images);
	for (i = 0; i < ROUNDS; i++) {
		began = now_us();
		repo_rig_reopen();
		resolve(i * 479 % images);
		us[i] = now_us() - began;
	}
	report("resolve cold: open, personality and driver", us);
	for (i = 0; i < ROUNDS; i++) {
		began = now_us();
		resolve(i * 617 % images);
		us[i] = now_us() - began;
	}
	report("resolve warm: personality and driver", us);
	beside_modprobe(images);
	repo_rig_teardown();
	return 0;
}
