/*
 * fake-pv.h
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "fake-pv.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t fake_now;
bool (*fake_on_sleep)(void);
long fake_alloc_fails = -1;
size_t fake_heap_used, fake_pages_used;
uint32_t fake_event_last;
int fake_event_error;
char fake_log[8192];
uint16_t pv_guest;

/* ---- memory ---- */

static bool refused(void)
{
    return fake_alloc_fails >= 0 && fake_alloc_fails-- == 0;
}

struct piece { size_t size; uint64_t pad; };

void *pv_alloc(size_t size)
{
    struct piece *piece = refused() ? NULL : calloc(1, sizeof(*piece) + size);

    if (!piece)
        return NULL;
    piece->size = size;
    fake_heap_used++;
    return piece + 1;
}

void pv_free(void *p)
{
    if (!p)
        return;
    fake_heap_used--;
    free((struct piece *)p - 1);
}

size_t pv_alloc_size(const void *p)
{
    return ((const struct piece *)p)[-1].size;
}

#define RUNS 4096
static struct { char *first; size_t pages, users; bool adopted; } runs[RUNS];
size_t fake_pages_added;

static size_t run_of(const void *page)
{
    for (size_t i = 0; i < RUNS; i++)
        if (page && runs[i].first == page)
            return i;
    return RUNS;
}

void *pv_pages_alloc(size_t n, size_t align)
{
    size_t i;

    if (refused())
        return NULL;
    for (i = 0; i < RUNS && runs[i].first; i++)
        ;
    assert_true(i < RUNS);
    assert_int_equal(posix_memalign((void **)&runs[i].first, PV_PAGE * (align ? align : 1), n * PV_PAGE), 0);
    memset(runs[i].first, 0xa5, n * PV_PAGE);
    runs[i].pages = n;
    runs[i].users = 1;
    runs[i].adopted = false;
    fake_pages_used++;
    return runs[i].first;
}

/* The test's own memory: when its last user goes it is only forgotten, not freed. */
void pv_pages_adopt(void *first, size_t n)
{
    while (n--) {
        size_t i;

        for (i = 0; i < RUNS && runs[i].first; i++)
            ;
        assert_true(i < RUNS);
        runs[i].first = (char *)first + n * PV_PAGE;
        runs[i].pages = runs[i].users = 1;
        runs[i].adopted = true;
        fake_pages_used++;
    }
}

void pv_pages_add(void *first, size_t n)
{
    assert_int_equal((uintptr_t)first % PV_PAGE, 0);
    fake_pages_added += n;
}

void pv_pages_get(void *page)
{
    size_t i = run_of(page);

    assert_true(i < RUNS);
    runs[i].users++;
}

void pv_pages_put(void *page)
{
    size_t i = run_of(page);

    assert_true(i < RUNS);
    if (--runs[i].users)
        return;
    if (!runs[i].adopted)
        free(runs[i].first);
    runs[i].first = NULL;
    fake_pages_used--;
}

size_t pv_pages_in_run(const void *page)
{
    size_t i = run_of(page);

    return i < RUNS ? runs[i].pages : 0;
}

size_t fake_pages_left = 1000;
size_t pv_pages_free(void) { return fake_pages_left; }
size_t pv_pages_total(void) { return 8192; }
uint64_t pv_frame_of(const void *page) { return (uintptr_t)page / PV_PAGE; }
void *pv_page_of(uint64_t frame) { return (void *)(frame * PV_PAGE); }

/* ---- time and threads: one of them ---- */

struct pv_thread { void *data; bool woken; };
static struct pv_thread self;

uint64_t pv_clock(void) { return fake_now; }
uint64_t pv_clock_epoch(void) { return 1700000000ULL * PV_SECOND; }
struct pv_thread *pv_thread_self(void) { return &self; }
void **pv_thread_data(struct pv_thread *thread) { return &thread->data; }
void pv_wake(struct pv_thread *thread) { thread->woken = true; }
void pv_yield(void) { if (fake_on_sleep) fake_on_sleep(); }

bool pv_sleep(uint64_t until)
{
    self.woken = false;
    if (fake_on_sleep && fake_on_sleep())
        return false;
    if (self.woken)
        return false;
    if (until == PV_FOREVER)
        fail_msg("sleeps for ever");
    if (until > fake_now)
        fake_now = until;
    return true;
}

bool pv_queue_wait(struct pv_queue *queue, uint64_t until)
{
    return pv_sleep(until);
}

void pv_queue_wake(struct pv_queue *queue)
{
    self.woken = true;
}

/* ---- events ---- */

#define PORTS 256
static struct { pv_event_fn *fn; void *arg; bool open, masked, pending; unsigned int notified; } ports[PORTS];

uint32_t fake_event_port(void)
{
    for (uint32_t i = 1; i < PORTS; i++)
        if (!ports[i].open) {
            memset(&ports[i], 0, sizeof(ports[i]));
            ports[i].open = true;
            return fake_event_last = i;
        }
    fail_msg("no port");
    return 0;
}

