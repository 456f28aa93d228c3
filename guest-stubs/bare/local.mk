# SPDX-License-Identifier: GPL-2.0-or-later
# The bare guest: its kernel, its personality, and the bed's kernel. bare.mk has the rules; what is installed
# is a guest to boot (bare.elf) and the personality for it, as one for a Linux kernel would be.
XG_BARE_FILES = guest-stubs/bare/README.md guest-stubs/bare/bare.mk guest-stubs/bare/bare.h \
	guest-stubs/bare/bare.lds.S guest-stubs/bare/bed.c guest-stubs/bare/bed.h \
	guest-stubs/bare/bed_nvme.c guest-stubs/bare/bed_pci.c guest-stubs/bare/bed_virtio.c guest-stubs/bare/boot.S \
	guest-stubs/bare/clock.c guest-stubs/bare/console.c \
	guest-stubs/bare/devices_none.c guest-stubs/bare/disk.c guest-stubs/bare/disk.h guest-stubs/bare/exec.c \
	guest-stubs/bare/grant.c guest-stubs/bare/housekeeping.c guest-stubs/bare/identity.c \
	guest-stubs/bare/identity.h \
	guest-stubs/bare/layout.h guest-stubs/bare/machine.h guest-stubs/bare/main.c guest-stubs/bare/memory.c \
	guest-stubs/bare/personality.h guest-stubs/bare/personality_core.c guest-stubs/bare/personality_device.c \
	guest-stubs/bare/personality_disk.c guest-stubs/bare/personality_leave.S guest-stubs/bare/personality_note.c \
	guest-stubs/bare/personality_services.c guest-stubs/bare/personality_window.c guest-stubs/bare/shell.c \
	guest-stubs/bare/store.c guest-stubs/bare/symbols.awk guest-stubs/bare/task.c guest-stubs/bare/text.c \
	guest-stubs/bare/trap.c guest-stubs/bare/xen.c guest-stubs/bare/xen.h
EXTRA_DIST += $(XG_BARE_FILES)

XG_BARE_OUT = guest-stubs/bare/out
XG_BARE_MAKE = $(MAKE) -f $(abs_srcdir)/guest-stubs/bare/bare.mk O=$(XG_BARE_OUT) RELEASE=$(VERSION) CC="$(CC)" \
	BED_NVME=$(XG_BED_NVME) BED_VIRTIO=$(XG_BED_VIRTIO)

# Driver images for the bed: what guests would get.
XG_BED_NVME = guest-stubs/drivers/nvme-queue-paravirtual.o
XG_BED_VIRTIO = guest-stubs/drivers/virtio-blk-paravirtual.o

bareguestdir = $(pkgdatadir)
bareguest_DATA = $(XG_BARE_OUT)/bare.elf
image_DATA += $(XG_BARE_OUT)/bare-$(VERSION).o

$(XG_BARE_OUT)/bare.elf: $(XG_BARE_FILES) Makefile
	+$(AM_V_GEN)$(MKDIR_P) $(XG_BARE_OUT) && $(XG_BARE_MAKE) -s $@ && touch $@
$(XG_BARE_OUT)/os_interface.h: $(XG_GEN_INPUTS) driver-gen/os/bare.xgo Makefile
	$(AM_V_GEN)$(MKDIR_P) $(XG_BARE_OUT) && $(XG_GEN) --os bare --release $(VERSION) --emit-c -o $@
$(XG_BARE_OUT)/bare-$(VERSION).o: $(XG_BARE_OUT)/bare.elf $(XG_BARE_OUT)/os_interface.h $(XG_COMMON_FILES) \
		guest-stubs/abi/xengraft_abi.h guest-stubs/abi/xengraft_note.h
	+$(AM_V_GEN)$(XG_BARE_MAKE) -s $(XG_BARE_OUT)/personality.o && cp $(XG_BARE_OUT)/personality.o $@
$(XG_BARE_OUT)/bed.elf: $(XG_BARE_OUT)/bare-$(VERSION).o $(XG_BED_NVME) $(XG_BED_VIRTIO)
	+$(AM_V_GEN)$(XG_BARE_MAKE) -s $@ && touch $@

bed: $(XG_BARE_OUT)/bed.elf
clean-local: bare-clean
bare-clean:
	rm -rf $(XG_BARE_OUT)
.PHONY: bare-clean bed
