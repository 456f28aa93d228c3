// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory: which pages there are (the loader's map), who has them (one bit each), and how they are mapped.
 * Memory above 4 GiB is left alone. Must never hand out a page that the loader said is not memory, or that
 * something lies in.
 */
#include "bare.h"
#include "machine.h"

#include <xen/xen.h>
#include <xen/arch-x86/hvm/start_info.h>

#define LIMIT (4ull << 30)
#define PAGES (LIMIT / BARE_PAGE)
#define LARGE (2ull << 20)
/* Pages that a backend has mapped when it dies: two rings of 32 requests of 64 pages, and their own. */
#define PINS_MAX 4352u

#define PTE_PRESENT 0x001ull
#define PTE_WRITE 0x002ull
#define PTE_UNCACHED 0x018ull	/* PWT and PCD */
#define PTE_LARGE 0x080ull
#define PTE_NX (1ull << 63)
#define PTE_ADDRESS 0x000ffffffffff000ull

extern const char _text[], _rodata[], _data[], _end[];

static uint64_t taken[PAGES / 64];	/* a bit set: not to be had */
static size_t nr_free, next;
static uint64_t *root;

/* ---- Pages ------------------------------------------------------------------------------------------------- */

static bool is_taken(size_t page)
{
	return taken[page / 64] >> page % 64 & 1;
}

static void set_taken(size_t page, bool value)
{
	uint64_t bit = 1ull << page % 64;

	if (is_taken(page) == value)
		return;
	taken[page / 64] ^= bit;
	nr_free += value ? (size_t)-1 : 1;
}

static void set_range(uint64_t from, uint64_t to, bool value)
{
	for (; from < to && from < LIMIT; from += BARE_PAGE)
		set_taken(from / BARE_PAGE, value);
}

/* First fit from where the last one ended, so that a run is found soon. */
static size_t find_run(size_t from, size_t count)
{
	size_t page, run = 0;

	for (page = from; page < PAGES; page++) {
		if (page % 64 == 0 && taken[page / 64] == UINT64_MAX) {
			page += 63;
			run = 0;
			continue;
		}
		run = is_taken(page) ? 0 : run + 1;
		if (run == count)
			return page + 1 - count;
	}
	return 0;
}

static struct pin {
	uint64_t physical;	/* 0: free */
	unsigned int count;
	bool given_back;
} pins[PINS_MAX];

static unsigned int nr_pins;

static struct pin *pin_find(uint64_t physical)
{
	unsigned int i;

	for (i = 0; i < PINS_MAX; i++)
		if (pins[i].physical == physical)
			return &pins[i];
	return NULL;
}

int bare_page_pin(uint64_t physical)
{
	struct pin *pin = pin_find(physical);

	if (!pin)
		pin = pin_find(0);
	if (!pin || !physical)
		return -BARE_E_NOMEM;
	if (!pin->count++)
		nr_pins++;
	pin->physical = physical;
	return 0;
}

void bare_page_unpin(uint64_t physical)
{
	struct pin *pin = pin_find(physical);

	if (!pin || --pin->count)
		return;
	if (pin->given_back)
		set_taken(physical / BARE_PAGE, false);
	*pin = (struct pin){ .physical = 0 };
	nr_pins--;
}

static bool pin_defers(uint64_t physical)
{
	struct pin *pin = nr_pins ? pin_find(physical) : NULL;

	if (pin)
		pin->given_back = true;
	return pin;
}

void *bare_pages_get(size_t count)
{
	size_t page = 0, i;

	if (count && count <= nr_free) {
		page = find_run(next, count);
		if (!page)
			page = find_run(0, count);
	}
	if (!page)
		return NULL;
	for (i = 0; i < count; i++)
		set_taken(page + i, true);
	next = page + count;
	return memset(bare_at(page * BARE_PAGE), 0, count * BARE_PAGE);
}

void bare_pages_put(void *pages, size_t count)
{
	uint64_t physical = (uint64_t)pages - BARE_MEMORY;
	size_t i;

	if (!pages)
		return;
	if (physical % BARE_PAGE || physical >= LIMIT)
		bare_stop("%p is no page that was given", pages);
	for (i = 0; i < count; i++) {
		if (!is_taken(physical / BARE_PAGE + i))
			bare_stop("page %p is given back twice", (char *)pages + i * BARE_PAGE);
		if (!pin_defers(physical + i * BARE_PAGE))
			set_taken(physical / BARE_PAGE + i, false);
	}
	if (physical / BARE_PAGE < next)
		next = physical / BARE_PAGE;
}

size_t bare_pages_free(void)
{
	return nr_free;
}

/* ---- Mappings ---------------------------------------------------------------------------------------------- */

/* The entry for VA at LEVEL (1: 4 KiB, 2: 2 MiB), tables on the way made if MAKE. NULL: none, or a large page above. */
static uint64_t *entry_of(uint64_t va, unsigned int level, bool make)
{
	uint64_t *table = root;
	unsigned int at;
	void *page;

	for (at = 4; at > level; at--) {
		uint64_t *entry = &table[va >> (3 + 9 * at) & 511];

		if (!(*entry & PTE_PRESENT)) {
			page = make ? bare_pages_get(1) : NULL;
			if (!page)
				return NULL;
			*entry = ((uint64_t)page - BARE_MEMORY) | PTE_PRESENT | PTE_WRITE;
		} else if (*entry & PTE_LARGE) {
			return at == 2 && !make ? entry : NULL;
		}
		table = bare_at(*entry & PTE_ADDRESS);
	}
	return &table[va >> (3 + 9 * level) & 511];
}