static int new_port(pv_event_fn *fn, void *arg, uint32_t *port)
{
    if (fake_event_error)
        return fake_event_error;
    *port = fake_event_port();
    return pv_event_listen(*port, fn, arg);
}

int pv_event_alloc(uint16_t remote, pv_event_fn *fn, void *arg, uint32_t *port)
{
    return new_port(fn, arg, port);
}

int pv_event_connect(uint16_t remote, uint32_t remote_port, pv_event_fn *fn, void *arg, uint32_t *port)
{
    return new_port(fn, arg, port);
}

int pv_event_virq(unsigned int virq, pv_event_fn *fn, void *arg, uint32_t *port)
{
    return new_port(fn, arg, port);
}

int pv_event_listen(uint32_t port, pv_event_fn *fn, void *arg)
{
    assert_true(port < PORTS && ports[port].open);
    ports[port].fn = fn;
    ports[port].arg = arg;
    return 0;
}

void pv_event_close(uint32_t port)
{
    assert_true(port < PORTS && ports[port].open);
    ports[port].open = false;
}

void pv_event_notify(uint32_t port)
{
    assert_true(port < PORTS && ports[port].open);
    ports[port].notified++;
}

void pv_event_mask(uint32_t port) { ports[port].masked = true; }

void pv_event_unmask(uint32_t port)
{
    ports[port].masked = false;
    if (ports[port].pending)
        fake_event_fire(port);
}

void fake_event_fire(uint32_t port)
{
    assert_true(port < PORTS);
    if (!ports[port].open)
        return;
    ports[port].pending = ports[port].masked;
    if (!ports[port].masked && ports[port].fn)
        ports[port].fn(ports[port].arg, port);
}

unsigned int fake_event_notified(uint32_t port)
{
    unsigned int n = ports[port].notified;

    ports[port].notified = 0;
    return n;
}

bool fake_event_open(uint32_t port) { return port < PORTS && ports[port].open; }
bool pv_events_dispatch(void) { return false; }

/* ---- grants ---- */

#define GRANTS 2048
static struct { bool used, readonly, held; uint16_t remote; uint64_t frame; } grants[GRANTS];

bool fake_grants_held;

int pv_grant(uint16_t remote, uint64_t frame, bool readonly, uint32_t *ref)
{
    for (uint32_t i = 8; i < GRANTS; i++)
        if (!grants[i].used) {
            grants[i].used = true;
            grants[i].held = fake_grants_held;
            grants[i].readonly = readonly;
            grants[i].remote = remote;
            grants[i].frame = frame;
            *ref = i;
            return 0;
        }
    return -PV_ENOSPC;
}

int pv_grant_end(uint32_t ref)
{
    assert_true(ref < GRANTS && grants[ref].used);
    if (grants[ref].held)
        return -PV_EBUSY;
    grants[ref].used = false;
    return 0;
}

void *fake_grant_page(uint32_t ref) { return ref < GRANTS && grants[ref].used ? pv_page_of(grants[ref].frame) : NULL; }
bool fake_grant_readonly(uint32_t ref) { return grants[ref].readonly; }
uint16_t fake_grant_remote(uint32_t ref) { return grants[ref].remote; }
void fake_grant_hold(uint32_t ref, bool held) { grants[ref].held = held; }

size_t fake_grants_used(void)
{
    size_t n = 0;

    for (size_t i = 0; i < GRANTS; i++)
        n += grants[i].used;
    return n;
}

/* ---- the log ---- */

void pv_log(const char *format, ...)
{
    size_t n = strlen(fake_log);
    va_list args;

    if (n + 2 >= sizeof(fake_log))
        return;
    va_start(args, format);
    pv_vformat(fake_log + n, sizeof(fake_log) - n - 1, format, args);
    va_end(args);
    strcat(fake_log, "\n");
}

void pv_log_bytes(const char *bytes, size_t size)
{
    snprintf(fake_log + strlen(fake_log), sizeof(fake_log) - strlen(fake_log), "%.*s", (int)size, bytes);
}

void pv_panic(const char *format, ...)
{
    char line[256];
    va_list args;

    va_start(args, format);
    pv_vformat(line, sizeof(line), format, args);
    va_end(args);
    fail_msg("pv_panic: %s", line);
    abort();
}

const char *pv_command_line(void) { return "fake=1"; }

int pv_random(void *to, size_t size)
{
    static uint32_t state = 1;

    for (size_t i = 0; i < size; i++) {
        state = state * 1664525 + 1013904223;
        ((uint8_t *)to)[i] = state >> 24;
    }
    return 0;
}

void pv_power_off(void) { fail_msg("pv_power_off"); abort(); }
uint16_t pv_domid(void) { return 7; }

void fake_pv_reset(void)
{
    assert_int_equal(fake_heap_used, 0);
    assert_int_equal(fake_pages_used, 0);
    memset(ports, 0, sizeof(ports));
    memset(grants, 0, sizeof(grants));
    fake_now = 0;
    fake_on_sleep = NULL;
    fake_alloc_fails = -1;
    fake_event_error = 0;
    fake_grants_held = false;
    fake_pages_added = 0;
    fake_pages_left = 1000;
    fake_log[0] = '\0';
}
