/*
 * stock: Xen's own hotplug script for bridges, as the distribution ships it.
 *
 * What it does is done here in C only when it is the script that we know: one that the admin has changed,
 * one of another Xen, or one with hooks runs instead.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef STOCK_H
#define STOCK_H

#include <stdbool.h>

/*
 * The script's place: an absolute one as it is, another one in `folder` (Xen's script directory); NULL:
 * vif-bridge. Malloc'd, or NULL: out of memory.
 */
char *stock_path(const char *folder, const char *script);

/* This script is vif-bridge in that folder, what it reads is what we know, and it has no hooks. */
bool stock_is_known(const char *folder, const char *path);

#endif
