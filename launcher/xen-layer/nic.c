/*
 * Network frontends (pv.h): what xenstore says about a vif, its event channel, and who gets
 * the frames. The rings are in nic-ring.c.
 *
 * The owner opens and closes; whatever waits for the backend after that is done by one thread
 * for all NICs, which alone frees them. So closing does not sleep, and a backend
 * that does not answer delays nobody.
 *
 * Sources: xen/io/netif.h, xen/io/xenbus.h; Linux's xen-netback for what it waits for.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "nic-ring.h"

#include <xen/io/xenbus.h>

#define THREAD_STACK 4                  /* pages */
#define PATH_MAX 160
#define BACKEND_WAIT (5 * PV_SECOND)    /* for the backend to appear, and for it to unmap the rings */
#define RX_BUDGET 256U                  /* frames in one go, before others get the CPU */
/*
 * If nobody has taken a frame for so long (the guest's NIC is down), the frames in the ring are dropped. Otherwise
 * netback, which cannot put a frame there for 60 s, would take the vif's carrier off, and a bridge may need 15 s after
 * that to use the vif again.
 */
#define STALE_AFTER (10 * PV_SECOND)
#define SCRATCH_PAGES ((PV_FRAME_MAX + PV_PAGE - 1) / PV_PAGE)

enum nic_state {
    NIC_OPENING,   /* only pv_nic_open() uses it */
    NIC_CONNECTED,
    NIC_LEAVING,   /* until the backend has unmapped the rings */
    NIC_CLOSED,    /* nothing is shared any more */
};

struct pv_nic {
    struct pv_nic *next;
    unsigned int n;
    enum nic_state state;
    bool published;    /* the backend was told of rings */
    bool closed;       /* its owner has closed it */
    bool changed;      /* the backend's state may have changed */
    bool accept, more; /* more: there are frames that the budget did not allow */
    size_t refused;    /* size of the frame that did not fit; 0: none */
    bool refused_gso;
    size_t gather, untold; /* pv_nic_gather(); octets that the backend is still to hear of */
    uint64_t leave_by, stale_by; /* stale_by: unless frames are accepted before */
    struct nic_ring ring;
    uint32_t port;     /* 0: none */
    struct pv_watch *watch;
    pv_nic_got_fn *got;
    void (*room)(void *arg);
    void *arg;
    uint8_t mac[6];
    char backend[PATH_MAX];
};

static struct pv_nic *nics;
static bool have_thread, work;
static uint64_t thread_until; /* when the thread looks by itself */
static struct pv_queue queue; /* the thread, and who opens one */

/*
 * Received frames are put together here, where no backend can change them. All NICs share it, because nobody sleeps
 * while using it.
 */
static uint8_t *scratch;
static unsigned int scratch_users;

static void wake(void)
{
    work = true;
    pv_queue_wake(&queue);
}

static bool usable(const struct pv_nic *nic)
{
    return nic->state == NIC_CONNECTED && !nic->closed && !nic->ring.broken;
}

/* ---- frames ---- */

static void end_broken(struct pv_nic *nic)
{
    pv_log("vif %u: its backend broke the rules: %s; it is used no longer", nic->n,
           nic->ring.broken);
    wake();
}

static void refill(struct pv_nic *nic)
{
    if (nic_ring_refill(&nic->ring))
        pv_event_notify(nic->port);
}

/* False: there is no frame left, or the ring is broken. */
static bool receive_one(struct pv_nic *nic)
{
    struct pv_frame_info info;
    size_t size;
    int rc = nic_ring_take(&nic->ring, scratch, &info, &size);

    if (rc > 0)
        nic->got(nic->arg, &info, scratch, size);
    if (rc)
        return rc != -PV_EPROTO;
    refill(nic);
    return !nic_ring_rest(&nic->ring);
}

static void receive(struct pv_nic *nic)
{
    unsigned int budget = RX_BUDGET;

    while (nic->accept && budget && receive_one(nic))
        budget--;
    if (nic->ring.broken) {
        end_broken(nic);
        return;
    }
    refill(nic);
    if (!budget) {
        nic->more = true;
        wake();
    }
}

static void look_for_room(struct pv_nic *nic)
{
    bool fits = nic->refused && nic_ring_await_room(&nic->ring, nic->refused, nic->refused_gso);

    if (nic->ring.broken) {
        end_broken(nic);
    } else if (fits) {
        nic->refused = 0;
        nic->room(nic->arg);
    }
}

static void event(void *arg, uint32_t port)
{
    struct pv_nic *nic = arg;

    (void)port;
    if (usable(nic))
        look_for_room(nic);
    if (usable(nic))
        receive(nic);
}

static void expect_stale(struct pv_nic *nic)
{
    nic->stale_by = pv_clock() + STALE_AFTER;
    if (nic->stale_by < thread_until)
        wake();
}

