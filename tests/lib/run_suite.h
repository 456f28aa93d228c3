/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How each test program ends: the suite is run, and freed. */
#ifndef XG_TESTS_RUN_SUITE_H
#define XG_TESTS_RUN_SUITE_H

#include <check.h>
#include <stdlib.h>

/* What main() returns. HOW: CK_NOFORK where a fork a row would cost seconds, and no test can bring down the next. */
static inline int run_suite_how(Suite *s, enum fork_status how)
{
	SRunner *r = srunner_create(s);
	int failed;

	srunner_set_fork_status(r, how);
	srunner_run_all(r, CK_ENV);	/* CK_VERBOSITY; as ever without it */
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

static inline int run_suite(Suite *s)
{
	return run_suite_how(s, CK_FORK_GETENV);
}

#endif
