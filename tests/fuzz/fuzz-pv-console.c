// sources: launcher/xen-layer/console-ring.c launcher/xen-layer/text.c tests/unit/fake-pv.c
// sources: tests/unit/fake-pv-store.c
// libs: cmocka
// cflags: -I../unit
/*
 * A PV console's frontend is opened, used and closed, and the log is written, while backends write anything to the
 * rings and to xenstore at any time. Each input byte is an operation.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "input.h"

#include "launcher/xen-layer/console.c"

#include "fake-pv-store.h"

#include "fake-console-thread.h"

#include <stdlib.h>
#include <string.h>

#define DEV "device/console/3"
#define BACKEND "/local/domain/0/backend/console/7/3"

static struct input in;
static struct xencons_interface *log_page;

struct pv_thread *pv_thread_create(const char *name, pv_thread_fn *fn, void *arg, size_t stack_pages)
{
    return (struct pv_thread *)the_thread;
}

uint64_t pv_clock_to_xen(uint64_t time) { return time; }

long pv_hypercall(unsigned int op, unsigned long a, unsigned long b, unsigned long c, unsigned long d,
                  unsigned long e)
{
    if (op == __HYPERVISOR_event_channel_op)
        ((struct evtchn_status *)b)->status = take(&in, 1) % 2 ? EVTCHNSTAT_interdomain : EVTCHNSTAT_unbound;
    else
        fake_now = ((struct sched_poll *)b)->timeout;
    return 0;
}

/* The page of one of the rings, or NULL. */
static struct xencons_interface *a_page(void)
{
    struct xencons_interface *page = take(&in, 1) % 4 ? consoles[3].ring.page : NULL;

    return page ? page : log_page;
}

static void set_index(void)
{
    struct xencons_interface *page = a_page();
    uint32_t *index = &page->in_cons + take(&in, 1) % 4;

    *index += (uint32_t)(int8_t)take(&in, 1) << take(&in, 1) % 24;
}

static void use(struct pv_console *console)
{
    static char data[4096];
    size_t size = take(&in, 2) % sizeof(data);
    long n;

    switch (take(&in, 1) % 4) {
    case 0:
        n = pv_console_read(console, data, size);
        MUST(n == -PV_EIO || (n >= 0 && (size_t)n <= size));
        break;
    case 1:
        n = pv_console_write(console, data, size);
        MUST(n == -PV_EIO || (n >= 0 && (size_t)n <= size));
        break;
    case 2: MUST(pv_console_readable(console) <= 1024 && pv_console_writable(console) <= 2048); break;
    default: MUST(pv_console_unsent(console) <= 2048);
    }
}

static void change_nodes(void)
{
    static const char *const values[] = { "0", "1", "2", "3", "4", "5", "6", "8", "9", "", "x" };
    const char *value = values[take(&in, 1) % 11];

    switch (take(&in, 1) % 6) {
    case 0: fake_store_set(DEV "/backend", BACKEND); break;
    case 1: fake_store_set(DEV "/backend-id", "%s", value); break;
    case 2: fake_store_remove(take(&in, 1) % 2 ? DEV : BACKEND); break;
    case 3: fake_store_set(DEV "/state", "%s", value); break;
    default: fake_store_set(BACKEND "/state", "%s", value);
    }
}

static void changed(void *arg) { }

static void operation(struct pv_console **open)
{
    unsigned int n = take(&in, 1) % 2 ? 3 : 0;

    switch (take(&in, 1) % 12) {
    case 0:
    case 1:
        if (pv_console_open(n, changed, NULL, &open[n]) && !consoles[n].open)
            open[n] = NULL;
        break;
    case 2:
        if (open[n])
            pv_console_close(open[n]);
        open[n] = NULL;
        break;
    case 3: set_index(); break;
    case 4: change_nodes(); break;
    case 5: change_nodes(); break;
    case 6: fake_now += take(&in, 1) * 10 * PV_MS; break;
    case 7: MUST(pv_console_log_write((char[200]){ 0 }, take(&in, 1) % 200) <= 200); break;
    case 8: fake_store_fails = take(&in, 1) % 8; break;
    case 9: fake_event_fire(consoles[n].port); break;
    case 10: run_thread(); fake_store_fire(); break;
    default:
        if (open[n])
            use(open[n]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pv_console *open[4] = { NULL };

    in = (struct input){ data, size };
    fake_pv_reset();
    fake_store_reset();
    fake_on_sleep = on_sleep;
    fake_now = 1;
    log_page = calloc(1, sizeof(*log_page));
    log_page->out_cons = log_page->out_prod = log_page->in_cons = log_page->in_prod = take(&in, 1) * 0x1010101;
    pv_console_init(log_page, fake_event_port());
    while (in.size)
        operation(open);
    if (consoles[3].ring.page)
        pv_pages_put(consoles[3].ring.page);
    memset(consoles, 0, sizeof(consoles));
    thread = NULL;
    free(log_page);
    fake_store_drop();
    fake_pv_reset();
    return 0;
}