void pv_nic_accept(struct pv_nic *nic, bool accept)
{
    bool before = nic->accept;

    nic->accept = accept;
    if (before && !accept)
        expect_stale(nic);
    if (accept && !before && usable(nic))
        receive(nic);
}

static void discard(struct pv_nic *nic)
{
    struct pv_frame_info info;
    unsigned int budget = RX_BUDGET;
    size_t size;
    int rc;

    do {
        rc = nic_ring_take(&nic->ring, scratch, &info, &size);
        if (!rc)
            refill(nic);
    } while ((rc > 0 || rc == -PV_EINVAL) && --budget);
    if (nic->ring.broken)
        end_broken(nic);
    else
        refill(nic);
    expect_stale(nic);
}

/* A refused frame is tried once more: there may have been room before the backend was asked for a notification. */
static int send(struct pv_nic *nic, const struct pv_frame_info *info, const void *frame,
                size_t size, bool *notify)
{
    int rc = nic_ring_send(&nic->ring, info, frame, size, notify);

    if (rc == -PV_EAGAIN && nic_ring_await_room(&nic->ring, size, info->gso))
        rc = nic_ring_send(&nic->ring, info, frame, size, notify);
    return rc;
}

static void tell(struct pv_nic *nic)
{
    nic->untold = 0;
    pv_event_notify(nic->port);
}

/*
 * On a machine with few CPUs a backend that is notified at once runs at once, and gets one frame at a time. So the
 * notification waits until several frames are there.
 */
static void sent(struct pv_nic *nic, size_t size)
{
    nic->untold += size;
    if (nic->untold > nic->gather)
        tell(nic);
    else if (nic->untold == size)
        wake();
}

void pv_nic_gather(struct pv_nic *nic, size_t octets)
{
    nic->gather = octets;
}

int pv_nic_send(struct pv_nic *nic, const struct pv_frame_info *info, const void *frame,
                size_t size)
{
    bool notify = false;
    int rc;

    if (!usable(nic))
        return -PV_ENODEV;
    rc = send(nic, info, frame, size, &notify);
    if (nic->ring.broken) {
        end_broken(nic);
        return -PV_ENODEV;
    }
    if (notify || (!rc && nic->untold))
        sent(nic, size);
    if (rc == -PV_EAGAIN) {
        nic->refused = size;
        nic->refused_gso = info->gso;
    }
    return rc;
}

unsigned int pv_nic_offloads(struct pv_nic *nic)
{
    return nic->ring.offloads;
}

void pv_nic_mac(struct pv_nic *nic, uint8_t mac[6])
{
    pv_copy(mac, nic->mac, sizeof(nic->mac));
}

/* ---- xenstore ---- */

static void own_path(const struct pv_nic *nic, const char *key, char path[PATH_MAX])
{
    pv_format(path, PATH_MAX, "device/vif/%u/%s", nic->n, key);
}

static int read_own(const struct pv_nic *nic, const char *key, char *value, size_t size)
{
    char path[PATH_MAX];

    own_path(nic, key, path);
    return pv_store_read(path, value, size);
}

static int write_own(const struct pv_nic *nic, const char *key, uint32_t value)
{
    char path[PATH_MAX];

    own_path(nic, key, path);
    return pv_store_write(path, "%u", value);
}

static uint64_t read_backend(const struct pv_nic *nic, const char *key, uint64_t otherwise)
{
    char path[PATH_MAX + 40];
    uint64_t value;

    pv_format(path, sizeof(path), "%s/%s", nic->backend, key);
    return pv_store_read_uint(path, UINT32_MAX, &value) < 0 ? otherwise : value;
}

static uint64_t backend_state(const struct pv_nic *nic)
{
    return read_backend(nic, "state", XenbusStateUnknown);
}