static uint64_t flags_of(unsigned int protection)
{
	return PTE_PRESENT | (protection & BARE_MAP_WRITE ? PTE_WRITE : 0) |
	       (protection & BARE_MAP_EXECUTE ? 0 : PTE_NX) | (protection & BARE_MAP_UNCACHED ? PTE_UNCACHED : 0);
}

int bare_map(uint64_t va, uint64_t physical, size_t pages, unsigned int protection)
{
	uint64_t *entry;

	for (; pages; pages--, va += BARE_PAGE, physical += BARE_PAGE) {
		entry = entry_of(va, 1, true);
		if (!entry)
			return -BARE_E_NOMEM;
		/* One store: a processor's walk sees the old entry or the new one. */
		__atomic_store_n(entry, physical | flags_of(protection), __ATOMIC_RELEASE);
		forget_page((void *)va);
	}
	return 0;
}

int bare_map_tables(uint64_t va, size_t pages)
{
	for (; pages; pages--, va += BARE_PAGE)
		if (!entry_of(va, 1, true))
			return -BARE_E_NOMEM;
	return 0;
}

void bare_unmap(uint64_t va, size_t pages)
{
	uint64_t *entry;

	for (; pages; pages--, va += BARE_PAGE) {
		entry = entry_of(va, 1, false);
		if (entry)
			__atomic_store_n(entry, 0, __ATOMIC_RELEASE);
		forget_page((void *)va);
	}
}

uint64_t bare_physical(const void *at)
{
	uint64_t va = (uint64_t)at, size = BARE_PAGE, *entry = entry_of(va, 1, false);

	if (!entry || !(*entry & PTE_PRESENT))
		bare_stop("%p is not mapped", at);
	if (*entry & PTE_LARGE)
		size = LARGE;
	return (*entry & PTE_ADDRESS & ~(size - 1)) + (va & (size - 1));
}

void *bare_device_map(uint64_t physical, size_t bytes, unsigned int protection)
{
	static uint64_t at = BARE_DEVICES;
	uint64_t va = at, offset = physical % BARE_PAGE;
	size_t pages = (offset + bytes + BARE_PAGE - 1) / BARE_PAGE;

	if (bare_map(va, physical - offset, pages, protection))
		return NULL;
	at += pages * BARE_PAGE;
	return (void *)(va + offset);
}

/* ---- Start ------------------------------------------------------------------------------------------------- */

static void map_large(uint64_t physical)
{
	uint64_t *entry = entry_of(BARE_MEMORY + physical, 2, true);

	if (!entry)
		bare_stop("no memory for page tables");
	*entry = physical | PTE_PRESENT | PTE_WRITE | PTE_LARGE | PTE_NX;
}

static void map_image(const char *from, const char *to, unsigned int protection)
{
	uint64_t va = (uint64_t)from;

	if (bare_map(va, va - BARE_BASE, ((uint64_t)to - va + BARE_PAGE - 1) / BARE_PAGE, protection))
		bare_stop("no memory for page tables");
}

/* Pages that the map calls memory, whole ones; the first MiB is the firmware's. */
static void take_map(const struct hvm_memmap_table_entry *map, uint32_t entries)
{
	uint32_t i;

	memset(taken, 0xff, sizeof(taken));
	for (i = 0; i < entries; i++) {
		uint64_t from = (map[i].addr + BARE_PAGE - 1) & -(uint64_t)BARE_PAGE;
		uint64_t to = (map[i].addr + map[i].size) & -(uint64_t)BARE_PAGE;

		if (map[i].type == XEN_HVM_MEMMAP_TYPE_RAM)
			set_range(from < BARE_LOAD ? BARE_LOAD : from, to, false);
	}
}

static void keep_loaded(const struct hvm_start_info *info)
{
	const struct hvm_modlist_entry *modules = bare_at(info->modlist_paddr);
	uint32_t i;

	set_range(BARE_LOAD, (uint64_t)_end - BARE_BASE, true);
	for (i = 0; i < info->nr_modules; i++)
		set_range(modules[i].paddr & -(uint64_t)BARE_PAGE, modules[i].paddr + modules[i].size, true);
}

uint64_t bare_root(void)
{
	return (uint64_t)root - BARE_MEMORY;
}

/*
 * The early tables reach the first GiB, and pages are handed out from the bottom, so the new tables can be
 * written. Of what the loader left only modules are kept; the map is read here, and nothing else is looked
 * at.
 */
void bare_memory_start(const struct hvm_start_info *info)
{
	const struct hvm_memmap_table_entry *map = bare_at(info->memmap_paddr);
	uint32_t entries = info->version >= 1 ? info->memmap_entries : 0;
	uint64_t at;

	if (!entries)
		bare_stop("the loader gave no memory map (start information of version %u)", info->version);
	take_map(map, entries);
	keep_loaded(info);
	root = bare_pages_get(1);
	if (!root)
		bare_stop("no memory");
	for (at = 0; at < LIMIT; at += LARGE) {
		size_t i, page = at / BARE_PAGE;

		for (i = 0; i < LARGE / BARE_PAGE && is_taken(page + i); i++)
			;
		/* The image's own pages are memory too: their tables are read through this mapping. */
		if (i < LARGE / BARE_PAGE || at < (uint64_t)_end - BARE_BASE)
			map_large(at);
	}
	map_image(_text, _rodata, BARE_MAP_EXECUTE);
	map_image(_rodata, _data, 0);
	map_image(_data, _end, BARE_MAP_WRITE);
	if (bare_map_tables(BARE_EXEC, BARE_EXEC_BYTES / BARE_PAGE))
		bare_stop("no memory for page tables");
	write_cr3(bare_root());
}
