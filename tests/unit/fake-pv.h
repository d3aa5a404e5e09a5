/*
 * The Xen layer's base (launcher/xen-layer/pv.h) for unit tests on an ordinary host:
 * memory from malloc(), so that ASan watches it; a clock that advances during sleeps; event channels that the test
 * fires; grants that record who may see which page. A test links its real sources, launcher/xen-layer/text.c, and this.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef FAKE_PV_H
#define FAKE_PV_H

#include "launcher/xen-layer/pv.h"

/* Resets everything. Fails the test if pages or heap pieces are still in use. */
void fake_pv_reset(void);

/* The time that pv_clock() returns. */
extern uint64_t fake_now;
/*
 * Called when the code under test sleeps, so that the test can play the other side (fire events, wake). If it is NULL
 * or returns false, the sleep ends at its deadline; a sleep without a deadline fails the test.
 */
extern bool (*fake_on_sleep)(void);
/* From now on the n-th allocation (0: the next) of heap or pages fails; -1: none. */
extern long fake_alloc_fails;
/* How many heap pieces and page runs are in use. */
extern size_t fake_heap_used, fake_pages_used;
/* What pv_pages_free() returns; and how many pages pv_pages_add() has got. */
extern size_t fake_pages_left, fake_pages_added;

/* Makes an event channel that exists already, as those in start_info. */
uint32_t fake_event_port(void);
/* The peer notifies us: the port's function runs; if the port is masked, it runs when it is unmasked. */
void fake_event_fire(uint32_t port);
/* How often we notified the peer since the last call. */
unsigned int fake_event_notified(uint32_t port);
bool fake_event_open(uint32_t port);
/* The port that pv_event_alloc() or _connect() made last. */
extern uint32_t fake_event_last;
/* The error of the next pv_event_alloc() or _connect(); 0: it works. */
extern int fake_event_error;

/* The page of a grant reference, as the peer sees it. NULL: it grants none, or none any more. */
void *fake_grant_page(uint32_t ref);
bool fake_grant_readonly(uint32_t ref);
uint16_t fake_grant_remote(uint32_t ref);
/* The peer has the page mapped (held): pv_grant_end() returns -PV_EBUSY. */
void fake_grant_hold(uint32_t ref, bool held);
/* The peer maps every new grant at once. */
extern bool fake_grants_held;
size_t fake_grants_used(void);

/* All lines of pv_log(), joined. pv_panic() fails the test, unless it is expected: then it jumps back (longjmp()). */
extern char fake_log[8192];

#endif
