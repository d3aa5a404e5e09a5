// sources: launcher/xen-layer/console-ring.c launcher/xen-layer/text.c tests/unit/fake-pv.c
// sources: tests/unit/fake-pv-store.c
// wrap: pv_wake
/*
 * Consoles: the handshake with honest, slow and lying backends, bytes, full rings that
 * nobody empties, and the log.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

/* Included, because its state is never freed: each test must begin without any. */
#include "launcher/xen-layer/console.c"

#include "fake-pv-store.h"

#include "fake-console-thread.h"

#define DEV "device/console/3"
#define BACKEND "/local/domain/0/backend/console/7/3"

static bool no_thread;

struct pv_thread *pv_thread_create(const char *name, pv_thread_fn *fn, void *arg, size_t stack_pages)
{
    assert_ptr_equal(fn, thread_main);
    return no_thread ? NULL : (struct pv_thread *)the_thread;
}

static unsigned int wakes;
void __real_pv_wake(struct pv_thread *woken);
void __wrap_pv_wake(struct pv_thread *woken);
void __wrap_pv_wake(struct pv_thread *woken)
{
    wakes += woken == (struct pv_thread *)the_thread;
    __real_pv_wake(woken);
}

/* Runs the thread until nothing more happens. */
static void settle(void)
{
    do
        run_thread();
    while (fake_store_fire());
}

/* -------- Xen -------- */

static unsigned int channel_status = EVTCHNSTAT_interdomain, pauses;
static void (*on_pause)(void);

long pv_hypercall(unsigned int op, unsigned long a, unsigned long b, unsigned long c, unsigned long d,
                  unsigned long e)
{
    if (op == __HYPERVISOR_event_channel_op) {
        struct evtchn_status *status = (struct evtchn_status *)b;

        assert_int_equal(a, EVTCHNOP_status);
        assert_true(fake_event_open(status->port));
        assert_int_equal(status->dom, DOMID_SELF);
        status->status = channel_status;
        return 0;
    }
    assert_int_equal(op, __HYPERVISOR_sched_op);
    assert_int_equal(a, SCHEDOP_poll);
    assert_int_equal(((struct sched_poll *)b)->nr_ports, 0);
    assert_true(((struct sched_poll *)b)->timeout > fake_now + 1000);
    fake_now = ((struct sched_poll *)b)->timeout - 1000;
    pauses++;
    if (on_pause)
        on_pause();
    return 0;
}

uint64_t pv_clock_to_xen(uint64_t time) { return time + 1000; }

/* -------- the backend -------- */

static struct xencons_interface *ring_page;
static uint32_t ring_ref, ring_port;
static unsigned int connects;

static unsigned int number(const char *path)
{
    const char *text = fake_store_get(path);

    assert_non_null(text);
    return (unsigned int)strtoul(text, NULL, 10);
}

static void backend_connects(void)
{
    ring_ref = number(DEV "/ring-ref");
    ring_port = number(DEV "/port");
    ring_page = fake_grant_page(ring_ref);
    assert_non_null(ring_page);
    assert_false(fake_grant_readonly(ring_ref));
    assert_true(fake_event_open(ring_port));
    for (size_t i = 0; i < PV_PAGE; i++) /* the whole page must be zero, because the backend can read all of it */
        assert_int_equal(((char *)ring_page)[i], 0);
    connects++;
    fake_store_set(BACKEND "/state", "%u", XenbusStateConnected);
}

/* Reacts to the frontend's states as dom0's daemon does. */
static void honest(const char *path, const char *value)
{
    if (strcmp(path, DEV "/state") || !value)
        return;
    switch (atoi(value)) {
    case XenbusStateInitialising:
        fake_store_set(BACKEND "/state", "%u", XenbusStateInitWait);
        break;
    case XenbusStateInitialised:
        backend_connects();
        break;
    case XenbusStateClosed:
        fake_store_set(BACKEND "/state", "%u", XenbusStateClosed);
        break;
    }
}

static void plug(unsigned int state)
{
    fake_store_set(DEV "/backend", BACKEND);
    fake_store_set(DEV "/backend-id", "0");
    fake_store_set(DEV "/state", "1");
    fake_store_set(BACKEND "/state", "%u", state);
}

