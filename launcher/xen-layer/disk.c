/*
 * Block frontends (pv.h; xen-vbd-interface(7), xen/io/blkif.h): which disks xenstore names, the
 * connections to their backends, and what users of a disk see of it. disk-ring.c has the ring.
 *
 * All of xenstore is done by one thread, which looks at every disk whenever something has
 * changed: watches, event channels and users only wake it. A disk whose connection ended is buried: its requests fail
 * when the backend has unmapped their pages, or after some time. The disk's memory is freed when the backend has
 * unmapped all pages.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "disk-ring.h"

#include <xen/io/xenbus.h>

#define THREAD_STACK 4                  /* pages */
#define CLOSING_TIME (5 * PV_SECOND)    /* the backend may finish what is under way */
#define BURIAL_TIME (10 * PV_SECOND)    /* requests wait so long for their pages */
#define BURIAL_RETRY (100 * PV_MS)
#define KEPT_MAX 64U                    /* pages of a disk that its backend keeps; more is not faster */
#define NAMES_MAX 2048
#define BACKEND_MAX 256
#define STORE_PATH_MAX (BACKEND_MAX + 64)
#define SECTORS_MAX ((uint64_t)INT64_MAX / 512)
#define VBD_EXTENDED (1U << 28)

struct pv_disk {
    unsigned int users, n;
    struct pv_disk_info info;
    bool live;                 /* connected; requests are taken */
    struct disk_ring ring;
    void *page;                /* the ring's; granted */
    uint32_t page_ref;
    bool listening;            /* port is open */
    uint32_t port;
    struct pv_queue page_queue; /* those who wait for a page */
    uint64_t bury_until;       /* at this time its requests fail in any case */
    bool overdue;              /* the log has it that the backend keeps pages */
    struct pv_disk *next;      /* in the list `buried` */
};

/* A virtual disk that xenstore names. */
enum vbd_state {
    VBD_NONE,       /* xenstore names none */
    VBD_WAITING,    /* for the backend to be ready */
    VBD_CONNECTING, /* we have offered a ring, the backend has not answered */
    VBD_CONNECTED,
    VBD_CLOSING,    /* the backend wants to go; requests under way come to their end */
    VBD_CLOSED,     /* until the toolstack makes a new one */
    VBD_STATES
};
struct vbd {
    enum vbd_state state;
    unsigned int devid;
    bool seen;                 /* in this pass over xenstore */
    uint64_t own_state;        /* what we wrote last; if another state is there, the toolstack has made a new node */
    uint16_t remote;
    char backend[BACKEND_MAX];
    struct pv_watch *watch;    /* of the backend's state */
    struct pv_disk *disk;      /* from VBD_CONNECTING to VBD_CLOSING */
    uint64_t closing_until;
};

static struct vbd vbds[PV_DISKS];
static struct pv_disk *buried;
static struct pv_disk_request *late, **late_last = &late; /* finished; done() is still to be called */
static void (*changed)(void *arg, unsigned int n);
static void *changed_arg;
static bool want_kept;
static struct pv_watch *all_watch;

static struct pv_queue work_queue;
static bool work;

/* Wakes the thread. */
static void work_add(void)
{
    work = true;
    pv_queue_wake(&work_queue);
}

static void store_changed(void *arg, const char *path)
{
    (void)arg;
    (void)path;
    work_add();
}

static char letter(unsigned int n) { return (char)('a' + n); }

/* ---- requests ---- */

static void requests_finish(struct pv_disk_request *finished)
{
    while (finished) {
        struct pv_disk_request *request = finished;

        finished = request->next;
        request->done(request, request->result);
    }
}

/* pv_disk_submit() must not call done(), so the thread does. */
static void requests_finish_later(struct pv_disk_request *finished)
{
    while (finished) {
        struct pv_disk_request *request = finished;

        finished = request->next;
        request->next = NULL;
        *late_last = request;
        late_last = &request->next;
        work_add();
    }
}

