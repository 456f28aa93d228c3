// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A client of xenstore (public/io/xs_wire.h): one request at a time, its answer waited for; watch events that come in
 * between are kept until asked for. Called by the shell's task alone.
 */
#include "bare.h"
#include "xen.h"

#include <xen/xen.h>
#include <xen/hvm/params.h>
#include <xen/io/xs_wire.h>

#define FIRED_MAX 16u
#define TOKEN_BYTES 16u

static struct xenstore_domain_interface *ring;
static uint32_t port;
static struct bare_signal news;
static char fired[FIRED_MAX][TOKEN_BYTES];
static unsigned int nr_fired;
static char body[XENSTORE_PAYLOAD_MAX + 1];

static void on_event(void *context)
{
	(void)context;
	bare_raise(&news);
	bare_raise(&bare_input);
}

void bare_store_start(void)
{
	uint64_t frame = bare_xen_param(HVM_PARAM_STORE_PFN);

	port = (uint32_t)bare_xen_param(HVM_PARAM_STORE_EVTCHN);
	if (!frame || !port || bare_event_attach(port, on_event, NULL))
		return;
	ring = bare_device_map(frame * BARE_PAGE, BARE_PAGE, BARE_MAP_WRITE);
}

static void send(const void *from, uint32_t bytes)
{
	const char *at = from;
	uint32_t prod;

	for (; bytes; bytes--, at++) {
		prod = ring->req_prod;
		while (prod - __atomic_load_n(&ring->req_cons, __ATOMIC_ACQUIRE) >= XENSTORE_RING_SIZE) {
			bare_event_send(port);
			(void)bare_wait(&news, 100);
		}
		ring->req[MASK_XENSTORE_IDX(prod)] = *at;
		__atomic_store_n(&ring->req_prod, prod + 1, __ATOMIC_RELEASE);
	}
}

static void receive(void *to, uint32_t bytes)
{
	char *at = to;
	uint32_t cons;

	for (; bytes; bytes--, at++) {
		cons = ring->rsp_cons;
		while (cons == __atomic_load_n(&ring->rsp_prod, __ATOMIC_ACQUIRE))
			(void)bare_wait(&news, 100);
		*at = ring->rsp[MASK_XENSTORE_IDX(cons)];
		__atomic_store_n(&ring->rsp_cons, cons + 1, __ATOMIC_RELEASE);
	}
}

static void keep_fired(uint32_t bytes)
{
	const char *token = body + strnlen(body, bytes) + 1;

	if (token < body + bytes && nr_fired < FIRED_MAX)
		bare_format(fired[nr_fired++], TOKEN_BYTES, "%s", token);
}

/* One message into `body`; its type. */
static uint32_t receive_message(uint32_t *ret_bytes)
{
	struct xsd_sockmsg header;

	receive(&header, sizeof(header));
	if (header.len > XENSTORE_PAYLOAD_MAX)
		bare_stop("xenstore answers with %u bytes", header.len);
	receive(body, header.len);
	body[header.len] = '\0';
	bare_event_send(port);
	*ret_bytes = header.len;
	return header.type;
}

/* PATH with its NUL, then MORE without or with one. The answer is in `body`: its length or -BARE_E_*. */
static int ask(uint32_t type, const char *path, const char *more, bool nul)
{
	uint32_t first = (uint32_t)strlen(path) + 1, second = more ? (uint32_t)strlen(more) + nul : 0, bytes, got;
	struct xsd_sockmsg header = { .type = type, .len = first + second };

	if (!ring)
		return -BARE_E_NODEV;
	if (header.len > XENSTORE_PAYLOAD_MAX)
		return -BARE_E_INVAL;
	send(&header, sizeof(header));
	send(path, first);
	send(more, second);
	bare_event_send(port);
	while ((got = receive_message(&bytes)) == XS_WATCH_EVENT)
		keep_fired(bytes);
	if (got == XS_ERROR)
		return strcmp(body, "ENOENT") ? -BARE_E_IO : -BARE_E_NODEV;
	return (int)bytes;
}

int bare_store_read(const char *path, char *value, size_t size)
{
	int bytes = ask(XS_READ, path, NULL, false);

	if (bytes >= 0)
		bare_format(value, size, "%s", body);
	return bytes;
}

int bare_store_write(const char *path, const char *value)
{
	int rc = ask(XS_WRITE, path, value, false);

	return rc < 0 ? rc : 0;
}

int bare_store_watch(const char *path, const char *token)
{
	int rc = ask(XS_WATCH, path, token, true);

	return rc < 0 ? rc : 0;
}

bool bare_store_fired(char *token, size_t size)
{
	uint32_t bytes;

	if (ring && !nr_fired && ring->rsp_cons != __atomic_load_n(&ring->rsp_prod, __ATOMIC_ACQUIRE) &&
	    receive_message(&bytes) == XS_WATCH_EVENT)
		keep_fired(bytes);
	if (!nr_fired)
		return false;
	bare_format(token, size, "%s", fired[--nr_fired]);
	return true;
}
