// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table of kept grants: two hashes with chains over one array. Called by grants.c, and by its test. Must never
 * allocate or wait: it is used with interrupts off.
 */
#include "kept.h"

/* Chains of one entry on average. */
static uint32_t hash_bits(uint32_t entries)
{
	uint32_t bits = 1;

	while (bits < 16 && 1u << bits < entries)
		bits++;
	return bits;
}

uint64_t xg_kept_bytes(uint32_t entries)
{
	return sizeof(struct xg_kept) + (entries + 1ull) * sizeof(struct xg_kept_entry) +
	       2 * sizeof(uint16_t) * (1ull << hash_bits(entries));
}

void xg_kept_init(struct xg_kept *kept, uint32_t entries)
{
	uint32_t i;

	kept->entries = entries;
	kept->bits = hash_bits(entries);
	kept->by_frame = (uint16_t *)&kept->entry[entries + 1];
	kept->by_ref = kept->by_frame + (1u << kept->bits);
	for (i = entries; i > 0; i--) {
		kept->entry[i].next_frame = kept->free;
		kept->free = (uint16_t)i;
	}
}

/* Buffers lie side by side as often as not: multiplied by the golden ratio they do not meet in a chain. */
static uint16_t *frame_chain(struct xg_kept *kept, uint64_t frame)
{
	return &kept->by_frame[(frame * 0x9e3779b97f4a7c15ULL) >> (64 - kept->bits)];
}

/* The kernel hands references out one after another. */
static uint16_t *ref_chain(struct xg_kept *kept, uint32_t ref)
{
	return &kept->by_ref[ref & ((1u << kept->bits) - 1)];
}

uint32_t xg_kept_take(struct xg_kept *kept, uint64_t frame)
{
	struct xg_kept_entry *entry;
	uint16_t at;

	for (at = *frame_chain(kept, frame); at; at = entry->next_frame) {
		entry = &kept->entry[at];
		if (entry->frame == frame && !entry->in_use) {
			entry->in_use = 1;
			kept->resting--;
			return entry->ref;
		}
	}
	return 0;
}

int xg_kept_add(struct xg_kept *kept, uint64_t frame, uint32_t ref, void *page)
{
	uint16_t *by_frame = frame_chain(kept, frame), *by_ref = ref_chain(kept, ref), at = kept->free;
	struct xg_kept_entry *entry = &kept->entry[at];

	if (!at)
		return 0;
	kept->free = entry->next_frame;
	*entry = (struct xg_kept_entry){
		.frame = frame, .page = page, .ref = ref, .next_frame = *by_frame, .next_ref = *by_ref, .in_use = 1,
	};
	*by_frame = at;
	*by_ref = at;
	return 1;
}

struct xg_kept_entry *xg_kept_find(struct xg_kept *kept, uint32_t ref)
{
	uint16_t at = *ref_chain(kept, ref);

	while (at && kept->entry[at].ref != ref)
		at = kept->entry[at].next_ref;
	return at ? &kept->entry[at] : 0;
}

void xg_kept_rest(struct xg_kept *kept, struct xg_kept_entry *entry)
{
	kept->resting += entry->in_use;
	entry->in_use = 0;
}

void *xg_kept_remove(struct xg_kept *kept, struct xg_kept_entry *entry)
{
	uint16_t at = (uint16_t)(entry - kept->entry), *link;
	void *page = entry->page;

	for (link = frame_chain(kept, entry->frame); *link != at; link = &kept->entry[*link].next_frame)
		;
	*link = entry->next_frame;
	for (link = ref_chain(kept, entry->ref); *link != at; link = &kept->entry[*link].next_ref)
		;
	*link = entry->next_ref;
	kept->resting -= !entry->in_use;
	*entry = (struct xg_kept_entry){ .next_frame = kept->free };
	kept->free = at;
	return page;
}

struct xg_kept_entry *xg_kept_next(struct xg_kept *kept, uint32_t *steps)
{
	while (*steps > 0) {
		(*steps)--;
		kept->hand = kept->hand < kept->entries ? kept->hand + 1 : 1;
		if (kept->entry[kept->hand].ref)
			return &kept->entry[kept->hand];
	}
	return 0;
}
