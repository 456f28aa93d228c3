// SPDX-License-Identifier: GPL-2.0-or-later
/* What this personality says about itself; the build says for which kernel (image_note.h). */
#include "image_note.h"
#include "xengraft_note.h"

XG_IMAGE_NOTE("kind=personality\\n"
	      "abi=1\\n"
	      "os=bare\\n"
	      "release=" XG_NOTE_RELEASE "\\n"
	      "build-id=" XG_NOTE_BUILD_ID "\\n"
	      "arch=x86_64\\n"
	      "offers=grants,events\\n"
	      "version=" XG_NOTE_VERSION "\\n"
	      "licence=GPL-2.0-or-later\\n");
