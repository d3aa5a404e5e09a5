/*
 * One PV console (see pv-console.h).
 *
 * Both directions move bytes straight between ring and output, so nothing is
 * buffered here: an output that takes no more leaves the rest in the ring, and
 * the frontend waits.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "pv-console.h"

#include "log.h"
#include "util.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <xen/grant_table.h>
#include <xen/io/xenbus.h>

/* In a period of 10 ms: 1.6 MB/s of a log or a serial port; a save stops the guest. */
TABLE_BEGINS(budgets);
static const struct { uint32_t bytes, events; } budgets[] = {
    TABLE_ROW(OUTPUT_ROLE_LOG) = { 16u << 10, 256 },
    TABLE_ROW(OUTPUT_ROLE_SAVE) = { 1u << 20, 1024 },
    TABLE_ROW(OUTPUT_ROLE_RESTORE) = { 256u << 10, 256 },
    TABLE_ROW(OUTPUT_ROLE_SERIAL) = { 16u << 10, 256 },
};
TABLE_ENDS(budgets, OUTPUT_ROLES);

static enum output_role pv_console_role(unsigned int id)
{
    static const enum output_role roles[] = {
        [CONSOLE_LOG] = OUTPUT_ROLE_LOG, [CONSOLE_SAVE] = OUTPUT_ROLE_SAVE, [CONSOLE_RESTORE] = OUTPUT_ROLE_RESTORE,
    };

    return id < ARRAY_SIZE(roles) ? roles[id] : OUTPUT_ROLE_SERIAL;
}

static void switch_state(struct pv_console *console, unsigned int state)
{
    if (console->state == state)
        return;
    console->state = state;
    /* Console 0 has no handshake: libxl made its ring before the domain ran. */
    if (console->id != 0 && console->publish)
        console->publish(console->data, console->id, state);
}

/* -------- bytes -------- */

static void disconnect(struct pv_console *console)
{
    throttle_stop(&console->throttle);
    if (console->xen)
        xen_port_unbind(console->xen, &console->port);
    if (console->ring.page)
        grants_unmap(&console->xen->grants, console->ring.page, 1);
    console->ring.page = NULL;
    if (console->output.ops)
        output_want(&console->output, false, false);
}

static void fail(struct pv_console *console)
{
    log_warning("%s: an impossible index in its ring: closed", console->output.label);
    disconnect(console);
    switch_state(console, XenbusStateClosing);
}

/* Returns whether output is waiting that could not be passed on, or -errno. */
static int pump_out(struct pv_console *console, bool *moved)
{
    char buf[CONSOLE_RING_OUT];

    while (!budget_is_spent(&console->throttle.budget)) {
        ssize_t len = console_ring_peek(&console->ring, buf, sizeof(buf)), taken;

        if (len <= 0)
            return len;
        taken = output_write(&console->output, buf, len);
        /* What only talks goes on talking. */
        if (taken < 0)
            taken = len;
        console_ring_consume(&console->ring, taken);
        budget_take_bytes(&console->throttle.budget, taken);
        *moved |= taken > 0;
        if (taken < len)
            return 1;
    }
    return 0;
}

/* Returns whether the ring has room for more input, or -errno. */
static int pump_in(struct pv_console *console, bool *moved)
{
    char buf[CONSOLE_RING_IN];

    while (!budget_is_spent(&console->throttle.budget)) {
        ssize_t room = console_ring_room(&console->ring), len;

        if (room <= 0)
            return room;
        len = output_read(&console->output, buf, room);
        if (len == 0)
            return 1;
        len = console_ring_produce(&console->ring, buf, len);
        if (len < 0)
            return len;
        budget_take_bytes(&console->throttle.budget, len);
        *moved |= len > 0;
    }
    return 0;
}

static void pump(void *data)
{
    struct pv_console *console = data;
    bool moved = false;
    int out, in;

    if (!console->ring.page)
        return;
    throttle_refresh(&console->throttle);
    out = pump_out(console, &moved);
    in = out < 0 ? out : pump_in(console, &moved);
    if (in < 0) {
        fail(console);
        return;
    }
    if (moved)
        xen_port_notify(console->xen, &console->port);
    if (throttle_rests(&console->throttle)) {
        /* Nothing is waited for until the next period. */
        output_want(&console->output, false, false);
        return;
    }
    output_want(&console->output, in, out);
    throttle_listen(&console->throttle);
}

/* -------- handshake -------- */

