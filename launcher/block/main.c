/*
 * stubdom-block: the hotplug script of a guest's disks in dom0. See stubdom-block(8).
 *
 * libxl runs it as root for each disk of a guest with a stub domain, and once more for its stub domain, in the place
 * of Xen's `block`. It does what `block` does. Where the host's `block` is not the script that we know, it runs that
 * script.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <xenstore.h>

#include "hotplug.h"
#include "loop.h"
#include "sharing.h"
#include "stock.h"
#include "xen-lock.h"

/* What decides what `block` does; the same in Debian 12's Xen 4.17 and Debian 13's 4.20. */
#ifndef STOCK_FILES
#define STOCK_FILES \
    { "block", 0xa3d94655b5d06a5a }, { "block-common.sh", 0x89c08134476f5fc9 }, \
    { "xen-hotplug-common.sh", 0x102ca3dbe3b91f1b }, { "xen-script-common.sh", 0x3cc74824ec7a0851 }, \
    { "locking.sh", 0x7f3422badfddad6c }
#endif
static const struct stock_file stock_files[] = { STOCK_FILES };

#ifndef XEN_LOCK_DIR
#define XEN_LOCK_DIR "/run/xen-hotplug"
#endif
#ifndef MOUNTS
#define MOUNTS "/proc/mounts"
#endif

#define NAME "stubdom-block"
#define XENBUS_INIT_WAIT "2" /* XenbusStateInitWait: the backend waits for its device */

struct job {
    struct hotplug hotplug;
    char *params, *mode, *physical, *node; /* of xenstore; NULL: there is none */
    char path[PATH_MAX];                   /* what params names, without links */
    bool writes, checked; /* the guest may write; nobody else may have the disk then ("w!": others may) */
};

static void job_dispose(struct job *job)
{
    free(job->params);
    free(job->mode);
    free(job->physical);
    free(job->node);
    if (job->hotplug.xs)
        xs_close(job->hotplug.xs);
}

static int job_read(struct job *job)
{
    const struct {
        const char *node;
        char **value;
    } nodes[] = {
        { "params", &job->params }, { "mode", &job->mode }, { "physical-device", &job->physical },
        { "node", &job->node },
    };
    int rc = 0;

    for (size_t i = 0; !rc && i < ARRAY_SIZE(nodes); i++)
        rc = hotplug_read(&job->hotplug, nodes[i].node, nodes[i].value);
    if (rc || !job->mode)
        return rc;
    job->writes = strchr(job->mode, 'w');
    job->checked = !job->writes || !strchr(job->mode, '!');
    return 0;
}

/* Only returns on failure. */
static int run_stock(const struct job *job)
{
    cleanup_free char *path = stock_path(XEN_SCRIPT_DIR, "block");

    return path ? hotplug_run(&job->hotplug, path) : hotplug_fail(&job->hotplug, "out of memory");
}

/* libxl lets the guest have it. */
static int connect_disk(const struct job *job, const char *path, dev_t device)
{
    const struct hotplug *hotplug = &job->hotplug;
    char text[32];
    int rc = format_text(text, sizeof(text), "%x:%x", major(device), minor(device));

    if (!rc)
        rc = hotplug_write(hotplug, "physical-device", text);
    if (!rc)
        rc = hotplug_write(hotplug, "physical-device-path", path);
    if (!rc)
        rc = hotplug_write(hotplug, "hotplug-status", "connected");
    return rc ? hotplug_fail(hotplug, "cannot tell xenstore of %s", path) : EXIT_SUCCESS;
}

static int check_sharing(const struct job *job, const struct devices *devices)
{
    int rc = job->checked ? sharing_find(job->hotplug.xs, job->hotplug.domid, devices, job->writes, MOUNTS) : 0;

    if (rc < 0)
        return hotplug_fail(&job->hotplug, "%s: cannot find out whether it is in use: %s", job->path, strerror(-rc));
    if (!rc)
        return 0;
    return hotplug_fail(&job->hotplug, "%s: %s%s, so a guest cannot have it%s", job->path,
                        rc == SHARING_DOM0 ? "dom0 has mounted it" : "another guest has it",
                        job->writes ? "" : " for writing", job->writes ? " for writing" : "");
}

static int add_device(const struct job *job, dev_t device)
{
    struct devices devices = {.list = &device, .count = 1};
    int status = check_sharing(job, &devices);

    return status ? status : connect_disk(job, job->path, device);
}

