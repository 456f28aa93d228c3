// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Reads what an image says about itself from .note.xengraft (guest-stubs/abi/xengraft_abi.h, at the end).
 * Called by whoever chooses or installs an image. Believes nothing that it has not bounded: the words end up in file
 * names, in xenstore and in a guest's log, so they hold printable ASCII alone.
 */
#include "hotswap/link.h"

#include <stddef.h>
#include <string.h>

#include "guest-stubs/abi/xengraft_abi.h"
#include "lib/base/array.h"
#include "lib/base/cursor.h"
#include "lib/base/version.h"

/* An image has about ten lines; keys unknown today may double that. */
#define NOTE_BYTES_MAX 4096u
#define NOTE_LINES_MAX 64u
#define NOTE_KEY_MAX 31u

enum needed_by { BY_NOBODY = 0, BY_DRIVER = 1, BY_PERSONALITY = 2, BY_ALL = 3 };

enum form {
	FORM_WORD,		/* printable ASCII without spaces */
	FORM_NUMBER,		/* decimal, 1..65535 */
	FORM_HEX,		/* lower-case digits, two a byte */
};

/* The keys of version 1. `offset` and `room` say which field of struct xg_image_note it fills. */
struct key {
	const char *name;
	enum needed_by needed;
	enum form form;
	size_t offset;
	size_t room;		/* bytes, with the NUL */
	const char *const *words;	/* when only these will do; NULL-terminated */
};

#define FIELD(f) offsetof(struct xg_image_note, f), sizeof(((struct xg_image_note *)0)->f)

static const char *const kinds[] = { "personality", "driver", NULL };
static const char *const arches[] = { "x86_64", NULL };	/* what lib/elf lets in */
static const char *const modes[] = { "virtual", "paravirtual", NULL };

static const struct key keys[] = {
	{ "kind", BY_ALL, FORM_WORD, FIELD(kind), kinds },
	{ "abi", BY_ALL, FORM_NUMBER, FIELD(abi), NULL },
	{ "os", BY_PERSONALITY, FORM_WORD, FIELD(os), NULL },
	{ "release", BY_PERSONALITY, FORM_WORD, FIELD(release), NULL },
	{ "build-id", BY_PERSONALITY, FORM_HEX, FIELD(build_id), NULL },
	{ "arch", BY_ALL, FORM_WORD, FIELD(arch), arches },
	{ "class", BY_DRIVER, FORM_WORD, FIELD(class_name), NULL },
	{ "device", BY_NOBODY, FORM_WORD, FIELD(device), NULL },
	{ "mode", BY_NOBODY, FORM_WORD, FIELD(mode), modes },
	{ "version", BY_ALL, FORM_WORD, FIELD(version), NULL },
	{ "licence", BY_ALL, FORM_WORD, FIELD(licence), NULL },
	/* Came later: who does not know them takes the image for one ABI, and refuses it for all releases. */
	{ "abi-last", BY_NOBODY, FORM_NUMBER, FIELD(abi_last), NULL },
	{ "release-last", BY_NOBODY, FORM_WORD, FIELD(release_last), NULL },
};

#define KEYS XG_ARRAY_SIZE(keys)

struct note_reader {
	struct xg_image_note note;
	bool seen[KEYS];
	unsigned int line;	/* from 1, for errors */
};

/* A piece of the note: not NUL-terminated. */
struct piece {
	const char *at;
	size_t size;
};

/* ---- The ELF note ----------------------------------------------------------------------------------------- */

static int find_section(const struct xg_elf *elf, struct piece *ret, struct xg_err *err)
{
	const struct xg_elf_section *s = xg_elf_section(elf, XG_NOTE_SECTION);

	if (!s)
		return xg_fail(err, ENOEXEC, "no section %s, or more than one: not a xengraft image", XG_NOTE_SECTION);
	if (s->type != SHT_NOTE)
		return xg_fail(err, ENOEXEC, "section %s has type %u, not a note", XG_NOTE_SECTION, s->type);
	if (s->size > NOTE_BYTES_MAX)
		return xg_fail(err, ENOEXEC, "section %s has %llu bytes, at most %u", XG_NOTE_SECTION,
			       (unsigned long long)s->size, NOTE_BYTES_MAX);
	*ret = (struct piece){ (const char *)s->data, s->size };
	return 0;
}

