/*
 * PV consoles (pv.h). Console 0's ring was made with the domain. The others are made here, by the
 * handshake in xenstore (device/console/n) as Linux's hvc_xen does it; one thread makes them
 * all, since a watch's function may not ask xenstore anything.
 *
 * Once made, a ring is kept: closing a console leaves it connected, and what arrives meanwhile
 * stays in the ring. When its backend has gone and comes back, it gets the same page again: a
 * page that somebody may still have mapped is never used for something else.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "layer.h"

#include "console-ring.h"

#include <xen/event_channel.h>
#include <xen/io/xenbus.h>
#include <xen/sched.h>

#define CONSOLES 16
#define OUT_SIZE sizeof(((struct xencons_interface *)0)->out)
#define STACK_PAGES 4
/* How long an opener waits for a backend that is not Connected yet. */
#define OPEN_PATIENCE (200 * PV_MS)
/* How long a backend that has gone may take to come back, e.g. to be restarted. */
#define DESERTED_PATIENCE PV_SECOND
#define LOG_PATIENCE (10 * PV_MS)
#define LOG_PIECE (PV_MS / 2)

enum phase {
    ABSENT,     /* nobody has opened it, or it could not be connected */
    STARTING,   /* until the backend is ready for a ring */
    OFFERED,    /* the backend has been told of the ring */
    CONNECTED,
    GONE,       /* the connection is over, until the console is opened again */
};

struct pv_console {
    unsigned int n;
    enum phase phase;
    struct pv_console_ring ring; /* page NULL: none yet */
    uint16_t remote;
    uint32_t ref, port;

    bool open;
    void (*changed)(void *arg);
    void *arg;

    /* The handshake's. */
    bool look;                   /* something has changed: the thread must look at it */
    bool restarted;              /* we have asked the backend to leave an earlier connection */
    int error;                   /* why it could not be connected */
    struct pv_queue openers;
    struct pv_watch *watch;      /* of the backend's state */
    char backend[128];

    /* A full ring. */
    uint64_t full_since;         /* 0: it is not full */
    bool deserted;               /* nobody is there to empty it: what is written is dropped */
};

static struct pv_console consoles[CONSOLES];
static struct pv_thread *thread;

static void tell(struct pv_console *console)
{
    if (console->changed)
        console->changed(console->arg);
}

static void look_soon(struct pv_console *console)
{
    console->look = true;
    if (thread)
        pv_wake(thread);
}

/* The backend's index is impossible. So the connection ends. */
static long broken(struct pv_console *console)
{
    if (console->phase != GONE) {
        console->phase = GONE; /* before pv_log(): the log may be this console */
        pv_log("console %u: the backend's ring index is impossible: closed", console->n);
        look_soon(console);
    }
    return -PV_EIO;
}

/* ---- full rings ---- */

/*
 * Is there no backend? Xen unbinds our port when the backend's end of the channel is closed, by whatever means. The
 * state in xenstore does not tell: a backend that died has not changed it.
 */
static bool nobody_there(const struct pv_console *console)
{
    struct evtchn_status status = { .dom = DOMID_SELF, .port = console->port };

    return !HYPERCALL2(event_channel_op, EVTCHNOP_status, &status) &&
           status.status != EVTCHNSTAT_interdomain;
}

/* Room in the ring, or an error; notes since when there is none. */
static long look_for_room(struct pv_console *console)
{
    long unsent = pv_console_ring_unsent(&console->ring);

    if (unsent < 0)
        return broken(console);
    if (unsent < (long)OUT_SIZE) {
        console->full_since = 0;
        console->deserted = false;
    } else if (!console->full_since) {
        console->full_since = pv_clock() ?: 1;
        if (thread)
            pv_wake(thread); /* it has a new deadline now */
    }
    return (long)OUT_SIZE - unsent;
}

static void check_deserted(struct pv_console *console)
{
    if (!console->full_since || console->deserted ||
        pv_clock() < console->full_since + DESERTED_PATIENCE || look_for_room(console))
        return;
    console->deserted = nobody_there(console);
    console->full_since = pv_clock(); /* a backend that is only slow gets the same time once more */
    if (console->deserted)
        tell(console);
}