static int connect_ring(struct pv_console *console, const struct message *message)
{
    uint32_t ref = console->id == 0 ? GNTTAB_RESERVED_CONSOLE : message->ring_ref;
    void *page;
    int rc;

    if (message->port == 0 || (console->id != 0 && ref == 0))
        return -EINVAL;
    rc = grants_map(&console->xen->grants, &ref, 1, PROT_READ | PROT_WRITE, &page);
    if (rc)
        return rc;
    /* It may have written before we listened; an unmasked port also tells of that. */
    throttle_start(&console->throttle, console->xen, &console->port);
    rc = xen_port_bind(console->xen, &console->port, message->port);
    if (rc) {
        grants_unmap(&console->xen->grants, page, 1);
        return rc;
    }
    console_ring_init(&console->ring, page);
    console->frontend.ring_ref = message->ring_ref;
    console->frontend.port = message->port;
    return 0;
}

static void do_nothing(struct pv_console *console, const struct message *message)
{
}

static void do_wait(struct pv_console *console, const struct message *message)
{
    disconnect(console);
    switch_state(console, XenbusStateInitWait);
}

static void do_connect(struct pv_console *console, const struct message *message)
{
    int rc;

    /* A driver that resumes has another ring, and may not say anything in between. */
    if (console->state == XenbusStateConnected && console->frontend.ring_ref == message->ring_ref &&
        console->frontend.port == message->port)
        return;
    disconnect(console);
    rc = connect_ring(console, message);
    if (rc) {
        log_warning("%s: cannot connect (grant %u, port %u): %s", console->output.label,
                    message->ring_ref, message->port, strerror(-rc));
        switch_state(console, XenbusStateClosing);
        return;
    }
    switch_state(console, XenbusStateConnected);
    pump(console);
}

static void do_close(struct pv_console *console, const struct message *message)
{
    disconnect(console);
    switch_state(console, XenbusStateClosing);
}

static void do_closed(struct pv_console *console, const struct message *message)
{
    disconnect(console);
    switch_state(console, XenbusStateClosed);
}

/* What to do when the frontend enters a state. */
TABLE_BEGINS(frontend_table);
static void (*const frontend_table[])(struct pv_console *console, const struct message *message) = {
    TABLE_ROW(XenbusStateUnknown) = do_closed,
    TABLE_ROW(XenbusStateInitialising) = do_wait,
    TABLE_ROW(XenbusStateInitWait) = do_nothing,
    TABLE_ROW(XenbusStateInitialised) = do_connect,
    TABLE_ROW(XenbusStateConnected) = do_connect,
    TABLE_ROW(XenbusStateClosing) = do_close,
    TABLE_ROW(XenbusStateClosed) = do_closed,
    TABLE_ROW(XenbusStateReconfiguring) = do_nothing,
    TABLE_ROW(XenbusStateReconfigured) = do_nothing,
};
TABLE_ENDS(frontend_table, XenbusStateReconfigured + 1);

void pv_console_frontend(struct pv_console *console, const struct message *message)
{
    if (message->state < ARRAY_SIZE(frontend_table))
        frontend_table[message->state](console, message);
}

/* -------- life -------- */

int pv_console_open(struct pv_console *console, unsigned int id, const struct output_spec *spec,
                    struct loop *loop)
{
    static const struct output_spec nothing = { .kind = OUTPUT_NULL };
    enum output_role role = pv_console_role(id);
    int rc;

    *console = (struct pv_console){ .id = id, .loop = loop, .state = XenbusStateInitialising };
    throttle_init(&console->throttle, loop, budgets[role].bytes, budgets[role].events, pump, console);
    rc = output_open(&console->output, loop, spec, id, role, pump, console);
    if (rc && role == OUTPUT_ROLE_LOG) {
        /* A log (on a full disk, say) never stops what it is about. */
        log_error("console %u: its output is dropped", id);
        rc = output_open(&console->output, loop, &nothing, id, role, pump, console);
    }
    return rc;
}

void pv_console_start(struct pv_console *console, struct xen_handles *xen,
                      void (*publish)(void *data, unsigned int id, unsigned int state),
                      void *data)
{
    console->xen = xen;
    console->publish = publish;
    console->data = data;
    output_start(&console->output);
}

void pv_console_dispose(struct pv_console *console)
{
    if (!console->loop)
        return;
    disconnect(console);
    output_dispose(&console->output);
    console->loop = NULL;
}