static void late_finish(void)
{
    struct pv_disk_request *finished = late;

    late = NULL;
    late_last = &late;
    requests_finish(finished);
}

/* Whole sectors of the backend's, in a page of ours that begins a run: the ring counts as a user of it. */
static bool segment_is_good(const struct pv_disk *disk, const struct pv_disk_segment *segment)
{
    unsigned int mask = disk->info.sector_size - 1;
    void *page = pv_page_of(segment->frame);

    return segment->size && !((segment->offset | segment->size) & mask) &&
           (size_t)segment->offset + segment->size <= PV_PAGE && page && pv_pages_in_run(page) &&
           (segment->ref || !disk->ring.persistent);
}

static int request_check(const struct pv_disk *disk, const struct pv_disk_request *request)
{
    uint64_t bytes = 0, left;

    if (!disk->live || disk->ring.broken)
        return -PV_EIO;
    if (request->op == PV_DISK_FLUSH)
        return disk->info.flush ? 0 : -PV_EOPNOTSUPP;
    if (request->op == PV_DISK_WRITE && disk->info.readonly)
        return -PV_EROFS;
    for (size_t i = 0; i < request->count; i++) {
        if (!segment_is_good(disk, &request->segments[i]))
            return -PV_EINVAL;
        bytes += request->segments[i].size;
    }
    if (request->sector > disk->info.sectors || request->sector % (disk->info.sector_size / 512))
        return -PV_EINVAL;
    left = disk->info.sectors - request->sector;
    return bytes / 512 <= left ? 0 : -PV_EINVAL;
}

void pv_disk_submit(struct pv_disk *disk, struct pv_disk_request *request)
{
    struct pv_disk_request *finished = NULL;

    if (request->op == PV_DISK_FLUSH)
        request->count = 0;
    request->next = NULL;
    request->result = request_check(disk, request);
    if (request->result || (!request->count && request->op != PV_DISK_FLUSH)) {
        requests_finish_later(request);
        return;
    }
    disk_ring_add(&disk->ring, request);
    if (disk_ring_issue(&disk->ring, &finished))
        pv_event_notify(disk->port);
    requests_finish_later(finished);
    if (disk->ring.broken)
        work_add();
}

static void disk_event(void *arg, uint32_t port)
{
    struct pv_disk_request *finished = NULL;
    struct pv_disk *disk = arg;

    disk_ring_take(&disk->ring, &finished);
    if (disk_ring_issue(&disk->ring, &finished))
        pv_event_notify(port);
    if (disk->ring.broken || disk->ring.stopped)
        work_add();
    requests_finish(finished);
}

/* ---- a disk, as its users have it ---- */

struct pv_disk *pv_disk_get(unsigned int n)
{
    if (n >= PV_DISKS || vbds[n].state != VBD_CONNECTED)
        return NULL;
    vbds[n].disk->users++;
    return vbds[n].disk;
}

void pv_disk_put(struct pv_disk *disk)
{
    if (!--disk->users)
        pv_free(disk);
}

void pv_disk_describe(struct pv_disk *disk, struct pv_disk_info *info)
{
    *info = disk->info;
}

struct pv_disk_page *pv_disk_page_get(struct pv_disk *disk, bool wait)
{
    while (!disk->ring.spare && disk->ring.kept >= KEPT_MAX) {
        if (!wait)
            return NULL;
        pv_queue_wait(&disk->page_queue, PV_FOREVER);
    }
    return disk_ring_page_get(&disk->ring);
}

void pv_disk_page_put(struct pv_disk *disk, struct pv_disk_page *page)
{
    disk_ring_page_put(&disk->ring, page);
    pv_queue_wake(&disk->page_queue);
}

/* ---- the end of a connection ---- */

static void disk_unlisten(struct pv_disk *disk)
{
    disk->live = false;
    if (disk->listening)
        pv_event_close(disk->port);
    disk->listening = false;
}

