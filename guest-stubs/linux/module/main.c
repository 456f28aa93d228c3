// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The personality as a module, for guests whose owner opts in instead of having it written into memory. It
 * brings the room for windows along, says in xenstore where that lies, and then is the same personality.
 *
 * Must never be unloaded with a window in use: each window holds a reference.
 */
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/task.h>
#include <xen/page.h>
#include <xen/xen.h>
#include <xen/xenbus.h>

#include "arena.h"
#include "module_version.h"
#include "personality.h"

#define STORE_DIR "data/xengraft"
/* "ffffffffff " a frame: 96 of them stay far below xenstored's 2,048 bytes a value. */
#define FRAMES_A_NODE 96
#define FRAME_CHARS 18

static struct task_struct *thread;

/* ---- What Dom0 needs to know --------------------------------------------------------------------------------- */

static int publish_frames_node(const char *dir, unsigned int node, unsigned long va, unsigned int count)
{
	char *text = kzalloc(FRAMES_A_NODE * FRAME_CHARS + 1, GFP_KERNEL), *at = text, name[12];
	unsigned int i;
	int rc;

	if (!text)
		return -ENOMEM;
	for (i = 0; i < count; i++)
		at += sprintf(at, "%s%lx", i ? " " : "", pfn_to_gfn(vmalloc_to_pfn((void *)(va + i * PAGE_SIZE))));
	snprintf(name, sizeof(name), "%u", node);
	rc = xenbus_write(XBT_NIL, dir, name, text);
	kfree(text);
	return rc;
}

static int publish_frames(const char *dir, unsigned long va, unsigned int pages)
{
	unsigned int done, count, node = 0;
	int rc = 0;

	for (done = 0; done < pages && !rc; done += count) {
		count = min(pages - done, (unsigned int)FRAMES_A_NODE);
		rc = publish_frames_node(dir, node++, va + done * PAGE_SIZE, count);
	}
	return rc;
}

/* `core` is written last: it announces the rest. */
static int publish(void)
{
	int rc = publish_frames(STORE_DIR "/text", (unsigned long)xg_arena_text, XG_ARENA_TEXT_PAGES);

	if (!rc)
		rc = publish_frames(STORE_DIR "/data", (unsigned long)xg_arena_data, XG_ARENA_DATA_PAGES);
	if (!rc)
		rc = xenbus_printf(XBT_NIL, STORE_DIR, "core", "va=%lx,text=%u,data_va=%lx,data=%u,abi=%u",
				   (unsigned long)xg_arena_text, XG_ARENA_TEXT_PAGES, (unsigned long)xg_arena_data,
				   XG_ARENA_DATA_PAGES, XG_ABI_VERSION);
	return rc;
}

static void withdraw(void)
{
	xenbus_rm(XBT_NIL, STORE_DIR, "core");
	xenbus_rm(XBT_NIL, STORE_DIR, "");
}

/* ---- The thread ---------------------------------------------------------------------------------------------- */

/* The first page of the data arena: what Dom0 would have written into a window of its own. */
static struct xg_core_header *core_header(void)
{
	struct xg_core_header *header = (struct xg_core_header *)xg_arena_data;

	*header = (struct xg_core_header){
		.magic = XG_MAGIC_CORE,
		.version = XG_ABI_VERSION,
		.size = sizeof(*header),
		.window_va = (uint64_t)xg_arena_text,
		.header_va = (uint64_t)header,
		.text_pages = XG_ARENA_TEXT_PAGES,
		.data_pages = XG_ARENA_DATA_PAGES,
		.backend_domid = 0,
		.banner = "module " XG_MODULE_VERSION,
	};
	return header;
}

static int run(void *header)
{
	xg_core_run(header);
	return 0;
}

static int thread_begin(struct xg_core_header *header)
{
	thread = kthread_create(run, header, "xengraft");
	if (IS_ERR(thread))
		return PTR_ERR(thread);
	get_task_struct(thread);	/* it may end by itself, on XG_CMD_LEAVE */
	wake_up_process(thread);
	return 0;
}

static void thread_end(void)
{
	xg_core_stop();
	kthread_stop(thread);		/* waits; one that has ended already is fine */
	put_task_struct(thread);
}

static int __init xengraft_init(void)
{
	struct xg_core_header *header;
	int rc;

	if (!xen_domain() || xen_initial_domain())
		return -ENODEV;
	header = core_header();
	rc = thread_begin(header);
	if (rc)
		return rc;
	rc = publish();
	if (rc) {
		withdraw();
		thread_end();
	}
	return rc;
}

static void __exit xengraft_exit(void)
{
	withdraw();
	thread_end();
}

module_init(xengraft_init);
module_exit(xengraft_exit);
MODULE_DESCRIPTION("xengraft: devices that the Xen host attaches");
MODULE_LICENSE("GPL");
MODULE_VERSION(XG_MODULE_VERSION);
