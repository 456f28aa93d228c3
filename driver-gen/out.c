// SPDX-License-Identifier: GPL-2.0-or-later
/* Writes C with its line numbers, and fills in skeletons. */
#include "driver-gen/out.h"

#include <stdarg.h>
#include <string.h>

void gen_out_init(struct gen_out *out, FILE *f, const char *name)
{
	*out = (struct gen_out){ .f = f, .name = name, .line = 1 };
}

void gen_put_text(struct gen_out *out, const char *text, size_t length)
{
	size_t i;

	fwrite(text, 1, length, out->f);
	for (i = 0; i < length; i++)
		out->line += text[i] == '\n';
}

void gen_put(struct gen_out *out, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n > 0)
		gen_put_text(out, text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

static void put_line(struct gen_out *out, unsigned int line, const char *path)
{
	fprintf(out->f, "#line %u \"", line);
	for (; *path; path++) {
		if (*path == '"' || *path == '\\')
			fputc('\\', out->f);
		if ((unsigned char)*path >= ' ')
			fputc(*path, out->f);
	}
	fputs("\"\n", out->f);
	out->line++;
}

void gen_put_from(struct gen_out *out, const char *path, struct gen_pos pos)
{
	put_line(out, pos.line, path);
	out->away = true;
}

void gen_put_back(struct gen_out *out)
{
	if (out->away)
		put_line(out, out->line + 1, out->name);
	out->away = false;
}

/* ---- Skeletons --------------------------------------------------------------------------------------------------- */

#define NESTING_MAX 8u

struct fill {
	const char *path;
	unsigned int line;
	const struct gen_filler *filler;
	struct gen_out *out;
	struct xg_err *err;
	struct { bool on; } nest[NESTING_MAX];
	unsigned int depth;
};

static bool is_on(const struct fill *f)
{
	unsigned int i;

	for (i = 0; i < f->depth; i++)
		if (!f->nest[i].on)
			return false;
	return true;
}

static int fill_fail(const struct fill *f, const char *what, const char *name)
{
	return xg_fail(f->err, EINVAL, "%s:%u: %s%s", f->path, f->line, what, name);
}

static int fill_if(struct fill *f, const char *name)
{
	bool wanted = name[0] != '!';
	int is = f->filler->is(f->filler->ctx, wanted ? name : name + 1);

	if (is < 0)
		return fill_fail(f, "no condition is called ", name);
	if (f->depth == NESTING_MAX)
		return fill_fail(f, "too many conditions inside each other", "");
	f->nest[f->depth].on = is == wanted;
	f->depth++;
	return 0;
}

/* LINE is terminated and begins with '@'. */
static int fill_order(struct fill *f, const char *line)
{
	if (!strncmp(line, "@if ", 4))
		return fill_if(f, line + 4);
	if (!strcmp(line, "@else") || !strcmp(line, "@end")) {
		if (!f->depth)
			return fill_fail(f, "no @if stands before ", line);
		if (line[2] == 'l')
			f->nest[f->depth - 1].on = !f->nest[f->depth - 1].on;
		else
			f->depth--;
		return 0;
	}
	if (strncmp(line, "@put ", 5))
		return fill_fail(f, "not known: ", line);
	if (!is_on(f))
		return 0;
	if (!f->filler->put(f->filler->ctx, line + 5, f->out))
		return fill_fail(f, "no part is called ", line + 5);
	gen_put_back(f->out);
	return 0;
}

static int fill_text(struct fill *f, char *line)
{
	char *open, *close;

	while ((open = strstr(line, "@{"))) {
		close = strchr(open, '}');
		if (!close)
			return fill_fail(f, "nothing closes ", open);
		gen_put_text(f->out, line, (size_t)(open - line));
		*close = '\0';
		if (!f->filler->word(f->filler->ctx, open + 2, f->out))
			return fill_fail(f, "no word is called ", open + 2);
		line = close + 1;
	}
	gen_put(f->out, "%s\n", line);
	return 0;
}

int gen_fill(const char *path, const char *text, size_t size, const struct gen_filler *filler, struct gen_out *out,
	     struct xg_err *err)
{
	struct fill f = { .path = path, .filler = filler, .out = out, .err = err };
	const char *end = text + size, *eol;
	char line[1024];
	int rc = 0;

	for (f.line = 1; text < end && !rc; text = eol + 1, f.line++) {
		eol = memchr(text, '\n', (size_t)(end - text));
		if (!eol)
			eol = end;
		if ((size_t)(eol - text) >= sizeof(line))
			return fill_fail(&f, "a line that is too long", "");
		memcpy(line, text, (size_t)(eol - text));
		line[eol - text] = '\0';
		if (line[0] == '@' && line[1] != '{')
			rc = fill_order(&f, line);
		else if (is_on(&f))
			rc = fill_text(&f, line);
	}
	if (!rc && f.depth)
		return fill_fail(&f, "an @if without its @end", "");
	return rc;
}