static unsigned int changes;
static void changed(void *arg)
{
    assert_string_equal(arg, "arg");
    changes++;
}

static int open_console(unsigned int n, struct pv_console **console)
{
    return pv_console_open(n, changed, "arg", console);
}

static void backend_writes(const char *text)
{
    while (*text)
        ring_page->in[ring_page->in_prod++ % sizeof(ring_page->in)] = *text++;
    fake_event_fire(ring_port);
}

static void backend_reads(const char *text)
{
    for (; *text; text++)
        assert_int_equal(ring_page->out[ring_page->out_cons++ % sizeof(ring_page->out)], *text);
    fake_event_fire(ring_port);
}

/* -------- */

static void forget_consoles(void)
{
    for (unsigned int n = 0; n < CONSOLES; n++)
        if (consoles[n].ring.page && n)
            pv_pages_put(consoles[n].ring.page);
    memset(consoles, 0, sizeof(consoles));
    thread = NULL;
}

static int setup(void **state)
{
    fake_pv_reset();
    fake_store_reset();
    fake_now = PV_SECOND;
    fake_on_sleep = on_sleep;
    fake_store_on_change = honest;
    channel_status = EVTCHNSTAT_interdomain;
    on_pause = NULL;
    no_thread = false;
    pauses = changes = connects = 0;
    ring_page = NULL;
    return 0;
}

static int teardown(void **state)
{
    forget_consoles();
    fake_store_drop();
    fake_pv_reset();
    return 0;
}

static struct pv_console *connected_console(void)
{
    struct pv_console *console;

    plug(XenbusStateInitWait);
    assert_int_equal(open_console(3, &console), 0);
    settle();
    changes = 0;
    fake_event_notified(ring_port);
    return console;
}

/* -------- connecting -------- */

static void test_none(void **state)
{
    struct pv_console *console;

    assert_int_equal(open_console(16, &console), -PV_ENODEV);
    assert_int_equal(open_console(UINT32_MAX, &console), -PV_ENODEV);
    assert_int_equal(open_console(0, &console), -PV_ENODEV); /* pv_console_init() was not called */
    assert_int_equal(open_console(3, &console), -PV_EAGAIN);
    assert_int_equal(fake_store_watches(), 0);
    assert_int_equal(fake_grants_used(), 0);
}

static void test_no_thread(void **state)
{
    struct pv_console *console;

    no_thread = true;
    plug(XenbusStateInitWait);
    assert_int_equal(open_console(3, &console), -PV_ENOMEM);
    no_thread = false;
    assert_int_equal(open_console(3, &console), 0);
}

static void test_connect(void **state)
{
    struct pv_console *console, *other;

    plug(XenbusStateInitWait);
    assert_int_equal(open_console(3, &console), 0);
    settle();
    assert_string_equal(fake_store_get(DEV "/state"), "4");
    assert_int_equal(fake_grant_remote(ring_ref), 0);
    assert_int_equal(open_console(3, &other), -PV_EBUSY);
    assert_false(pv_console_gone(console));

    /* A closed console stays connected, and keeps what arrives. */
    pv_console_close(console);
    backend_writes("early");
    assert_int_equal(open_console(3, &console), 0);
    assert_int_equal(connects, 1);
    assert_int_equal(pv_console_readable(console), 5);
}

static void test_backend_of_another_life(void **state)
{
    static const unsigned int states[] = { XenbusStateConnected, XenbusStateClosing, XenbusStateClosed,
                                           XenbusStateReconfigured, XenbusStateInitialising };
    struct pv_console *console;

    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        plug(states[i]);
        assert_int_equal(open_console(3, &console), 0);
        settle();
        assert_int_equal(connects, i + 1);
        assert_string_equal(fake_store_get(DEV "/state"), "4");
        teardown(NULL);
        setup(NULL);
        connects = (unsigned int)i + 1;
    }
}