/* The list `buried` takes over the connection's count in users. */
static void disk_abandon(struct pv_disk *disk)
{
    disk_unlisten(disk);
    disk->bury_until = pv_clock() + BURIAL_TIME;
    disk->next = buried;
    buried = disk;
}

/* True: nothing is granted any more. */
static bool disk_bury(struct pv_disk *disk)
{
    bool give_up = pv_clock() >= disk->bury_until, clean;
    struct pv_disk_request *finished = NULL;

    clean = disk_ring_bury(&disk->ring, give_up, &finished);
    requests_finish(finished);
    if (!clean || pv_grant_end(disk->page_ref)) {
        if (give_up && !disk->overdue)
            pv_log("disk xvd%c: its last backend keeps pages of ours", letter(disk->n));
        disk->overdue |= give_up;
        return false;
    }
    pv_pages_put(disk->page);
    return true;
}

static void buried_visit(void)
{
    for (struct pv_disk **at = &buried; *at;) {
        struct pv_disk *disk = *at;

        if (!disk_bury(disk)) {
            at = &disk->next;
            continue;
        }
        *at = disk->next;
        pv_disk_put(disk);
    }
}

/* ---- connecting ---- */

static int store_path(char *path, const char *folder, const char *name)
{
    int n = pv_format(path, STORE_PATH_MAX, "%s/%s", folder, name);

    return n < STORE_PATH_MAX ? 0 : -PV_ERANGE;
}

static int read_uint(const char *folder, const char *name, uint64_t max, uint64_t *value)
{
    char path[STORE_PATH_MAX];
    int rc = store_path(path, folder, name);

    return rc ? rc : pv_store_read_uint(path, max, value);
}

/* A node that may be missing, or nonsense. */
static uint64_t read_optional(const char *folder, const char *name, uint64_t max, uint64_t missing)
{
    uint64_t value;

    return read_uint(folder, name, max, &value) < 0 ? missing : value;
}

static void own_folder(char *path, const struct vbd *vbd)
{
    pv_format(path, STORE_PATH_MAX, "device/vbd/%u", vbd->devid);
}

static int write_uint(const struct vbd *vbd, const char *name, uint32_t value)
{
    char path[STORE_PATH_MAX];

    pv_format(path, sizeof(path), "device/vbd/%u/%s", vbd->devid, name);
    return pv_store_write(path, "%u", value);
}

static int write_state(struct vbd *vbd, unsigned int state)
{
    int rc = write_uint(vbd, "state", state);

    if (!rc)
        vbd->own_state = state;
    return rc;
}

static int write_protocol(const struct vbd *vbd)
{
    char path[STORE_PATH_MAX];

    pv_format(path, sizeof(path), "device/vbd/%u/protocol", vbd->devid);
    return pv_store_write(path, "x86_64-abi");
}

/* The ring is granted, the port open; nothing is in xenstore. NULL: no memory, or Xen refused. */
static struct pv_disk *disk_create(const struct vbd *vbd)
{
    struct pv_disk *disk = pv_alloc(sizeof(*disk));
    void *page = pv_pages_alloc(1, 1);

    if (!disk || !page || pv_grant(vbd->remote, pv_frame_of(page), false, &disk->page_ref)) {
        pv_free(disk);
        if (page)
            pv_pages_put(page);
        return NULL;
    }
    disk->users = 1;
    disk->n = (unsigned int)(vbd - vbds);
    disk->page = page;
    disk_ring_init(&disk->ring, page, vbd->remote, (uint16_t)vbd->devid);
    if (pv_event_alloc(vbd->remote, disk_event, disk, &disk->port)) {
        disk_abandon(disk);
        return NULL;
    }
    disk->listening = true;
    return disk;
}

static int describe_connection(struct vbd *vbd)
{
    int rc = write_uint(vbd, "ring-ref", vbd->disk->page_ref);

    if (!rc)
        rc = write_uint(vbd, "event-channel", vbd->disk->port);
    if (!rc)
        rc = write_protocol(vbd);
    if (!rc && want_kept)
        rc = write_uint(vbd, "feature-persistent", 1);
    if (!rc)
        rc = write_state(vbd, XenbusStateInitialised);
    return rc;
}

