/*
 * What the Xen layer's files share with each other and with nobody else.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef LAYER_H
#define LAYER_H

#include "pv.h"

/*
 * Where the flavour is linked: all memory is mapped one to one from here, in the order of the
 * domain's own page numbers. micro: the top 2 GiB (user mode has the lower half). rump: 0.
 */
#ifndef PV_BASE
#define PV_BASE 0UL
#endif
/* Areas: one slot of the top page table (512 GiB), or less. */
#define PV_AREAS_BEGIN (PV_BASE ? 0xffffff0000000000UL : 0x1000000000UL)
#define PV_AREAS_END (PV_AREAS_BEGIN + (1UL << 38))

#define HYPERCALL1(op, a) pv_hypercall(__HYPERVISOR_##op, (unsigned long)(a), 0, 0, 0, 0)
#define HYPERCALL2(op, a, b) pv_hypercall(__HYPERVISOR_##op, (unsigned long)(a), (unsigned long)(b), 0, 0, 0)
#define HYPERCALL3(op, a, b, c) \
    pv_hypercall(__HYPERVISOR_##op, (unsigned long)(a), (unsigned long)(b), (unsigned long)(c), 0, 0)
#define HYPERCALL4(op, a, b, c, d) \
    pv_hypercall(__HYPERVISOR_##op, (unsigned long)(a), (unsigned long)(b), (unsigned long)(c), \
                 (unsigned long)(d), 0)

/* Called by start.c, in this order. */
void pv_events_init(void);
void pv_clock_init(void);
void pv_traps_init(void);
void pv_console_init(void *page, uint32_t port);
void pv_memory_init(void);
int pv_grants_init(void);
void pv_store_init(void *page, uint32_t port);
void pv_entropy_init(void);
void pv_sysrq_init(void);
/* Runs fn as the first thread; never returns. */
void pv_threads_begin(pv_thread_fn *fn) __attribute__((noreturn));

/* console.c: writes to console 0, for the log. Works before there are threads. Returns how many bytes were taken. */
size_t pv_console_log_write(const char *bytes, size_t size);

/* events.c: waits until something is pending, or the time comes. */
void pv_events_wait(uint64_t until);

/*
 * backtrace.c: the name of the function that `where`, counted from pv_text_begin, is in, and the offset within it.
 * NULL: there is none.
 */
const char *pv_symbol_in(const uint32_t *table, const uint32_t *end, uint64_t where, uint64_t *offset);
/* thread.c: writes the backtraces of the other threads to the log. */
void pv_threads_show(void);

#endif