/* Writes the state, unless the toolstack has removed the vif: its nodes must not come back. */
static void set_state(const struct pv_nic *nic, enum xenbus_state state)
{
    char value[8];

    if (read_own(nic, "state", value, sizeof(value)) >= 0 && write_own(nic, "state", state))
        pv_log("vif %u: cannot write its state", nic->n);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int read_mac(struct pv_nic *nic)
{
    char text[sizeof("00:00:00:00:00:00")];

    if (read_own(nic, "mac", text, sizeof(text)) != sizeof(text) - 1)
        return -PV_ENODEV;
    for (unsigned int i = 0; i < sizeof(nic->mac); i++) {
        int high = hex_digit(text[3 * i]), low = hex_digit(text[3 * i + 1]);

        if (high < 0 || low < 0 || text[3 * i + 2] != (i < 5 ? ':' : '\0'))
            return -PV_ENODEV;
        nic->mac[i] = (uint8_t)(high << 4 | low);
    }
    return 0;
}

static void store_changed(void *arg, const char *path)
{
    struct pv_nic *nic = arg;

    (void)path;
    nic->changed = true;
    wake();
}

/* ---- opening ---- */

/* 0, -PV_EAGAIN (the vif is not in xenstore; the toolstack writes all of its nodes at once), or -PV_ENODEV. */
static int read_peer(struct pv_nic *nic)
{
    char id[8];
    uint64_t remote;

    if (read_own(nic, "backend", nic->backend, sizeof(nic->backend)) < 0 ||
        read_own(nic, "backend-id", id, sizeof(id)) < 0)
        return -PV_EAGAIN;
    if (pv_parse_uint(id, DOMID_FIRST_RESERVED - 1, &remote))
        return -PV_ENODEV;
    nic->ring.remote = (uint16_t)remote;
    return read_mac(nic);
}

static int watch_backend(struct pv_nic *nic)
{
    char path[PATH_MAX + 8];

    pv_format(path, sizeof(path), "%s/state", nic->backend);
    return pv_watch(path, store_changed, nic, &nic->watch);
}

static bool backend_waits(const struct pv_nic *nic)
{
    uint64_t state = backend_state(nic);

    return state == XenbusStateInitWait || state == XenbusStateInitialised;
}

/* A backend that has served an earlier connection starts again when it sees our first state. */
static int wait_for_backend(struct pv_nic *nic)
{
    uint64_t until = pv_clock() + BACKEND_WAIT;
    char state[8];
    int rc = 0;

    if (read_own(nic, "state", state, sizeof(state)) < 0 || !pv_streq(state, "1"))
        rc = write_own(nic, "state", XenbusStateInitialising);
    while (!rc) {
        nic->changed = false;
        if (backend_waits(nic))
            break;
        if (!nic->changed && pv_queue_wait(&queue, until))
            rc = -PV_ENODEV;
    }
    return rc;
}

static int read_offloads(struct pv_nic *nic)
{
    struct nic_ring *ring = &nic->ring;

    if (!read_backend(nic, "feature-rx-copy", 0))
        return -PV_ENODEV;
    ring->scatter = read_backend(nic, "feature-sg", 0);
    if (!read_backend(nic, "feature-no-csum-offload", 0))
        ring->offloads |= PV_OFFLOAD_CSUM4;
    if (read_backend(nic, "feature-ipv6-csum-offload", 0))
        ring->offloads |= PV_OFFLOAD_CSUM6;
    if (ring->scatter && read_backend(nic, "feature-gso-tcpv4", 0))
        ring->offloads |= PV_OFFLOAD_GSO4;
    if (ring->scatter && read_backend(nic, "feature-gso-tcpv6", 0))
        ring->offloads |= PV_OFFLOAD_GSO6;
    return 0;
}

/* Writes what netback reads. The state is last, since netback reads the others when it sees it. */
static int publish(struct pv_nic *nic)
{
    const struct { const char *key; uint32_t value; } nodes[] = {
        { "tx-ring-ref", nic->ring.tx_shared.ref },
        { "rx-ring-ref", nic->ring.rx_shared.ref },
        { "event-channel", nic->port },
        { "request-rx-copy", 1 },
        { "feature-rx-notify", 1 },
        { "feature-sg", 1 },
        { "feature-gso-tcpv4", 1 },
        { "feature-gso-tcpv6", 1 },
        { "feature-ipv6-csum-offload", 1 },
        { "state", XenbusStateConnected },
    };
    int rc = 0;

    nic->published = true;
    for (unsigned int i = 0; !rc && i < sizeof(nodes) / sizeof(nodes[0]); i++)
        rc = write_own(nic, nodes[i].key, nodes[i].value);
    return rc;
}

static int scratch_get(void)
{
    if (!scratch)
        scratch = pv_pages_alloc(SCRATCH_PAGES, 1);
    if (!scratch)
        return -PV_ENOMEM;
    scratch_users++;
    return 0;
}

static void scratch_put(void)
{
    if (--scratch_users)
        return;
    pv_pages_put(scratch);
    scratch = NULL;
}

static int connect(struct pv_nic *nic)
{
    int rc = watch_backend(nic);

    if (!rc)
        rc = wait_for_backend(nic);
    if (!rc)
        rc = read_offloads(nic);
    if (!rc)
        rc = nic_ring_init(&nic->ring, nic->ring.remote);
    if (!rc)
        rc = pv_event_alloc(nic->ring.remote, event, nic, &nic->port);
    return rc ? rc : publish(nic);
}

static void nics_thread(void *arg);

static int prepare(void)
{
    if (!have_thread && !pv_thread_create("nics", nics_thread, NULL, THREAD_STACK))
        return -PV_ENOMEM;
    have_thread = true;
    return scratch_get();
}

static struct pv_nic *find(unsigned int n)
{
    struct pv_nic *nic = nics;

    while (nic && nic->n != n)
        nic = nic->next;
    return nic;
}

static void nic_free(struct pv_nic *nic)
{
    scratch_put();
    pv_free(nic);
}

int pv_nic_open(unsigned int n, pv_nic_got_fn *got, void (*room)(void *arg), void *arg,
                struct pv_nic **nic)
{
    struct pv_nic *new = find(n);
    int rc;

    if (new)
        return new->closed ? -PV_EAGAIN : -PV_EBUSY;
    rc = prepare();
    if (rc)
        return rc;
    new = pv_alloc(sizeof(*new));
    if (!new) {
        scratch_put();
        return -PV_ENOMEM;
    }
    *new = (struct pv_nic){ .next = nics, .n = n, .got = got, .room = room, .arg = arg };
    nics = new;
    rc = read_peer(new);
    if (!rc)
        rc = connect(new);
    if (rc) {
        new->state = new->published ? NIC_CONNECTED : NIC_CLOSED;
        pv_nic_close(new);
        return rc;
    }
    new->state = NIC_CONNECTED;
    expect_stale(new);
    *nic = new;
    return 0;
}

/* ---- closing ---- */

void pv_nic_close(struct pv_nic *nic)
{
    nic->closed = true;
    wake();
}

/* Ends what it shares with its backend: rings, event channel, watch. */
static void release(struct pv_nic *nic)
{
    unsigned int held = nic_ring_dispose(&nic->ring);

    if (held)
        pv_log("vif %u: its backend keeps %u pages, which are lost", nic->n, held);
    if (nic->port)
        pv_event_close(nic->port);
    nic->port = 0;
    if (nic->watch)
        pv_unwatch(nic->watch);
    nic->watch = NULL;
}

static bool backend_ended(const struct pv_nic *nic)
{
    uint64_t state = backend_state(nic);

    return state == XenbusStateUnknown || state == XenbusStateClosing || state == XenbusStateClosed;
}

static void leave(struct pv_nic *nic)
{
    nic->state = NIC_LEAVING;
    nic->leave_by = pv_clock() + BACKEND_WAIT;
    nic->changed = true;
    set_state(nic, XenbusStateClosing);
}

/* netback unmaps the rings before it writes Closing. */
static void visit_leaving(struct pv_nic *nic)
{
    nic->changed = false;
    if (!backend_ended(nic) && pv_clock() < nic->leave_by)
        return;
    set_state(nic, XenbusStateClosed);
    release(nic);
    nic->state = NIC_CLOSED;
    /* An owner that waits for room tries again, and gets -PV_ENODEV. */
    if (!nic->closed)
        nic->room(nic->arg);
}

static void visit_connected(struct pv_nic *nic)
{
    bool ended = nic->ring.broken || nic->closed;

    if (nic->untold)
        tell(nic);
    if (!ended && nic->changed) {
        nic->changed = false;
        ended = backend_ended(nic);
        if (ended)
            pv_log("vif %u: its backend has gone", nic->n);
    }
    if (ended) {
        leave(nic);
    } else if (nic->more) {
        nic->more = false;
        receive(nic);
    } else if (!nic->accept && pv_clock() >= nic->stale_by) {
        discard(nic);
    }
}

static void visit(struct pv_nic *nic)
{
    if (nic->state == NIC_CONNECTED)
        visit_connected(nic);
    if (nic->state == NIC_LEAVING && (nic->changed || pv_clock() >= nic->leave_by))
        visit_leaving(nic);
    if (nic->state == NIC_CLOSED && nic->closed)
        release(nic);
}

/* Only this function takes NICs out of the list, and it does not sleep. So a walk over the list may sleep. */
static void sweep(void)
{
    struct pv_nic **at = &nics, *nic;

    while ((nic = *at)) {
        if (nic->state != NIC_CLOSED || !nic->closed || nic->watch) {
            at = &nic->next;
            continue;
        }
        *at = nic->next;
        nic_free(nic);
    }
}

static uint64_t deadline_of(const struct pv_nic *nic)
{
    if (nic->state == NIC_LEAVING)
        return nic->leave_by;
    return nic->state == NIC_CONNECTED && !nic->accept ? nic->stale_by : PV_FOREVER;
}

static uint64_t next_deadline(void)
{
    uint64_t until = PV_FOREVER;

    for (struct pv_nic *nic = nics; nic; nic = nic->next)
        if (deadline_of(nic) < until)
            until = deadline_of(nic);
    return until;
}

static void nics_thread(void *arg)
{
    (void)arg;
    for (;;) {
        thread_until = next_deadline();
        if (!work)
            pv_queue_wait(&queue, thread_until);
        else
            pv_yield();
        work = false;
        for (struct pv_nic *nic = nics; nic; nic = nic->next)
            visit(nic);
        sweep();
    }
}