static int open_file(const struct job *job, struct stat *st)
{
    int fd = open(job->path, (job->writes ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);

    if (fd < 0)
        return -errno;
    if (!fstat(fd, st) && S_ISREG(st->st_mode) && (!job->writes || st->st_mode & 0222))
        return fd;
    close(fd);
    return S_ISREG(st->st_mode) ? -EROFS : -ENXIO;
}

/* The loop device is in xenstore before anybody is told of it: who destroys the guest finds it there. */
static int attach(const struct job *job, int file)
{
    const struct hotplug *hotplug = &job->hotplug;
    char loop[LOOP_NAME_SIZE];
    struct stat st;
    int rc = loop_attach(file, job->path, !job->writes, loop);

    if (rc)
        return hotplug_fail(hotplug, "%s: no loop device: %s", job->path, strerror(-rc));
    if (hotplug_write(hotplug, "node", loop) || stat(loop, &st)) {
        loop_detach(loop);
        return hotplug_fail(hotplug, "%s: %s cannot be used", job->path, loop);
    }
    return connect_disk(job, loop, st.st_rdev);
}

static int add_file(const struct job *job)
{
    const struct hotplug *hotplug = &job->hotplug;
    struct devices devices = {0};
    struct stat st = {0};
    cleanup_close int file = open_file(job, &st);
    int rc, status;

    if (file < 0)
        return hotplug_fail(hotplug, "%s: %s", job->path, strerror(-file));
    rc = job->checked ? loop_find(st.st_dev, st.st_ino, &devices) : 0;
    status = rc ? hotplug_fail(hotplug, "%s: cannot look at the loop devices: %s", job->path, strerror(-rc)) :
                  check_sharing(job, &devices);
    free(devices.list);
    return status ? status : attach(job, file);
}

static int add_locked(const struct job *job, const struct stat *st)
{
    cleanup_free char *state = NULL;

    /* libxl may have given up, and be removing the disk's folder. Then nobody would release what we take now. */
    if (hotplug_read(&job->hotplug, "state", &state) || !state || strcmp(state, XENBUS_INIT_WAIT))
        return hotplug_fail(&job->hotplug, "%s: not wanted any more", job->path);
    return S_ISREG(st->st_mode) ? add_file(job) : add_device(job, st->st_rdev);
}

static int add(struct job *job)
{
    struct stat st;
    int lock, status;

    if (job->physical)
        return EXIT_SUCCESS; /* somebody has done it */
    if (!job->mode || !job->params || *job->params != '/')
        return run_stock(job);
    if (!realpath(job->params, job->path) || stat(job->path, &st))
        return hotplug_fail(&job->hotplug, "%s: %s", job->params, strerror(errno));
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
        return hotplug_fail(&job->hotplug, "%s: neither a file nor a block device", job->params);
    lock = xen_lock_take(XEN_LOCK_DIR, "block");
    if (lock < 0)
        return hotplug_fail(&job->hotplug, "no lock in " XEN_LOCK_DIR ": %s", strerror(-lock));
    status = add_locked(job, &st);
    xen_lock_release(XEN_LOCK_DIR, "block", lock);
    return status;
}

/* What Xen's script would look at, the file, may be gone by now; the loop device is not. */
static int remove_disk(const struct job *job)
{
    int lock, rc;

    if (!job->node)
        return EXIT_SUCCESS;
    lock = xen_lock_take(XEN_LOCK_DIR, "block");
    rc = loop_detach(job->node);
    if (lock >= 0)
        xen_lock_release(XEN_LOCK_DIR, "block", lock);
    return rc ? hotplug_fail(&job->hotplug, "cannot detach %s: %s", job->node, strerror(-rc)) : EXIT_SUCCESS;
}

static int run(struct job *job, const char *action)
{
    int rc;

    job->hotplug.xs = xs_open(0);
    if (!job->hotplug.xs)
        return hotplug_fail(&job->hotplug, "no xenstore: %s", strerror(errno));
    if (!stock_is_known(XEN_SCRIPT_DIR, stock_files, ARRAY_SIZE(stock_files), NULL))
        return run_stock(job);
    rc = job_read(job);
    if (rc)
        return hotplug_fail(&job->hotplug, "cannot read %s: %s", job->hotplug.path, strerror(-rc));
    return strcmp(action, "add") ? remove_disk(job) : add(job);
}

int main(int argc, char **argv)
{
    struct job job = {.hotplug = {.program = NAME, .device = getenv("XENBUS_PATH"), .argv = argv}};
    int status;

    hotplug_open_log();
    if (argc != 2 || (strcmp(argv[1], "add") && strcmp(argv[1], "remove")) ||
        hotplug_parse_path(&job.hotplug, "vbd")) {
        fprintf(stderr, NAME ": libxl runs this: add|remove, with XENBUS_PATH\n");
        return EXIT_FAILURE;
    }
    status = run(&job, argv[1]);
    job_dispose(&job);
    return status;
}
