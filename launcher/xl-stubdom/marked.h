/*
 * marked: the processes that came of one command, and what they use.
 *
 * The command is started with a word in its environment that no other process has. Whatever it starts inherits it:
 * xl's own daemon, what libxl starts as device model, proxies.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_MARKED_H
#define XL_STUBDOM_MARKED_H

#include <stdint.h>

#define MARK_NAME "XL_STUBDOM_COMPARE"

struct marked {
    unsigned int processes, descriptors;
    uint64_t memory_kib; /* resident; a page that several processes share counts once, in parts */
    uint64_t cpu_ns;     /* of all their threads so far */
    uint64_t wakeups;    /* likewise: how often they slept and went on */
};

/* PROC: where the proc file system is. MARK: "NAME=VALUE". One that ends meanwhile counts in part or not at all. */
struct marked marked_look(const char *proc, const char *mark);

#endif