/* gABI: three words, then name and contents, each padded to 4 bytes (those with 64-bit words are not used). */
static int open_note(struct piece section, struct piece *ret, struct xg_err *err)
{
	struct xg_cursor c = xg_cursor(section.at, section.size);
	uint32_t name_size = xg_cursor_u32(&c);
	uint32_t size = xg_cursor_u32(&c);
	uint32_t type = xg_cursor_u32(&c);
	const uint8_t *name, *text;

	if (c.bad)
		return xg_fail(err, ENOEXEC, "the note's %zu bytes are too few for its header", section.size);
	if (name_size != sizeof(XG_NOTE_NAME))
		return xg_fail(err, ENOEXEC, "the note's name has %u bytes, not %zu", name_size, sizeof(XG_NOTE_NAME));
	name = xg_cursor_bytes(&c, sizeof(XG_NOTE_NAME));
	if (!name || memcmp(name, XG_NOTE_NAME, sizeof(XG_NOTE_NAME)) != 0)
		return xg_fail(err, ENOEXEC, "the note's name is not %s", XG_NOTE_NAME);
	if (type != XG_NOTE_IMAGE)
		return xg_fail(err, ENOEXEC, "the note has type %u, not %u", type, XG_NOTE_IMAGE);
	xg_cursor_bytes(&c, -sizeof(XG_NOTE_NAME) & 3);
	text = xg_cursor_bytes(&c, size);
	if (!text)
		return xg_fail(err, ENOEXEC, "the note's contents have %u bytes, its section %zu", size, section.size);
	if (c.size - c.pos > (-size & 3))
		return xg_fail(err, ENOEXEC, "%zu bytes follow the note: one note is allowed", c.size - c.pos);
	*ret = (struct piece){ (const char *)text, size };
	return 0;
}

/* ---- A line ----------------------------------------------------------------------------------------------- */

/* Cuts the next line, which must end in a newline, off REST. */
static int next_line(struct note_reader *r, struct piece *rest, struct piece *ret, struct xg_err *err)
{
	const char *end = memchr(rest->at, '\n', rest->size);

	r->line++;
	if (r->line > NOTE_LINES_MAX)
		return xg_fail(err, ENOEXEC, "the note has more than %u lines", NOTE_LINES_MAX);
	if (!end)
		return xg_fail(err, ENOEXEC, "line %u of the note does not end in a newline", r->line);
	*ret = (struct piece){ rest->at, end - rest->at };
	rest->size -= ret->size + 1;
	rest->at = end + 1;
	return 0;
}

/* No control characters and nothing beyond ASCII, in keys that are not known either. */
static int check_characters(const struct note_reader *r, struct piece line, struct xg_err *err)
{
	size_t i;

	for (i = 0; i < line.size; i++)
		if (line.at[i] < 0x20 || line.at[i] > 0x7e)
			return xg_fail(err, ENOEXEC, "line %u of the note has the byte 0x%02x at column %zu", r->line,
				       (unsigned char)line.at[i], i + 1);
	return 0;
}

static int split_line(const struct note_reader *r, struct piece line, struct piece *key, struct piece *value,
		      struct xg_err *err)
{
	const char *sign = memchr(line.at, '=', line.size);

	if (!sign)
		return xg_fail(err, ENOEXEC, "line %u of the note has no '='", r->line);
	*key = (struct piece){ line.at, sign - line.at };
	*value = (struct piece){ sign + 1, line.size - key->size - 1 };
	if (key->size == 0 || key->size > NOTE_KEY_MAX)
		return xg_fail(err, ENOEXEC, "line %u of the note has a key of %zu characters, not 1 to %u", r->line,
			       key->size, NOTE_KEY_MAX);
	return 0;
}

static bool equals(struct piece p, const char *s)
{
	return strlen(s) == p.size && memcmp(p.at, s, p.size) == 0;
}

/* KEYS when it is not known. */
static size_t find_key(struct piece name)
{
	size_t i;

	for (i = 0; i < KEYS && !equals(name, keys[i].name); i++)
		;
	return i;
}

/* ---- A value ---------------------------------------------------------------------------------------------- */

static int check_words(const struct note_reader *r, const struct key *k, struct piece value, struct xg_err *err)
{
	const char *const *w;

	for (w = k->words; w && *w; w++)
		if (equals(value, *w))
			return 0;
	if (!k->words)
		return 0;
	return xg_fail(err, ENOEXEC, "line %u of the note: %s is '%.*s', not %s%s%s", r->line, k->name, (int)value.size,
		       value.at, k->words[0], k->words[1] ? " or " : "", k->words[1] ? k->words[1] : "");
}

static int take_word(struct note_reader *r, const struct key *k, struct piece value, struct xg_err *err)
{
	if (value.size >= k->room)
		return xg_fail(err, ENOEXEC, "line %u of the note: %s has %zu characters, at most %zu", r->line,
			       k->name, value.size, k->room - 1);
	if (memchr(value.at, ' ', value.size))
		return xg_fail(err, ENOEXEC, "line %u of the note: %s has a space in it", r->line, k->name);
	memcpy((char *)&r->note + k->offset, value.at, value.size);
	return check_words(r, k, value, err);
}

static int take_hex(struct note_reader *r, const struct key *k, struct piece value, struct xg_err *err)
{
	size_t i;

	for (i = 0; i < value.size; i++)
		if (!memchr("0123456789abcdef", value.at[i], 16))
			return xg_fail(err, ENOEXEC, "line %u of the note: %s has '%c' among its hexadecimal digits",
				       r->line, k->name, value.at[i]);
	if (value.size % 2)
		return xg_fail(err, ENOEXEC, "line %u of the note: %s has %zu hexadecimal digits, an odd number",
			       r->line, k->name, value.size);
	return take_word(r, k, value, err);
}

