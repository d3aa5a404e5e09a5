/*
 * The Xen layer's base (launcher/xen-layer/pv.h) for unit tests on an ordinary host:
 * memory by malloc(), so that ASan watches it; a clock that moves when somebody sleeps; event
 * channels that a test may fire; grants that say who may see which page. Each test links the
 * real sources that it is about, launcher/xen-layer/text.c, and this.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef FAKE_PV_H
#define FAKE_PV_H

#include "launcher/xen-layer/pv.h"

/* Back to the start; fails the test if pages or heap pieces are still in use. */
void fake_pv_reset(void);

/* now of pv_clock(). */
extern uint64_t fake_now;
/*
 * Called when the code under test sleeps: play the other side (fire events, wake). Without
 * one, or when it returns false, the sleep ends at its time; one without limit fails the test.
 */
extern bool (*fake_on_sleep)(void);
/* From now on the n-th allocation (0: the next) of heap or pages fails; -1: none. */
extern long fake_alloc_fails;
/* How many heap pieces and page runs are in use. */
extern size_t fake_heap_used, fake_pages_used;
/* What pv_pages_free() says; and how many pages pv_pages_add() was given. */
extern size_t fake_pages_left, fake_pages_added;

/* An event channel that exists already, as start_info has it. */
uint32_t fake_event_port(void);
/* The peer notifies us: the function runs, unless masked (then at the unmasking). */
void fake_event_fire(uint32_t port);
/* How often we notified the peer since the last call. */
unsigned int fake_event_notified(uint32_t port);
bool fake_event_open(uint32_t port);
/* The port that pv_event_alloc() or _connect() made last. */
extern uint32_t fake_event_last;
/* The next pv_event_alloc() or _connect() says this; 0: works. */
extern int fake_event_error;

/* The page that a grant reference shows, as the peer sees it; NULL: none (any more). */
void *fake_grant_page(uint32_t ref);
bool fake_grant_readonly(uint32_t ref);
uint16_t fake_grant_remote(uint32_t ref);
/* The peer has it mapped: pv_grant_end() says -PV_EBUSY. */
void fake_grant_hold(uint32_t ref, bool held);
/* It maps every new one at once. */
extern bool fake_grants_held;
size_t fake_grants_used(void);

/* Lines that pv_log() got, joined; pv_panic() fails the test unless it is expected: then it longjmps. */
extern char fake_log[8192];

#endif