static void happened(void *arg, uint32_t port)
{
    struct pv_console *console = arg;

    if (console->phase == CONNECTED)
        look_for_room(console);
    tell(console);
}

/* ---- handshake ---- */

static void write_state(struct pv_console *console, enum xenbus_state state)
{
    char path[48], now[8];

    pv_format(path, sizeof(path), "device/console/%u/state", console->n);
    /* A node that has been removed must not be made anew. */
    if (pv_store_read(path, now, sizeof(now)) < 0 || pv_store_write(path, "%u", state))
        pv_log("console %u: cannot write state %u", console->n, state);
}

static void stop_watching(struct pv_console *console)
{
    if (console->watch)
        pv_unwatch(console->watch);
    console->watch = NULL;
}

/* It cannot be connected now. The next open tries again. */
static void give_up(struct pv_console *console, int error)
{
    stop_watching(console);
    console->phase = ABSENT;
    console->error = error;
    pv_queue_wake(&console->openers);
}

static void backend_changed(void *arg, const char *path)
{
    look_soon(arg);
}

static int read_node(struct pv_console *console, const char *name, char *value, size_t size)
{
    char path[48];

    pv_format(path, sizeof(path), "device/console/%u/%s", console->n, name);
    return pv_store_read(path, value, size);
}

/* If there is no such node: XenbusStateUnknown, which is_over() takes for closed. */
static uint64_t backend_state(struct pv_console *console)
{
    char path[sizeof(console->backend) + sizeof("/state")];
    uint64_t state;

    pv_format(path, sizeof(path), "%s/state", console->backend);
    return pv_store_read_uint(path, XenbusStateReconfigured, &state) ? XenbusStateUnknown : state;
}

static void start(struct pv_console *console)
{
    char path[sizeof(console->backend) + sizeof("/state")];
    int rc = read_node(console, "backend", console->backend, sizeof(console->backend));

    if (rc < 0) {
        give_up(console, rc == -PV_ENOENT ? -PV_EAGAIN : rc);
        return;
    }
    console->phase = STARTING;
    console->restarted = false;
    pv_format(path, sizeof(path), "%s/state", console->backend);
    rc = pv_watch(path, backend_changed, console, &console->watch); /* calls backend_changed() at once */
    if (rc)
        give_up(console, rc);
}

static void ring_drop(struct pv_console *console)
{
    pv_event_close(console->port);
    if (pv_grant_end(console->ref))
        pv_log("console %u: domain %u keeps a page of ours", console->n, console->remote);
    else
        pv_pages_put(console->ring.page);
    console->ring.page = NULL;
}

static int ring_make(struct pv_console *console, uint16_t remote)
{
    void *page = pv_pages_alloc(1, 1);
    int rc;

    if (!page)
        return -PV_ENOMEM;
    pv_zero(page, PV_PAGE);
    rc = pv_event_alloc(remote, happened, console, &console->port);
    if (rc) {
        pv_pages_put(page);
        return rc;
    }
    rc = pv_grant(remote, pv_frame_of(page), false, &console->ref);
    if (rc) {
        pv_event_close(console->port);
        pv_pages_put(page);
        return rc;
    }
    console->remote = remote;
    console->ring.page = page;
    return 0;
}

/* An empty ring for the backend's domain: a new one, or that of an earlier connection to the same domain. */
static int ring_prepare(struct pv_console *console)
{
    char text[8];
    uint64_t remote;
    int rc = read_node(console, "backend-id", text, sizeof(text));

    if (rc < 0)
        return rc;
    if (pv_parse_uint(text, DOMID_FIRST_RESERVED - 1, &remote))
        return -PV_EINVAL;
    if (console->ring.page && console->remote != remote)
        ring_drop(console);
    rc = console->ring.page ? 0 : ring_make(console, (uint16_t)remote);
    if (rc)
        return rc;
    pv_zero(console->ring.page, sizeof(*console->ring.page));
    pv_console_ring_init(&console->ring, console->ring.page);
    console->full_since = 0;
    console->deserted = false;
    return 0;
}