/* The disk went, or cannot be connected. Users get -PV_EIO from now on. */
static void vbd_end(struct vbd *vbd, bool say_closed)
{
    unsigned int n = (unsigned int)(vbd - vbds);
    bool was_there = vbd->state == VBD_CONNECTED;

    vbd->state = VBD_CLOSED;
    if (vbd->disk)
        disk_unlisten(vbd->disk);
    if (was_there) {
        pv_log("disk xvd%c: gone", letter(n));
        changed(changed_arg, n);
    }
    /* The backend unmaps all pages when it sees this state. */
    if (say_closed && write_state(vbd, XenbusStateClosed))
        pv_log("disk xvd%c: cannot tell its backend that it is closed", letter(n));
    if (vbd->disk)
        disk_abandon(vbd->disk);
    vbd->disk = NULL;
}

static void vbd_connect(struct vbd *vbd)
{
    int rc;

    vbd->disk = disk_create(vbd);
    rc = vbd->disk ? describe_connection(vbd) : -PV_ENOMEM;
    if (!rc) {
        vbd->state = VBD_CONNECTING;
        return;
    }
    pv_log("disk xvd%c: cannot connect: %d", letter((unsigned int)(vbd - vbds)), rc);
    vbd_end(vbd, true);
}

static bool backend_has(const struct vbd *vbd, const char *feature)
{
    return read_optional(vbd->backend, feature, 1, 0);
}

static void read_features(const struct vbd *vbd, struct disk_ring *ring)
{
    uint64_t indirect = read_optional(vbd->backend, "feature-max-indirect-segments", UINT32_MAX, 0);

    ring->max_indirect = indirect < DISK_INDIRECT_MAX ? (unsigned int)indirect : DISK_INDIRECT_MAX;
    if (backend_has(vbd, "feature-flush-cache"))
        ring->flush_op = BLKIF_OP_FLUSH_DISKCACHE;
    else if (backend_has(vbd, "feature-barrier"))
        ring->flush_op = BLKIF_OP_WRITE_BARRIER;
    ring->persistent = want_kept && backend_has(vbd, "feature-persistent");
}

/* 0, or -PV_EPROTO: the backend's values make no sense. 0 sectors: a drive without a medium. */
static int read_geometry(const struct vbd *vbd, struct pv_disk_info *info)
{
    uint64_t sectors, size, flags;

    if (read_uint(vbd->backend, "sectors", SECTORS_MAX, &sectors) < 0)
        return -PV_EPROTO;
    size = read_optional(vbd->backend, "sector-size", UINT32_MAX, 512);
    flags = read_optional(vbd->backend, "info", UINT32_MAX, 0);
    if (size < 512 || size > PV_PAGE || size & (size - 1) || sectors % (size / 512))
        return -PV_EPROTO;
    *info = (struct pv_disk_info){
        .sectors = sectors,
        .sector_size = (unsigned int)size,
        .readonly = flags & VDISK_READONLY,
        .removable = flags & (VDISK_CDROM | VDISK_REMOVABLE),
    };
    return 0;
}

static void vbd_connected(struct vbd *vbd)
{
    unsigned int n = (unsigned int)(vbd - vbds);
    struct pv_disk *disk = vbd->disk;
    int rc = read_geometry(vbd, &disk->info);

    if (!rc) {
        read_features(vbd, &disk->ring);
        disk->info.flush = disk->ring.flush_op;
        rc = write_state(vbd, XenbusStateConnected);
    }
    if (rc) {
        pv_log("disk xvd%c: its backend is not usable: %d", letter(n), rc);
        vbd_end(vbd, true);
        return;
    }
    disk->live = true;
    vbd->state = VBD_CONNECTED;
    pv_log("disk xvd%c: %lu sectors of 512 bytes%s", letter(n), disk->info.sectors,
           disk->info.readonly ? ", read-only" : "");
    changed(changed_arg, n);
}