static int take_number(struct note_reader *r, const struct key *k, struct piece value, struct xg_err *err)
{
	uint32_t n = 0;
	size_t i;

	for (i = 0; i < value.size && i < 5 && value.at[i] >= '0' && value.at[i] <= '9'; i++)
		n = n * 10 + (value.at[i] - '0');
	if (i < value.size || n < 1 || n > 65535)
		return xg_fail(err, ENOEXEC, "line %u of the note: %s is '%.*s', not a number from 1 to 65535", r->line,
			       k->name, (int)value.size, value.at);
	memcpy((char *)&r->note + k->offset, &n, sizeof(n));
	return 0;
}

/* An empty value stands for "any", as the key's absence does, where the key may be absent. */
static int take_value(struct note_reader *r, size_t index, struct piece value, struct xg_err *err)
{
	const struct key *k = &keys[index];

	if (r->seen[index])
		return xg_fail(err, ENOEXEC, "line %u of the note gives %s again", r->line, k->name);
	r->seen[index] = true;
	if (value.size == 0) {
		if (k->needed == BY_ALL)
			return xg_fail(err, ENOEXEC, "line %u of the note: %s is empty", r->line, k->name);
		return 0;
	}
	switch (k->form) {
	case FORM_NUMBER:
		return take_number(r, k, value, err);
	case FORM_HEX:
		return take_hex(r, k, value, err);
	case FORM_WORD:
		break;
	}
	return take_word(r, k, value, err);
}

static int take_line(struct note_reader *r, struct piece line, struct xg_err *err)
{
	struct piece key = { NULL, 0 }, value = { NULL, 0 };
	size_t index;
	int rc;

	rc = check_characters(r, line, err);
	if (!rc)
		rc = split_line(r, line, &key, &value, err);
	if (rc)
		return rc;
	index = find_key(key);
	return index < KEYS ? take_value(r, index, value, err) : 0;
}

/* ---- The whole -------------------------------------------------------------------------------------------- */

static bool filled(const struct note_reader *r, const struct key *k)
{
	return *((const char *)&r->note + k->offset) != '\0';
}

/* Several kernels have no build-id in common. */
static bool spared(const struct note_reader *r, const struct key *k)
{
	return k->offset == offsetof(struct xg_image_note, build_id) && r->note.release_last[0];
}

static int check_ranges(const struct note_reader *r, struct xg_err *err)
{
	const struct xg_image_note *n = &r->note;

	if (n->abi_last && n->abi_last < n->abi)
		return xg_fail(err, ENOEXEC, "the note's ABIs end at %u, before they begin at %u", n->abi_last, n->abi);
	if (n->release_last[0] && !n->release[0])
		return xg_fail(err, ENOEXEC, "the note gives release-last without release");
	if (n->release_last[0] && !xg_version_within(n->release, "", n->release_last))
		return xg_fail(err, ENOEXEC, "the note's releases end at %s, before they begin at %s", n->release_last,
			       n->release);
	return 0;
}

/* What all need comes first: `kind` is known, and one of two, when its own keys are asked for. */
static int check_complete(const struct note_reader *r, struct xg_err *err)
{
	enum needed_by who = strcmp(r->note.kind, "driver") == 0 ? BY_DRIVER : BY_PERSONALITY;
	size_t i;

	for (i = 0; i < KEYS; i++)
		if (keys[i].needed == BY_ALL && !r->seen[i])
			return xg_fail(err, ENOEXEC, "the note lacks %s", keys[i].name);
	for (i = 0; i < KEYS; i++)
		if (keys[i].needed == who && !filled(r, &keys[i]) && !spared(r, &keys[i]))
			return xg_fail(err, ENOEXEC, "the note of a %s lacks %s", r->note.kind, keys[i].name);
	return check_ranges(r, err);
}

int xg_image_note(const struct xg_elf *elf, struct xg_image_note *ret, struct xg_err *err)
{
	struct note_reader r = { .line = 0 };
	struct piece section = { NULL, 0 }, rest = { NULL, 0 }, line = { NULL, 0 };
	int rc;

	rc = find_section(elf, &section, err);
	if (!rc)
		rc = open_note(section, &rest, err);
	while (!rc && rest.size > 0) {
		rc = next_line(&r, &rest, &line, err);
		if (!rc)
			rc = take_line(&r, line, err);
	}
	if (!rc)
		rc = check_complete(&r, err);
	if (rc)
		return rc;
	if (!r.note.abi_last)
		r.note.abi_last = r.note.abi;
	*ret = r.note;
	return 0;
}

/* ---- Matching --------------------------------------------------------------------------------------------- */

bool xg_note_fits_abi(const struct xg_image_note *note, uint32_t abi)
{
	return note->abi <= abi && abi <= note->abi_last;
}

bool xg_note_fits_release(const struct xg_image_note *note, const char *release)
{
	if (note->release_last[0])
		return xg_version_within(release, note->release, note->release_last);
	return !note->release[0] || !strcmp(note->release, release);
}

bool xg_note_fits_build(const struct xg_image_note *note, const char *build_id)
{
	return !note->build_id[0] || !strcmp(note->build_id, build_id);
}
