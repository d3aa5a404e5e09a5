/*
 * xenstore of the Xen layer (pv_store_*, pv_watch of launcher/xen-layer/pv.h) for unit tests: a
 * tree in memory that a test, as dom0, reads and changes. Goes with fake-pv.c.
 *
 * In reality requests of the code under test sleep. So here each request first delivers the watch events that are due.
 * A request or a watch from within a watch's function fails the test.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef FAKE_PV_STORE_H
#define FAKE_PV_STORE_H

#include "fake-pv.h"

/* All paths are absolute, or relative to /local/domain/7 (pv_domid() is 7). */

/* Empties the tree. Fails the test if a watch is left. */
void fake_store_reset(void);
/* The same, but watches that are left are dropped, for code that never removes one. */
void fake_store_drop(void);

/* As dom0: writes a node, reads one (NULL: it does not exist), removes one with all below it. */
void fake_store_set(const char *path, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *fake_store_get(const char *path);
void fake_store_remove(const char *path);

/* Calls the functions of watches whose events are due. How many calls. */
size_t fake_store_fire(void);
size_t fake_store_watches(void);

/* Called after each write or removal (value NULL) of the code under test, so that the test can play the backend. */
extern void (*fake_store_on_change)(const char *path, const char *value);
/* The n-th request from now on (0: the next) fails with fake_store_error; -1: none. pv_watch() is a request, too. */
extern long fake_store_fails;
extern int fake_store_error; /* -PV_EIO unless set */
/* How many requests there were. */
extern size_t fake_store_requests;

#endif
