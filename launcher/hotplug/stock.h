/*
 * stock: one of Xen's own hotplug scripts, as the distribution ships it.
 *
 * A program of ours does the script's work only when it is the script that we know. If the admin has changed it, if it
 * is another Xen's, or if it has hooks, the script itself runs.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef STOCK_H
#define STOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where libxl looks for a script that is given by its name alone. */
#ifndef XEN_SCRIPT_DIR
#define XEN_SCRIPT_DIR "/etc/xen/scripts"
#endif

/* A file that decides what a script does, and its FNV-1a sum. */
struct stock_file {
    const char *name;
    uint64_t sum;
};

/*
 * A script's place: an absolute one as it is, another one in `folder` (Xen's script directory). Malloc'd, or
 * NULL: out of memory.
 */
char *stock_path(const char *folder, const char *script);

/* All files in that folder are what we know; `hooks` (a glob pattern, or NULL) matches nothing there. */
bool stock_is_known(const char *folder, const struct stock_file *files, size_t count, const char *hooks);

#endif