/* An opener does not wait long for a backend that does not answer. When it does, the next opener finds it ready. */
static void test_slow_backend(void **state)
{
    struct pv_console *console;
    uint64_t before;

    fake_store_on_change = NULL;
    plug(XenbusStateClosed);
    before = fake_now;
    assert_int_equal(open_console(3, &console), -PV_EAGAIN);
    assert_int_equal(fake_now, before + 200 * PV_MS);
    assert_string_equal(fake_store_get(DEV "/state"), "1");
    fake_store_set(DEV "/state", "99"); /* once is enough */
    fake_store_set(BACKEND "/state", "5");
    settle();
    assert_string_equal(fake_store_get(DEV "/state"), "99");
    fake_store_set(BACKEND "/state", "2");
    assert_int_equal(open_console(3, &console), -PV_EAGAIN);
    assert_string_equal(fake_store_get(DEV "/state"), "3");
    backend_connects();
    settle();
    assert_string_equal(fake_store_get(DEV "/state"), "4");
    before = fake_now;
    assert_int_equal(open_console(3, &console), 0);
    assert_int_equal(fake_now, before);
    assert_int_equal(fake_store_watches(), 1);
}

static void refuses(const char *path, const char *value)
{
    if (!strcmp(path, DEV "/state") && value && atoi(value) == XenbusStateInitialised)
        fake_store_set(BACKEND "/state", "5");
}

static void test_backend_refuses(void **state)
{
    struct pv_console *console;
    uint32_t first;

    fake_store_on_change = refuses;
    plug(XenbusStateInitWait);
    assert_int_equal(open_console(3, &console), -PV_EAGAIN);
    assert_int_equal(fake_store_watches(), 0);
    first = number(DEV "/ring-ref");
    fake_store_on_change = honest;
    assert_int_equal(open_console(3, &console), 0);
    assert_int_equal(ring_ref, first); /* the same page, grant and channel */
    assert_int_equal(fake_grants_used(), 1);
}

static void test_backend_that_is_removed_meanwhile(void **state)
{
    struct pv_console *console;

    fake_store_on_change = NULL;
    plug(XenbusStateClosed);
    assert_int_equal(open_console(3, &console), -PV_EAGAIN);
    fake_store_remove(BACKEND);
    settle();
    assert_int_equal(fake_store_watches(), 0);
    fake_store_on_change = honest;
    plug(XenbusStateInitWait);
    assert_int_equal(open_console(3, &console), 0);
}

static void test_nodes_of_nonsense(void **state)
{
    static const char *const ids[] = { "", "x", "-1", "32752", "99999999" };
    struct pv_console *console;
    char longest[300];

    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        plug(XenbusStateInitWait);
        fake_store_set(DEV "/backend-id", "%s", ids[i]);
        assert_in_range(-open_console(3, &console), 1, 200);
        assert_int_equal(fake_grants_used(), 0);
        assert_int_equal(fake_store_watches(), 0);
    }
    memset(longest, 'b', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    fake_store_set(DEV "/backend", "%s", longest);
    assert_int_equal(open_console(3, &console), -PV_ERANGE);
    plug(XenbusStateInitWait);
    assert_int_equal(open_console(3, &console), 0);
}

/* Each step fails in turn: an error, nothing is left, and the next open works. */
static void test_failures_on_the_way(void **state)
{
    struct pv_console *console;
    long fails = 0;

    for (bool failed = true; failed; fails++) {
        plug(XenbusStateInitWait);
        fake_store_fails = fails;
        failed = open_console(3, &console);
        if (failed)
            assert_int_equal(fake_store_watches() > 1, 0);
        else
            settle();
        fake_store_fails = -1;
        if (failed)
            assert_int_equal(open_console(3, &console), 0);
        settle();
        assert_int_equal(fake_grants_used(), 1);
        assert_int_equal(fake_store_watches(), 1);
        teardown(NULL);
        setup(NULL);
    }
    assert_true(fails > 6);

    plug(XenbusStateInitWait);
    fake_alloc_fails = 0; /* the page */
    assert_int_equal(open_console(3, &console), -PV_ENOMEM);
    fake_event_error = -PV_ENOSPC;
    assert_int_equal(open_console(3, &console), -PV_ENOSPC);
    fake_event_error = 0;
    assert_int_equal(fake_pages_used, 0);
    {
        uint32_t refs[2100];
        size_t n = 0;

        while (!pv_grant(0, 1, true, &refs[n]))
            n++;
        assert_int_equal(open_console(3, &console), -PV_ENOSPC);
        assert_int_equal(fake_pages_used, 0);
        assert_false(fake_event_open(fake_event_last));
        while (n)
            pv_grant_end(refs[--n]);
    }
    assert_int_equal(open_console(3, &console), 0);
}

