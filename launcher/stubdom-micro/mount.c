/*
 * mount() and umount2() as the launcher uses them. There is only one tree, so a mount is just a mark on a folder: what
 * is below does not belong to the root's file system.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "files.h"

#include <linux/mount.h>

#define MNT_DETACH 2U

static int mount_folder(uintptr_t path, struct node **folder)
{
    struct found found;
    int rc = node_find(AT_FDCWD, path, WALK_FOLLOW, &found);

    if (!rc && (found.node->mode & S_IFMT) != S_IFDIR)
        rc = -ENOTDIR;
    if (!rc)
        *folder = found.node;
    return rc;
}

static long remount(struct node *folder, unsigned long flags)
{
    if (folder != node_root())
        return -EINVAL;
    nodes_freeze(flags & MS_RDONLY);
    return 0;
}

/* A tmpfs has no limit of its own. The folder must be empty, because a mark does not hide anything. */
static long mount_tmpfs(struct node *folder)
{
    if (folder->mounted || folder->children)
        return -EBUSY;
    folder->mounted = true;
    return 0;
}

/* /dev and /proc are the kernel's own, and marked from the start (dev_misc_init()). */
static bool is_own(const struct node *folder)
{
    return folder->parent == node_root() &&
           (pv_streq(folder->name, "dev") || pv_streq(folder->name, "proc"));
}

/*
 * File systems on a device or in a file are not supported. As on Linux a source that does not exist is reported first.
 */
static long mount_source(uintptr_t source)
{
    struct found found;
    int rc = source ? node_find(AT_FDCWD, source, WALK_FOLLOW, &found) : 0;

    return rc ? rc : -ENODEV;
}

long sys_mount(const unsigned long a[6])
{
    struct node *folder;
    char type[32];
    long rc;

    if (task_uid() != MICRO_ROOT)
        return -EPERM;
    rc = mount_folder(a[1], &folder);
    if (rc)
        return rc;
    if (a[3] & MS_REMOUNT)
        return remount(folder, a[3]);
    if (a[3] & (MS_BIND | MS_MOVE | MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE))
        return -EINVAL;
    rc = a[2] ? user_string(type, a[2], sizeof(type)) : -EINVAL;
    if (rc < 0)
        return rc;
    if (pv_streq(type, "tmpfs"))
        return mount_tmpfs(folder);
    if (pv_streq(type, "devtmpfs") || pv_streq(type, "proc"))
        return is_own(folder) ? -EBUSY : -ENODEV;
    return mount_source(a[0]);
}

/*
 * Removes the names; open and mapped files live on. From the bottom up and without recursion, because the tree may be
 * deep.
 */
static void empty_folder(struct node *folder)
{
    struct node *at = folder;

    while (at != folder || at->children) {
        struct node *parent = at->parent;

        if (at->children) {
            at = at->children;
            continue;
        }
        node_unlink(at);
        at = parent;
    }
}

long sys_umount2(const unsigned long a[6])
{
    struct node *folder;
    int rc;

    if (task_uid() != MICRO_ROOT)
        return -EPERM;
    rc = mount_folder(a[0], &folder);
    if (rc)
        return rc;
    if (!folder->mounted || (a[1] & ~(unsigned long)MNT_DETACH))
        return -EINVAL;
    if (folder == node_root() || is_own(folder))
        return -EBUSY;
    if (!(a[1] & MNT_DETACH) && folder->children)
        return -EBUSY;
    empty_folder(folder);
    folder->mounted = false;
    return 0;
}
