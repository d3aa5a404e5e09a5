/*
 * What the parts of this test kernel share. It is the Xen layer and nothing else, for the scenario pv-layer.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef LAYER_TEST_H
#define LAYER_TEST_H

#include "pv.h"

/* Writes "layer: NAME: ok" to the log, or WHY if that is not NULL. */
void test_says(const char *name, const char *why);
/* Starts a thread that runs fn. */
void test_thread(const char *name, pv_thread_fn *fn, void *arg);

/* layer-disk.c: copies disk 0 to disk 1, with many requests at once and two flushes. NULL, or what is wrong. */
const char *test_disks(void);
/* layer-nic.c: answers ARP and ping for 192.168.77.20 from now on. */
const char *test_nic(void);
/* layer-vchan.c: serves the vchan data/vchan and echoes what its one client writes. Runs on a thread of its own. */
void test_vchan(void *arg);

#endif