/* ---- a disk's states; peer: its backend's, of enum xenbus_state ---- */

static void vbd_waiting(struct vbd *vbd, uint64_t peer)
{
    if (peer == XenbusStateInitWait)
        vbd_connect(vbd);
    else if (peer == XenbusStateClosing) /* the toolstack waits for our answer */
        vbd_end(vbd, true);
}

static void vbd_connecting(struct vbd *vbd, uint64_t peer)
{
    if (vbd->disk->ring.broken || peer == XenbusStateUnknown || peer >= XenbusStateClosing)
        vbd_end(vbd, true);
    else if (peer == XenbusStateConnected)
        vbd_connected(vbd);
}

/* The backend still finishes what is under way. So these requests get its answers. */
static void vbd_begin_closing(struct vbd *vbd)
{
    struct pv_disk_request *finished = NULL;
    unsigned int n = (unsigned int)(vbd - vbds);

    vbd->state = VBD_CLOSING;
    vbd->closing_until = pv_clock() + CLOSING_TIME;
    vbd->disk->live = false;
    disk_ring_stop(&vbd->disk->ring, &finished);
    pv_log("disk xvd%c: goes", letter(n));
    changed(changed_arg, n);
    requests_finish(finished);
    work_add();
}

static void vbd_online(struct vbd *vbd, uint64_t peer)
{
    if (vbd->disk->ring.broken) {
        pv_log("disk xvd%c: its backend broke the rules", letter((unsigned int)(vbd - vbds)));
        vbd_end(vbd, true);
    } else if (peer == XenbusStateClosing) {
        vbd_begin_closing(vbd);
    } else if (peer != XenbusStateConnected) {
        vbd_end(vbd, true);
    }
}

static void vbd_closing(struct vbd *vbd, uint64_t peer)
{
    const struct disk_ring *ring = &vbd->disk->ring;

    if (ring->broken || !ring->busy || peer != XenbusStateClosing || pv_clock() >= vbd->closing_until)
        vbd_end(vbd, true);
}

static void (*const vbd_steps[VBD_STATES])(struct vbd *vbd, uint64_t peer) = {
    [VBD_WAITING] = vbd_waiting, [VBD_CONNECTING] = vbd_connecting,
    [VBD_CONNECTED] = vbd_online, [VBD_CLOSING] = vbd_closing,
};

/* ---- what xenstore says ---- */

/* The disk's number, as in vbd_disk() of the launcher: hda, sda and xvda are all disk 0. -1: it has none. */
static int vbd_number(unsigned int devid)
{
    unsigned int major = devid >> 8, minor = devid & 0xff, disk;

    if (devid & VBD_EXTENDED)
        disk = (devid & ~VBD_EXTENDED) >> 8;
    else if (major == 3 || major == 22)
        disk = (major == 22 ? 2 : 0) + (minor >> 6);
    else if (major == 8 || major == 202)
        disk = minor >> 4;
    else
        return -1;
    return disk < PV_DISKS ? (int)disk : -1;
}

/* xenstore does not have this disk any more, or has a new one in its place. */
static void vbd_forget(struct vbd *vbd)
{
    vbd_end(vbd, false);
    if (vbd->watch)
        pv_unwatch(vbd->watch);
    pv_zero(vbd, sizeof(*vbd));
}

static int find_backend(struct vbd *vbd)
{
    char folder[STORE_PATH_MAX], path[STORE_PATH_MAX];
    uint64_t remote;
    int rc;

    own_folder(folder, vbd);
    rc = read_uint(folder, "backend-id", DOMID_FIRST_RESERVED - 1, &remote);
    if (rc < 0)
        return rc;
    vbd->remote = (uint16_t)remote;
    store_path(path, folder, "backend");
    rc = pv_store_read(path, vbd->backend, sizeof(vbd->backend));
    if (rc <= 0)
        return rc ? rc : -PV_ENOENT;
    rc = store_path(path, vbd->backend, "state");
    return rc ? rc : pv_watch(path, store_changed, NULL, &vbd->watch);
}

