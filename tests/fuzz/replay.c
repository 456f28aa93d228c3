// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs a fuzz target over a corpus without a fuzzer, so that `make check` keeps what fuzzing has found. Each file
 * given, and each file below each directory given, goes through LLVMFuzzerTestOneInput() once; without an
 * argument fuzz_NAME takes $srcdir/tests/fuzz/corpus/NAME. A crash or a sanitizer's report is the failure.
 * An empty corpus fails too: it would prove nothing.
 *
 * Compiled with XG_LIBFUZZER it is empty: the fuzzer brings its own main().
 */
#ifndef XG_LIBFUZZER
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_BYTES_MAX (16u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned int replayed;

/* An allocation of the exact size, so that a read past the end is seen. */
static int replay(const char *path, size_t size)
{
	uint8_t *data = malloc(size ? size : 1);
	FILE *f = fopen(path, "rb");
	int ok = data && f && fread(data, 1, size, f) == size;

	if (f)
		fclose(f);
	if (ok) {
		LLVMFuzzerTestOneInput(data, size);
		replayed++;
	} else {
		perror(path);
	}
	free(data);
	return ok ? 0 : -1;
}

static int visit(const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)where;
	if (type != FTW_F)
		return type == FTW_D ? 0 : -1;
	if (st->st_size > (off_t)INPUT_BYTES_MAX) {
		fprintf(stderr, "%s: %lld bytes, at most %u\n", path, (long long)st->st_size, INPUT_BYTES_MAX);
		return -1;
	}
	return replay(path, st->st_size);
}

static int walk(const char *path)
{
	if (nftw(path, visit, 16, FTW_PHYS) == 0)
		return 0;
	fprintf(stderr, "%s: not replayed\n", path);
	return -1;
}

static int walk_own_corpus(const char *program)
{
	const char *name = strstr(program, "fuzz_"), *next, *srcdir = getenv("srcdir");
	char path[4096];

	while (name && (next = strstr(name + 5, "fuzz_")))
		name = next;
	if (!name)
		return -1;
	snprintf(path, sizeof(path), "%s/tests/fuzz/corpus/%s", srcdir ? srcdir : ".", name + 5);
	return walk(path);
}

int main(int argc, char **argv)
{
	int i, failed = 0;

	if (argc < 2)
		failed = walk_own_corpus(argv[0]);
	for (i = 1; i < argc; i++)
		failed |= walk(argv[i]);
	printf("%u inputs replayed\n", replayed);
	return failed || replayed == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
#endif
