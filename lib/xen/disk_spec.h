/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A disk as an administrator writes it: xl-disk-configuration(5), parsed by libxlutil, so that what xl takes
 * we take, or refuse by name: what asks for another backend, domain, protocol or script than ours.
 */
#ifndef XG_XEN_DISK_SPEC_H
#define XG_XEN_DISK_SPEC_H

#include <stdbool.h>

#include "lib/base/err.h"

struct xg_disk_spec {
	char target[1024];	/* path of the file or block device */
	char vdev[32];		/* "xvdb" */
	char format[16];	/* "raw", "qcow2", …: libxl's name */
	bool read_only, removable, cdrom;
	bool discard;		/* as asked for; true when the SPEC is silent, as xl has it */
	bool direct_io_safe;
	/* Not of the SPEC, but beside it: */
	char mode[16];		/* "virtual", "paravirtual", "auto"; "": virtual */
	bool shared;		/* others may write to the target, too */
	bool listed;		/* it stands in the domain's own list: not against who detached it by hand */
	bool of_xl;		/* it is served for a disk of xl's with script=block-xengraft */
};

/* COUNT words as on a command line. -EINVAL with what libxlutil said. */
int xg_disk_spec_parse(int count, const char *const *words, struct xg_disk_spec *ret, struct xg_err *err);

#endif