static void vbd_begin(struct vbd *vbd, unsigned int devid)
{
    vbd->devid = devid;
    vbd->state = VBD_WAITING;
}

static void vbd_visit(struct vbd *vbd)
{
    unsigned int devid = vbd->devid;
    char folder[STORE_PATH_MAX];
    uint64_t state = 0, peer = 0;
    int rc;

    own_folder(folder, vbd);
    rc = read_uint(folder, "state", XenbusStateReconfigured, &state);
    if (rc < 0 && rc != -PV_ENOENT)
        return;
    if (vbd->own_state && state != vbd->own_state) {
        vbd_forget(vbd);
        vbd_begin(vbd, devid);
    }
    if (!vbd->watch && find_backend(vbd) < 0)
        return;
    rc = read_uint(vbd->backend, "state", XenbusStateReconfigured, &peer);
    if (rc < 0 && rc != -PV_ENOENT)
        return;
    if (vbd_steps[vbd->state])
        vbd_steps[vbd->state](vbd, peer);
}

static void vbd_found(const char *name)
{
    uint64_t devid;
    struct vbd *vbd;
    int n;

    if (pv_parse_uint(name, UINT32_MAX, &devid))
        return;
    n = vbd_number((unsigned int)devid);
    if (n < 0)
        return;
    vbd = &vbds[n];
    if (vbd->state == VBD_NONE)
        vbd_begin(vbd, (unsigned int)devid);
    if (vbd->devid == devid)
        vbd->seen = true;
}

static void vbds_visit(void)
{
    static char names[NAMES_MAX];
    int size = pv_store_list("device/vbd", names, sizeof(names));

    if (size < 0 && size != -PV_ENOENT) {
        pv_log("disks: cannot read device/vbd: %d", size);
        return;
    }
    for (unsigned int n = 0; n < PV_DISKS; n++)
        vbds[n].seen = false;
    for (int at = 0; at < size; at += (int)pv_strlen(names + at) + 1)
        vbd_found(names + at);
    for (unsigned int n = 0; n < PV_DISKS; n++) {
        if (vbds[n].state != VBD_NONE && !vbds[n].seen)
            vbd_forget(&vbds[n]);
        if (vbds[n].state != VBD_NONE)
            vbd_visit(&vbds[n]);
    }
}

/* ---- the thread ---- */

/* When a disk has had its time to close. */
static uint64_t next_closing(void)
{
    uint64_t until = PV_FOREVER;

    for (unsigned int n = 0; n < PV_DISKS; n++)
        if (vbds[n].state == VBD_CLOSING && vbds[n].closing_until < until)
            until = vbds[n].closing_until;
    return until;
}

static uint64_t next_burial(void)
{
    uint64_t until = PV_FOREVER;

    for (struct pv_disk *disk = buried; disk; disk = disk->next) {
        uint64_t retry = pv_clock() + BURIAL_RETRY * (disk->overdue ? 10 : 1);

        if (retry < until)
            until = retry;
    }
    return until;
}

static void wait_for_work(void)
{
    uint64_t closing = next_closing(), burial = next_burial();

    if (!work)
        pv_queue_wait(&work_queue, closing < burial ? closing : burial);
}

static void disks_thread(void *arg)
{
    (void)arg;
    for (;;) {
        bool look;

        wait_for_work();
        look = work || next_closing() <= pv_clock();
        work = false;
        late_finish();
        if (look)
            vbds_visit();
        buried_visit();
    }
}

int pv_disks_init(void (*on_change)(void *arg, unsigned int n), void *arg, bool keep)
{
    int rc;

    want_kept = keep;
    changed = on_change;
    changed_arg = arg;
    rc = pv_watch("device/vbd", store_changed, NULL, &all_watch);
    if (rc)
        return rc;
    if (pv_thread_create("disks", disks_thread, NULL, THREAD_STACK))
        return 0;
    pv_unwatch(all_watch);
    return -PV_ENOMEM;
}
