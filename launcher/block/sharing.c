/*
 * sharing: may a guest have a block device? See sharing.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "sharing.h"

#include <errno.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <xenstore.h>

#include "hotplug.h"
#include "util.h"
#include "xs-read.h"

#define BACKENDS "backend/vbd"

/* The vm nodes ("/vm/UUID") of a domain and of the guest that it is the stub domain of. NULL: none. */
struct vm {
    char *own, *target;
};

static void vm_dispose(struct vm *vm)
{
    free(vm->own);
    free(vm->target);
}

static int vm_read(struct vm *vm, struct xs_handle *xs, const char *domid)
{
    cleanup_free char *target = NULL;
    int rc = hotplug_read_path(xs, &vm->own, "/local/domain/%s/vm", domid);

    if (!rc)
        rc = hotplug_read_path(xs, &target, "/local/domain/%s/target", domid);
    if (!rc && target)
        rc = hotplug_read_path(xs, &vm->target, "/local/domain/%s/vm", target);
    return rc;
}

static bool is_one(const char *a, const char *b)
{
    return a && b && !strcmp(a, b);
}

/*
 * A guest and its stub domain count as one, also in a migration on one host, when there are two of each for a moment.
 */
static bool is_same(const struct vm *a, const struct vm *b)
{
    return is_one(a->own, b->own) || is_one(a->own, b->target) || is_one(a->target, b->own) ||
           is_one(a->target, b->target);
}

/* A folder of backend/vbd: what a domain has. */
struct user {
    struct xs_handle *xs;
    const struct vm *self;
    const struct devices *devices;
    bool writes;
};

static bool is_ours(const struct devices *devices, const char *physical)
{
    unsigned int major, minor;
    int used = -1;

    return sscanf(physical, "%x:%x%n", &major, &minor, &used) == 2 && !physical[used] &&
           devices_have(devices, makedev(major, minor));
}

/* 1: it is in the way. */
static int look_at(const struct user *user, const char *domid, const char *devid)
{
    cleanup_free char *physical = NULL, *mode = NULL;
    struct vm vm = {0};
    int rc = hotplug_read_path(user->xs, &physical, BACKENDS "/%s/%s/physical-device", domid, devid);

    if (rc || !physical || !is_ours(user->devices, physical))
        return rc;
    if (!user->writes)
        rc = hotplug_read_path(user->xs, &mode, BACKENDS "/%s/%s/mode", domid, devid);
    /* Who shares what it writes on purpose ("w!") is not in the way of a reader either. */
    if (rc || (!user->writes && (!mode || !strchr(mode, 'w') || strchr(mode, '!'))))
        return rc;
    rc = vm_read(&vm, user->xs, domid);
    /* A domain that is gone, whose nodes libxl is about to remove, has no vm. */
    if (!rc)
        rc = vm.own && !is_same(user->self, &vm);
    vm_dispose(&vm);
    return rc;
}

static int look_at_all(const struct user *user, const char *domid)
{
    char path[XENSTORE_PATH_MAX];
    unsigned int count = 0;
    cleanup_free char **names = NULL;
    int rc = format_text(path, sizeof(path), BACKENDS "/%s", domid);

    if (rc)
        return rc;
    names = xs_directory(user->xs, XBT_NULL, path, &count);
    if (!names)
        return errno == ENOENT ? 0 : -errno;
    for (unsigned int i = 0; !rc && i < count; i++)
        rc = look_at(user, domid, names[i]);
    return rc;
}

static int find_guest(const struct user *user)
{
    unsigned int count = 0;
    cleanup_free char **names = xs_directory(user->xs, XBT_NULL, BACKENDS, &count);
    int rc = 0;

    if (!names)
        return errno == ENOENT ? 0 : -errno;
    for (unsigned int i = 0; !rc && i < count; i++)
        rc = look_at_all(user, names[i]);
    return rc;
}

/* 1: dom0 has it mounted. */
static int find_mount(const struct devices *devices, bool writes, const char *mounts)
{
    FILE *f = setmntent(mounts, "re");
    struct mntent *mount;
    struct stat st;
    int found = 0;

    if (!f)
        return -errno;
    while (!found && (mount = getmntent(f)))
        if ((writes || !hasmntopt(mount, "ro")) && !stat(mount->mnt_fsname, &st) && S_ISBLK(st.st_mode))
            found = devices_have(devices, st.st_rdev);
    endmntent(f);
    return found;
}

int sharing_find(struct xs_handle *xs, unsigned int domid, const struct devices *devices, bool writes,
                 const char *mounts)
{
    struct vm self = {0};
    struct user user = {.xs = xs, .self = &self, .devices = devices, .writes = writes};
    char name[16];
    int rc;

    if (!devices->count)
        return SHARING_NONE;
    rc = find_mount(devices, writes, mounts);
    if (rc)
        return rc < 0 ? rc : SHARING_DOM0;
    rc = format_text(name, sizeof(name), "%u", domid);
    if (!rc)
        rc = vm_read(&self, xs, name);
    if (!rc)
        rc = find_guest(&user);
    vm_dispose(&self);
    return rc <= 0 ? rc : SHARING_GUEST;
}