/* -------- bytes -------- */

static void test_bytes(void **state)
{
    struct pv_console *console = connected_console();
    char data[16];

    assert_int_equal(pv_console_read(console, data, sizeof(data)), 0);
    assert_int_equal(fake_event_notified(ring_port), 0);
    backend_writes("hello");
    assert_int_equal(changes, 1);
    assert_int_equal(pv_console_readable(console), 5);
    assert_int_equal(pv_console_read(console, data, 3), 3);
    assert_int_equal(fake_event_notified(ring_port), 1);
    assert_int_equal(pv_console_read(console, data + 3, 3), 2);
    assert_memory_equal(data, "hello", 5);

    assert_int_equal(pv_console_writable(console), 2048);
    assert_int_equal(pv_console_write(console, "abc", 3), 3);
    assert_int_equal(pv_console_write(console, "", 0), 0);
    assert_int_equal(pv_console_unsent(console), 3);
    assert_int_equal(pv_console_writable(console), 2045);
    backend_reads("abc");
    assert_int_equal(changes, 2);
    assert_int_equal(pv_console_unsent(console), 0);
    pv_console_close(console);
    backend_writes("x");
    assert_int_equal(changes, 2);
}

static void test_backend_goes(void **state)
{
    struct pv_console *console = connected_console();
    uint32_t first = ring_ref;
    char data[16];

    backend_writes("last");
    fake_store_set(BACKEND "/state", "5");
    changes = 0;
    settle();
    assert_int_equal(changes, 1);
    assert_true(pv_console_gone(console));
    assert_string_equal(fake_store_get(DEV "/state"), "6");
    assert_int_equal(fake_store_watches(), 0);
    assert_int_equal(pv_console_write(console, "x", 1), -PV_EIO);
    assert_int_equal(pv_console_writable(console), 0);
    assert_int_equal(pv_console_unsent(console), 0);
    assert_int_equal(pv_console_read(console, data, sizeof(data)), 4);
    assert_int_equal(pv_console_read(console, data, sizeof(data)), -PV_EIO);

    /* The backend comes back. */
    pv_console_close(console);
    assert_int_equal(open_console(3, &console), 0);
    assert_false(pv_console_gone(console));
    assert_int_equal(connects, 2);
    assert_int_equal(ring_ref, first);
    assert_int_equal(pv_console_readable(console), 0);
    assert_int_equal(fake_store_watches(), 1);
}

static void test_device_is_removed(void **state)
{
    struct pv_console *console = connected_console();

    fake_store_remove(DEV);
    fake_store_remove(BACKEND);
    settle();
    assert_true(pv_console_gone(console));
    assert_null(fake_store_get(DEV "/state"));
    pv_console_close(console);
    assert_int_equal(open_console(3, &console), -PV_EAGAIN);
}

/* It cannot be opened before the thread has closed the old connection. */
static void test_open_while_going(void **state)
{
    struct pv_console *console = connected_console();
    char data[4];

    ring_page->in_prod += 2000;
    assert_int_equal(pv_console_read(console, data, sizeof(data)), -PV_EIO);
    pv_console_close(console);
    fake_on_sleep = NULL;
    assert_int_equal(open_console(3, &console), -PV_EAGAIN);
    fake_on_sleep = on_sleep;
    settle();
    assert_int_equal(fake_store_watches(), 0);
    assert_int_equal(open_console(3, &console), 0);
    assert_int_equal(fake_store_watches(), 1);
    assert_int_equal(connects, 2);
}

/* Another backend domain must not get the page that the first one may still have mapped. */
static void test_other_backend_domain(void **state)
{
    for (int held = 0; held < 2; held++) {
        struct pv_console *console = connected_console();
        void *first = ring_page;
        uint32_t ref = ring_ref;

        fake_store_set(BACKEND "/state", "5");
        settle();
        pv_console_close(console);
        fake_grant_hold(ref, held);
        plug(XenbusStateInitWait);
        fake_store_set(DEV "/backend-id", "9");
        assert_int_equal(open_console(3, &console), 0);
        assert_int_equal(fake_grant_remote(ring_ref), 9);
        assert_int_equal(fake_grant_page(ref) != NULL && ref != ring_ref, held);
        assert_int_equal(fake_pages_used, 1 + held);
        if (held) {
            assert_ptr_not_equal(ring_page, first);
            assert_non_null(strstr(fake_log, "keeps a page"));
            pv_pages_put(first);
        }
        teardown(NULL);
        setup(NULL);
    }
}

