# SPDX-License-Identifier: GPL-2.0-or-later
# Builds the bare guest with the host's compiler. By itself (`make -f bare.mk`, in any folder), and from local.mk:
#
#     make -f SRC/guest-stubs/bare/bare.mk O=OUT [bare.elf bare-RELEASE.o bed.elf]
#
#     bare.elf         the kernel, for `xl create` and `qemu-system-x86_64 -kernel`
#     personality.o    the personality for exactly that kernel, which hotswap links into it
#     bed.elf          the kernel with devices of its own, driven by BED_NVME and BED_VIRTIO (driver images)

here := $(dir $(abspath $(lastword $(MAKEFILE_LIST))))
abi := $(here)../abi
common := $(here)../common/
O ?= .
RELEASE ?= 0.1
CC ?= gcc
OBJCOPY ?= objcopy
NM ?= nm
GEN ?= xengraft-gen
# Driver images of the bed, made by xengraft-gen.
BED_NVME ?= $(O)/nvme-queue-paravirtual.o
BED_VIRTIO ?= $(O)/virtio-blk-paravirtual.o

flags := -std=gnu11 -O2 -g -ffreestanding -fno-pic -fno-pie -mcmodel=kernel -mno-red-zone -mgeneral-regs-only \
	-fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables -fno-common -fno-ident \
	-fno-tree-loop-distribute-patterns -Wall -Wextra -Werror -Wstrict-prototypes -Wmissing-prototypes \
	-D__XEN_INTERFACE_VERSION__=__XEN_LATEST_INTERFACE_VERSION__ -DBARE_RELEASE='"$(RELEASE)"' \
	-I$(here) -I$(common) -I$(abi) -I$(O)
link = $(CC) -nostdlib -static -no-pie -Wl,-z,max-page-size=4096 -Wl,-z,noexecstack -Wl,--build-id=sha1 \
	-Wl,-T,$(O)/bare.lds

kernel := boot text trap clock xen grant memory exec task housekeeping console store disk identity main shell
personality := personality_core personality_device personality_disk personality_services personality_window \
	checks window
bed := bed bed_pci bed_nvme bed_virtio personality_device personality_disk personality_services checks

kernel_objects := $(kernel:%=$(O)/%.o)
headers := $(wildcard $(here)*.h) $(wildcard $(common)*.h) $(wildcard $(abi)/*.h)

.PHONY: all clean
all: $(O)/bare.elf $(O)/personality.o
.DELETE_ON_ERROR:

$(O)/%.o: $(here)%.c $(headers)
	@mkdir -p $(O)
	$(CC) $(flags) -c -o $@ $<

$(O)/%.o: $(common)%.c $(headers)
	@mkdir -p $(O)
	$(CC) $(flags) -c -o $@ $<

$(O)/%.o: $(here)%.S $(headers)
	@mkdir -p $(O)
	$(CC) -I$(here) -c -o $@ $<

# local.mk makes it with the tree's own generator, before it calls us.
$(O)/os_interface.h:
	$(GEN) --os bare --release $(RELEASE) --emit-c -o $@

$(personality:%=$(O)/%.o) $(bed:%=$(O)/%.o): $(O)/os_interface.h

$(O)/bare.lds: $(here)bare.lds.S $(here)layout.h
	@mkdir -p $(O)
	$(CC) -E -P -x assembler-with-cpp -I$(here) -o $@ $<

# Three times: with no symbol table, with one of the right size, with the right one.
symbols = $(NM) -n $(1) | awk -f $(here)symbols.awk >$(2).S && $(CC) -c -o $(2).o $(2).S
define link_with_symbols
	awk -f $(here)symbols.awk </dev/null >$@.1.S && $(CC) -c -o $@.1.o $@.1.S
	$(link) -o $@.1 $(1) $@.1.o
	$(call symbols,$@.1,$@.2)
	$(link) -o $@.2 $(1) $@.2.o
	$(call symbols,$@.2,$@.3)
	$(link) -o $@ $(1) $@.3.o
	@rm -f $@.[123] $@.[123].[So]
endef

$(O)/bare.elf: $(kernel_objects) $(O)/devices_none.o $(O)/bare.lds $(here)symbols.awk
	$(call link_with_symbols,$(kernel_objects) $(O)/devices_none.o)

# ---- The personality
# ---------------------------------------------------------------------------------------------------

$(O)/image_note.h: $(O)/bare.elf
	readelf -n $< | awk '/Build ID/ { printf "#define XG_NOTE_BUILD_ID \"%s\"\n", $$3 }' >$@
	printf '#define XG_NOTE_RELEASE "%s"\n#define XG_NOTE_VERSION "%s"\n' '$(RELEASE)' '$(RELEASE)' >>$@

$(O)/personality_note.o: $(O)/image_note.h

personality_objects := $(personality:%=$(O)/%.o) $(O)/personality_note.o $(O)/personality_leave.o
$(O)/personality.o: $(personality_objects)
	$(CC) -nostdlib -r -Wl,--build-id=none -o $@.tmp $(personality_objects)
	$(OBJCOPY) --strip-debug -R .comment -R .note.gnu.property $@.tmp $@
	@rm -f $@.tmp

# ---- The bed
# -------------------------------------------------------------------------------------------------------------

$(O)/bed_image_nvme.o: $(BED_NVME)
	$(OBJCOPY) --redefine-sym xg_driver=bed_driver_nvme -R .note.xengraft $< $@
$(O)/bed_image_virtio.o: $(BED_VIRTIO)
	$(OBJCOPY) --redefine-sym xg_driver=bed_driver_virtio -R .note.xengraft $< $@

bed_objects := $(kernel_objects) $(bed:%=$(O)/%.o) $(O)/bed_image_nvme.o $(O)/bed_image_virtio.o
$(O)/bed.elf: $(bed_objects) $(O)/bare.lds $(here)symbols.awk
	$(call link_with_symbols,$(bed_objects))

clean:
	rm -f $(O)/*.o $(O)/bare.elf $(O)/bed.elf $(O)/bare.lds $(O)/image_note.h