static int ring_offer(struct pv_console *console)
{
    char path[48];
    int rc = ring_prepare(console);

    if (rc)
        return rc;
    pv_format(path, sizeof(path), "device/console/%u/ring-ref", console->n);
    rc = pv_store_write(path, "%u", console->ref);
    if (rc)
        return rc;
    pv_format(path, sizeof(path), "device/console/%u/port", console->n);
    rc = pv_store_write(path, "%u", console->port);
    if (rc)
        return rc;
    pv_format(path, sizeof(path), "device/console/%u/state", console->n);
    return pv_store_write(path, "%u", XenbusStateInitialised);
}

static void starting(struct pv_console *console)
{
    uint64_t state = backend_state(console);
    int rc;

    if (state == XenbusStateUnknown) {
        give_up(console, -PV_EAGAIN);
        return;
    }
    if (state > XenbusStateInitialised) {
        /*
         * The backend still has the state of an earlier connection. It starts again when it sees the frontend's first
         * state.
         */
        if (!console->restarted)
            write_state(console, XenbusStateInitialising);
        console->restarted = true;
        return;
    }
    console->phase = OFFERED; /* before the offer: the backend may answer at once */
    rc = ring_offer(console);
    if (rc) {
        pv_log("console %u: no ring (%d)", console->n, rc);
        give_up(console, rc);
    }
}

static bool is_over(uint64_t state)
{
    return state == XenbusStateUnknown || state == XenbusStateClosing || state == XenbusStateClosed;
}

static void offered(struct pv_console *console)
{
    uint64_t state = backend_state(console);

    if (is_over(state)) {
        pv_log("console %u: the backend does not connect (state %lu)", console->n, state);
        give_up(console, -PV_EAGAIN);
    } else if (state == XenbusStateConnected) {
        console->phase = CONNECTED;
        pv_queue_wake(&console->openers);
        write_state(console, XenbusStateConnected);
    }
}

static void gone(struct pv_console *console)
{
    if (console->watch) {
        stop_watching(console);
        write_state(console, XenbusStateClosed);
    }
    tell(console);
}

static void connected(struct pv_console *console)
{
    if (!console->n || !is_over(backend_state(console)))
        return;
    pv_log("console %u: its backend has gone", console->n);
    console->phase = GONE;
    gone(console);
}

static void (*const steps[])(struct pv_console *console) = {
    [ABSENT] = start, [STARTING] = starting, [OFFERED] = offered, [CONNECTED] = connected, [GONE] = gone,
};

/* When the thread must look next. 0: now. */
static uint64_t next_look(void)
{
    uint64_t next = PV_FOREVER;

    for (unsigned int i = 0; i < CONSOLES; i++) {
        const struct pv_console *console = &consoles[i];
        uint64_t due = console->full_since + DESERTED_PATIENCE;

        if (console->look)
            return 0;
        if (console->full_since && !console->deserted && console->phase == CONNECTED && due < next)
            next = due;
    }
    return next;
}

static void look_at(struct pv_console *console)
{
    if (console->look) {
        console->look = false;
        steps[console->phase](console);
    }
    if (console->phase == CONNECTED)
        check_deserted(console);
}

static void thread_main(void *arg)
{
    for (;;) {
        uint64_t next = next_look();

        if (next)
            pv_sleep(next);
        for (unsigned int i = 0; i < CONSOLES; i++)
            look_at(&consoles[i]);
    }
}

/* ---- for the flavour ---- */

static int connect(struct pv_console *console)
{
    uint64_t until = pv_clock() + OPEN_PATIENCE;

    if (!console->n)
        return console->phase == CONNECTED ? 0 : -PV_ENODEV;
    if (console->phase == GONE) {
        if (console->watch)
            return -PV_EAGAIN; /* gone() has not run yet */
        console->phase = ABSENT;
    }
    console->error = 0;
    if (console->phase == ABSENT)
        look_soon(console);
    while (console->phase != CONNECTED && !console->error)
        if (pv_queue_wait(&console->openers, until) && console->phase != CONNECTED)
            break;
    if (console->phase == CONNECTED)
        return 0;
    return console->error ? console->error : -PV_EAGAIN;
}

