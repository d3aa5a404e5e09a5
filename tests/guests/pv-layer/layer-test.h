/*
 * A kernel of the Xen layer and nothing else, for the scenario pv-layer: what its parts share.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef LAYER_TEST_H
#define LAYER_TEST_H

#include "pv.h"

/* A line to the log, "layer: NAME: ok" or why not; goes on either way. */
void test_says(const char *name, const char *why);
/* Starts fn on a thread; for ever, or until it returns. */
void test_thread(const char *name, pv_thread_fn *fn, void *arg);

/* layer-disk.c: copies disk 0 to disk 1, many requests under way, two flushes. NULL or what is wrong. */
const char *test_disks(void);
/* layer-nic.c: answers ARP and ping for 192.168.77.20 from now on. */
const char *test_nic(void);
/* layer-vchan.c: serves data/vchan, one client, to whom it gives back what it says; a thread. */
void test_vchan(void *arg);

#endif