/* -------- a backend that lies -------- */

static long try_read(struct pv_console *console)
{
    char data[8];

    return pv_console_read(console, data, sizeof(data));
}

static long try_write(struct pv_console *console) { return pv_console_write(console, "x", 1); }
static long try_readable(struct pv_console *console) { return (long)pv_console_readable(console) - PV_EIO; }
static long try_writable(struct pv_console *console) { return (long)pv_console_writable(console) - PV_EIO; }
static long try_unsent(struct pv_console *console) { return (long)pv_console_unsent(console) - PV_EIO; }

static void test_impossible_indices(void **state)
{
    long (*const tries[])(struct pv_console *) = { try_read, try_write, try_readable, try_writable, try_unsent };

    for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
        struct pv_console *console = connected_console();

        ring_page->in_prod += 1025;
        ring_page->out_cons -= 2049;
        assert_int_equal(tries[i](console), -PV_EIO);
        assert_true(pv_console_gone(console));
        assert_int_equal(try_write(console), -PV_EIO);
        assert_int_equal(try_read(console), -PV_EIO);
        assert_non_null(strstr(fake_log, "impossible"));
        fake_log[0] = '\0';
        fake_event_fire(ring_port);
        tries[i](console);
        assert_string_equal(fake_log, ""); /* once is enough */
        settle();
        assert_string_equal(fake_store_get(DEV "/state"), "6");
        teardown(NULL);
        setup(NULL);
    }
}

/* -------- full rings -------- */

static void fill(struct pv_console *console)
{
    static char data[2048];

    memset(data, 'f', sizeof(data));
    assert_int_equal(pv_console_write(console, data, sizeof(data)), sizeof(data));
    assert_int_equal(pv_console_write(console, data, 1), 0);
    assert_int_equal(pv_console_writable(console), 0);
}

static void test_deserted(void **state)
{
    struct pv_console *console = connected_console();

    fill(console);
    channel_status = EVTCHNSTAT_unbound;
    run_thread();
    assert_int_equal(changes, 0);
    assert_int_equal(next_look(), fake_now + PV_SECOND);
    fake_now += PV_SECOND - 1;
    run_thread();
    assert_int_equal(pv_console_writable(console), 0); /* its time has not come */
    fake_now += 1;
    run_thread();
    assert_int_equal(changes, 1);
    assert_int_equal(next_look(), PV_FOREVER);
    assert_int_equal(pv_console_writable(console), 2048);
    assert_int_equal(pv_console_write(console, "lost", 4), 4);
    assert_int_equal(pv_console_unsent(console), 2048);

    /* A backend is there again: so the writer waits for room again. */
    channel_status = EVTCHNSTAT_interdomain;
    assert_int_equal(pv_console_write(console, "x", 1), 0);
    assert_int_equal(pv_console_writable(console), 0);
    backend_reads("ff");
    assert_int_equal(pv_console_write(console, "xyz", 3), 2);
    assert_int_equal(changes, 2);
}

/* A backend that came back, emptied the ring, and went again: the full second must pass again. */
static void test_deserted_again(void **state)
{
    struct pv_console *console = connected_console();

    channel_status = EVTCHNSTAT_unbound;
    for (int i = 0; i < 3; i++) {
        wakes = 0;
        fill(console);
        assert_int_equal(wakes, 1); /* the thread has a deadline */
        fake_now += PV_SECOND;
        run_thread();
        assert_int_equal(pv_console_writable(console), 2048);
        ring_page->out_cons = ring_page->out_prod;
        fake_event_fire(ring_port);
    }
}

static void test_slow_is_not_deserted(void **state)
{
    struct pv_console *console = connected_console();

    fill(console);
    for (int i = 0; i < 5; i++) {
        fake_now += PV_SECOND;
        run_thread();
        assert_int_equal(pv_console_writable(console), 0);
        assert_int_equal(next_look(), fake_now + PV_SECOND);
    }
    assert_int_equal(changes, 0);
    channel_status = EVTCHNSTAT_unbound;
    backend_reads("f"); /* at the last moment */
    fake_now += PV_SECOND;
    run_thread();
    assert_int_equal(pv_console_writable(console), 1);
    assert_int_equal(next_look(), PV_FOREVER);
}