int pv_console_open(unsigned int n, void (*changed)(void *arg), void *arg, struct pv_console **console)
{
    struct pv_console *opened;
    int rc;

    if (n >= CONSOLES)
        return -PV_ENODEV;
    opened = &consoles[n];
    if (opened->open)
        return -PV_EBUSY;
    if (!thread)
        thread = pv_thread_create("consoles", thread_main, NULL, STACK_PAGES);
    if (!thread)
        return -PV_ENOMEM;
    opened->n = n;
    opened->open = true; /* before connect(), which sleeps */
    rc = connect(opened);
    if (rc) {
        opened->open = false;
        return rc;
    }
    opened->changed = changed;
    opened->arg = arg;
    *console = opened;
    return 0;
}

void pv_console_close(struct pv_console *console)
{
    console->changed = NULL;
    console->open = false;
}

long pv_console_read(struct pv_console *console, void *to, size_t size)
{
    long n = pv_console_ring_read(&console->ring, to, size);

    if (n < 0)
        return broken(console);
    if (n > 0)
        pv_event_notify(console->port);
    /* First the caller gets all that the backend has written, then the error. */
    return !n && console->phase == GONE ? -PV_EIO : n;
}

long pv_console_write(struct pv_console *console, const void *from, size_t size)
{
    long n;

    if (console->phase == GONE)
        return -PV_EIO;
    n = pv_console_ring_write(&console->ring, from, size);
    if (n < 0)
        return broken(console);
    if (n > 0)
        pv_event_notify(console->port);
    look_for_room(console);
    if (n || !console->deserted)
        return n;
    console->deserted = nobody_there(console);
    return console->deserted ? (long)size : 0;
}

size_t pv_console_readable(struct pv_console *console)
{
    long n = pv_console_ring_readable(&console->ring);

    if (n < 0)
        broken(console);
    return n < 0 ? 0 : (size_t)n;
}

size_t pv_console_writable(struct pv_console *console)
{
    long room = console->phase == GONE ? 0 : look_for_room(console);

    if (room < 0)
        return 0;
    return !room && console->deserted ? OUT_SIZE : (size_t)room;
}

size_t pv_console_unsent(struct pv_console *console)
{
    long n = console->phase == GONE ? 0 : pv_console_ring_unsent(&console->ring);

    if (n < 0)
        broken(console);
    return n < 0 ? 0 : (size_t)n;
}

bool pv_console_gone(struct pv_console *console)
{
    return console->phase == GONE;
}

/* ---- console 0 and the log ---- */

void pv_console_init(void *page, uint32_t port)
{
    struct pv_console *console = &consoles[0];

    pv_console_ring_init(&console->ring, page);
    console->port = port;
    console->phase = CONNECTED;
    pv_event_listen(port, happened, console); /* if this fails, the ring is still read whenever somebody looks */
}

/* No other thread runs meanwhile, so none can write between two pieces of a line. */
static void pause_log(uint64_t now)
{
    struct sched_poll poll = { .timeout = pv_clock_to_xen(now + LOG_PIECE) };

    HYPERCALL2(sched_op, SCHEDOP_poll, &poll);
}

size_t pv_console_log_write(const char *bytes, size_t size)
{
    static bool stuck; /* the last line did not fit in time: the next one does not wait */
    struct pv_console *console = &consoles[0];
    uint64_t began = 0;
    size_t done = 0;

    if (console->phase != CONNECTED)
        return 0;
    for (;;) {
        long n = pv_console_ring_write(&console->ring, bytes + done, size - done);
        uint64_t now;

        if (n < 0) {
            broken(console);
            return done;
        }
        done += (size_t)n;
        stuck &= !n;
        if (n)
            pv_event_notify(console->port);
        if (done == size || stuck)
            return done;
        now = pv_clock();
        began = began ? began : now;
        stuck = now >= began + LOG_PATIENCE;
        if (stuck)
            return done;
        pause_log(now);
    }
}
