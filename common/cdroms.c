/*
 * CD drives whose medium changes (cdroms.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "cdroms.h"

#include "log.h"
#include "xs-read.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <xenstore.h>

#define VBD_EXTENDED (1U << 28)
#define VBD_CONNECTED 4 /* XenbusStateConnected */

int vbd_disk(unsigned int devid)
{
    unsigned int major = devid >> 8, minor = devid & 0xff, disk;

    if (devid & VBD_EXTENDED)
        disk = (devid & ~VBD_EXTENDED) >> 8;
    else if (major == 3 || major == 22) /* hda, hdb; hdc, hdd */
        disk = (major == 22 ? 2 : 0) + (minor >> 6);
    else if (major == 8 || major == 202) /* sda…; xvda… */
        disk = minor >> 4;
    else
        return -1;
    return disk < 26 ? (int)disk : -1;
}

bool vbd_is_unserved(struct xs_handle *xs, unsigned int devid)
{
    char path[XENSTORE_PATH_MAX];
    cleanup_free char *backend = NULL;

    snprintf(path, sizeof(path), "device/vbd/%u/backend", devid);
    return !xenstore_read(xs, path, &backend) && strstr(backend, "/backend/qdisk/");
}

static struct cdrom *find(struct cdroms *cdroms, unsigned int devid)
{
    for (unsigned int i = 0; i < cdroms->count; i++)
        if (cdroms->list[i].devid == devid)
            return &cdroms->list[i];
    return NULL;
}

static bool is_cdrom(struct cdroms *cdroms, unsigned int devid)
{
    char path[XENSTORE_PATH_MAX];
    cleanup_free char *type = NULL;

    snprintf(path, sizeof(path), "device/vbd/%u/device-type", devid);
    return !xenstore_read(cdroms->xs, path, &type) && !strcmp(type, "cdrom");
}

/* Whether the drive is ejected: then its backend has no file, and never connects. */
static bool is_empty(struct cdroms *cdroms, unsigned int devid)
{
    char path[XENSTORE_PATH_MAX];
    cleanup_free char *backend = NULL, *params = NULL;

    snprintf(path, sizeof(path), "device/vbd/%u/backend", devid);
    if (xenstore_read(cdroms->xs, path, &backend) ||
        format_text(path, sizeof(path), "%s/params", backend) ||
        xenstore_read(cdroms->xs, path, &params))
        return false;
    return !params[0] || !strcmp(params, "aio:");
}

static unsigned int next_generation(void)
{
    static unsigned int generation;

    return ++generation;
}

static void add(struct cdroms *cdroms, unsigned int devid, enum cdrom_state state)
{
    if (cdroms->count == CDROMS_MAX) {
        log_warning("disk %u: more than %d CD drives", devid, CDROMS_MAX);
        return;
    }
    cdroms->list[cdroms->count++] = (struct cdrom){ .devid = devid, .state = state, .fdset = -1,
                                                    .generation = next_generation() };
}

static void removed(void *data, bool ok, const char *reply)
{
    /* An error means that libxl has removed it already. */
}

/*
 * Removes QEMU's fdset of a medium that has gone. If QEMU uses the medium, its descriptor stays open. This is done at
 * once, because QEMU soon uses the number of a free fdset again.
 */
static void take_back(struct cdroms *cdroms, int fdset)
{
    char command[QMP_COMMAND_MAX];
    int rc;

    if (fdset < 0)
        return;
    snprintf(command, sizeof(command),
             "{\"execute\":\"remove-fd\",\"arguments\":{\"fdset-id\":%d}}", fdset);
    rc = qmp_client_send(cdroms->qmp, command, -1, removed, NULL);
    if (rc)
        log_error("CD drive: QEMU keeps a medium that is no more: %s", strerror(-rc));
}

/* Updates the list from xenstore. New drives get this state. */
static void read_list(struct cdroms *cdroms, enum cdrom_state state)
{
    unsigned int count = 0, devid;
    cleanup_free char **names = xs_directory(cdroms->xs, XBT_NULL, "device/vbd", &count);
    bool present[CDROMS_MAX] = { false };
    unsigned int kept = 0, known = cdroms->count;

    for (unsigned int i = 0; names && i < count; i++) {
        struct cdrom *cdrom;

        if (parse_uint(names[i], UINT32_MAX, &devid))
            continue;
        cdrom = find(cdroms, devid);
        if (!is_cdrom(cdroms, devid))
            continue;
        if (cdrom)
            present[cdrom - cdroms->list] = true;
        else
            add(cdroms, devid, state);
    }
    for (unsigned int i = 0; i < cdroms->count; i++)
        if (i >= known || present[i])
            cdroms->list[kept++] = cdroms->list[i];
        else
            take_back(cdroms, cdroms->list[i].fdset);
    cdroms->count = kept;
}

