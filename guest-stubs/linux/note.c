// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What this personality says about itself. image_note.h is written by build-image for the kernel it builds for;
 * it defines XG_NOTE_RELEASE, XG_NOTE_BUILD_ID and XG_NOTE_VERSION.
 */
#include "image_note.h"
#include "xengraft_note.h"

XG_IMAGE_NOTE("kind=personality\\n"
	      "abi=1\\n"
	      "os=linux\\n"
	      "release=" XG_NOTE_RELEASE "\\n"
	      "build-id=" XG_NOTE_BUILD_ID "\\n"
	      "arch=x86_64\\n"
	      "version=" XG_NOTE_VERSION "\\n"
	      "licence=GPL-2.0-or-later\\n");