/* -------- console 0 -------- */

static struct xencons_interface *log_page;

static uint32_t begin_console_0(void)
{
    uint32_t port = fake_event_port();

    log_page = calloc(1, sizeof(*log_page));
    log_page->out_cons = log_page->out_prod = 0xfffffff0u;
    pv_console_init(log_page, port);
    return port;
}

static void log_reader(void)
{
    log_page->out_cons += 1000;
    if ((int32_t)(log_page->out_prod - log_page->out_cons) < 0)
        log_page->out_cons = log_page->out_prod;
}

static void test_log(void **state)
{
    static char line[5000];
    uint32_t port;
    uint64_t before;

    memset(line, 'l', sizeof(line));
    assert_int_equal(pv_console_log_write("early", 5), 0);
    port = begin_console_0();
    assert_int_equal(pv_console_log_write("hello\n", 6), 6);
    assert_memory_equal(log_page->out + 2032, "hello\n", 6);
    assert_int_equal(log_page->out_prod, 0xfffffff6u);
    assert_int_equal(fake_event_notified(port), 1);
    assert_int_equal(pv_console_log_write(line, 0), 0);

    /* Nobody reads the ring: after 10 ms the rest of the line is lost, and the next line does not wait. */
    before = fake_now;
    assert_int_equal(pv_console_log_write(line, sizeof(line)), 2048 - 6);
    assert_int_equal(fake_now, before + 10 * PV_MS);
    before = fake_now;
    assert_int_equal(pv_console_log_write(line, 100), 0);
    assert_int_equal(fake_now, before);

    /* A reader comes. */
    log_page->out_cons += 50;
    on_pause = log_reader;
    assert_int_equal(pv_console_log_write(line, 4000), 4000);
    assert_true(fake_now > before && fake_now <= before + 10 * PV_MS);
    free(log_page);
}

static void test_log_and_console_0(void **state)
{
    struct pv_console *console;
    uint32_t port = begin_console_0();
    char data[8];

    assert_int_equal(open_console(0, &console), 0);
    assert_int_equal(pv_console_write(console, "one ", 4), 4);
    pv_console_log_write("log ", 4);
    assert_int_equal(pv_console_write(console, "two ", 4), 4);
    assert_memory_equal(log_page->out + 2032, "one log two ", 12);
    assert_int_equal(pv_console_unsent(console), 12);
    log_page->in[0] = 'i';
    log_page->in_prod = 1;
    fake_event_fire(port);
    assert_int_equal(changes, 1);
    assert_int_equal(pv_console_read(console, data, sizeof(data)), 1);

    /* Console 0's backend has no state in xenstore, so it never counts as gone; but it can lie. */
    settle();
    assert_false(pv_console_gone(console));
    log_page->out_cons -= 4000;
    assert_int_equal(pv_console_log_write("x", 1), 0);
    assert_true(pv_console_gone(console));
    settle();
    assert_int_equal(changes, 2);
    assert_int_equal(pv_console_log_write("x", 1), 0);
    pv_console_close(console);
    assert_int_equal(open_console(0, &console), -PV_ENODEV);
    assert_int_equal(fake_store_requests, 0);
    free(log_page);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_none), TEST(test_no_thread), TEST(test_connect), TEST(test_backend_of_another_life),
        TEST(test_slow_backend), TEST(test_backend_refuses), TEST(test_backend_that_is_removed_meanwhile),
        TEST(test_nodes_of_nonsense), TEST(test_failures_on_the_way), TEST(test_bytes), TEST(test_backend_goes),
        TEST(test_device_is_removed), TEST(test_open_while_going), TEST(test_other_backend_domain),
        TEST(test_impossible_indices), TEST(test_deserted), TEST(test_deserted_again),
            TEST(test_slow_is_not_deserted), TEST(test_log),
        TEST(test_log_and_console_0),
    };

    return cmocka_run_group_tests_name("pv-console", tests, NULL, NULL);
}