struct request {
    struct cdroms *cdroms;
    unsigned int devid, generation;
};

/* {"return": {"fd": 17, "fdset-id": 2}} → 2, or -1. */
static int read_fdset(const char *reply)
{
    static const char key[] = "\"fdset-id\": ";
    const char *found = strstr(reply, key);
    unsigned int number;
    char digits[12];

    if (!found)
        return -1;
    found += strlen(key);
    if (format_text(digits, sizeof(digits), "%.*s", (int)strspn(found, "0123456789"), found) ||
        parse_uint(digits, INT_MAX, &number))
        return -1;
    return number;
}

static void added(void *data, bool ok, const char *reply)
{
    cleanup_free struct request *request = data;
    struct cdrom *cdrom = find(request->cdroms, request->devid);
    int fdset = ok ? read_fdset(reply) : -1;

    if (!cdrom || cdrom->generation != request->generation) {
        take_back(request->cdroms, fdset);
        return;
    }
    cdrom->state = CDROM_SERVED; /* also after a failure: libxl notices, since it waits in vain */
    cdrom->fdset = fdset;
    if (ok)
        log_info("CD drive %u: QEMU has the medium", request->devid);
    else
        log_error("CD drive %u: QEMU does not take the medium: %s", request->devid,
                  reply ? reply : "connection lost");
}

/* Is blkfront connected? Before, the node of that name may still be the former disk's. */
static bool is_connected(struct cdroms *cdroms, unsigned int devid)
{
    char path[XENSTORE_PATH_MAX];
    unsigned int state;

    snprintf(path, sizeof(path), "device/vbd/%u/state", devid);
    return !xenstore_read_uint(cdroms->xs, path, 6, &state) && state == VBD_CONNECTED;
}

/* Gives the medium to QEMU. 0, -EAGAIN: the disk is not there yet, or another error. */
static int serve(struct cdroms *cdroms, struct cdrom *cdrom)
{
    bool empty = is_empty(cdroms, cdrom->devid);
    int disk = empty ? DISK_NONE : vbd_disk(cdrom->devid), fd = -1, rc;
    cleanup_free struct request *request = malloc(sizeof(*request));
    char command[QMP_COMMAND_MAX];

    if (!request)
        return -ENOMEM;
    if (!empty && disk < 0)
        return -EINVAL;
    if (vbd_is_unserved(cdroms->xs, cdrom->devid)) {
        log_error("CD drive %u: its backend is qdisk, which nobody serves for a stub domain: "
                  "backendtype=phy is missing in the guest's config", cdrom->devid);
        cdrom->state = CDROM_SERVED;
        return 0;
    }
    if (!empty && !is_connected(cdroms, cdrom->devid))
        return -EAGAIN;
    rc = cdroms->platform->ops->disk_open(cdroms->platform, disk, &fd);
    if (rc)
        return rc;
    *request = (struct request){ cdroms, cdrom->devid, cdrom->generation };
    snprintf(command, sizeof(command),
             "{\"execute\":\"add-fd\",\"arguments\":{\"opaque\":\"stub-devid:%u\"}}", cdrom->devid);
    rc = qmp_client_send(cdroms->qmp, command, fd, added, request);
    if (rc)
        return rc;
    steal_pointer(&request);
    cdrom->state = CDROM_ADDING;
    return 0;
}

void cdroms_init(struct cdroms *cdroms, struct platform *platform, struct xs_handle *xs,
                 struct qmp_client *qmp)
{
    memset(cdroms, 0, sizeof(*cdroms));
    cdroms->platform = platform;
    cdroms->xs = xs;
    cdroms->qmp = qmp;
    read_list(cdroms, CDROM_SERVED);
}

void cdroms_changed(struct cdroms *cdroms, const char *path)
{
    static const char folder[] = "device/vbd/";
    struct cdrom *cdrom;
    unsigned int devid;

    if (strncmp(path, folder, strlen(folder)) ||
        parse_uint(path + strlen(folder), UINT32_MAX, &devid))
        return;
    cdrom = find(cdroms, devid);
    if (!cdrom)
        return;
    take_back(cdroms, cdrom->fdset);
    cdrom->fdset = -1;
    cdrom->state = CDROM_WAITING;
    cdrom->generation = next_generation();
}

bool cdroms_update(struct cdroms *cdroms)
{
    bool waiting = false;

    read_list(cdroms, CDROM_WAITING);
    for (unsigned int i = 0; i < cdroms->count; i++) {
        struct cdrom *cdrom = &cdroms->list[i];
        int rc = cdrom->state == CDROM_WAITING ? serve(cdroms, cdrom) : 0;

        waiting |= rc == -EAGAIN;
        if (rc && rc != -EAGAIN) {
            log_error("CD drive %u: %s", cdrom->devid, strerror(-rc));
            cdrom->state = CDROM_SERVED;
        }
    }
    return waiting;
}
