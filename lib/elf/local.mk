# SPDX-License-Identifier: GPL-2.0-or-later
noinst_LIBRARIES += lib/elf/libxgelf.a
lib_elf_libxgelf_a_CFLAGS = $(AM_CFLAGS) $(ELF_CFLAGS)
lib_elf_libxgelf_a_SOURCES = lib/elf/elf.c lib/elf/elf.h
EXTRA_DIST += lib/elf/README.md
