/*
 * The daemon's control group (see cgroup.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "cgroup.h"

#include "util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define FOLDER "xen-stubdom"
#define PATH_MAX_LENGTH 160

/* Why these numbers: docs/dom0-daemon.md. */
static const struct { const char *file, *value; } limits[] = {
    { "memory.max", "134217728" },
    { "pids.max", "16" },
};

#define DISK_LIMIT "rbps=67108864 wbps=67108864 riops=4096 wiops=4096"

static int write_file(const char *folder, const char *file, const char *text)
{
    char path[PATH_MAX_LENGTH];
    cleanup_close int fd = -1;

    if (format_text(path, sizeof(path), "%s/%s", folder, file))
        return -ENAMETOOLONG;
    fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

/* Processor time is shared among groups by weight: each guest's daemon has a guest's share. */
static int enable_controllers(const char *folder)
{
    static const char *const controllers[] = { "+memory", "+pids", "+cpu" };
    int rc = 0;

    /* The one that cannot be had does not keep the others away. */
    for (size_t i = 0; i < ARRAY_SIZE(controllers); i++)
        rc = write_file(folder, "cgroup.subtree_control", controllers[i]) ?: rc;
    /* Without it there is no limit of disks, which says so itself. */
    write_file(folder, "cgroup.subtree_control", "+io");
    return rc;
}

/* Of daemons that were killed, with all that waited for their end. One in use is not removed. */
static void remove_unused(const char *folder)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;

    while (dir && (entry = readdir(dir)))
        if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9')
            unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
    if (dir)
        closedir(dir);
}

/* A descriptor that keeps other daemons' remove_unused() away from a group that nobody is in yet. */
static int lock_folder(const char *root, const char *folder)
{
    int rc = enable_controllers(root);
    cleanup_close int fd = -1;

    if (!rc && mkdir(folder, 0755) && errno != EEXIST)
        rc = -errno;
    rc = rc ?: enable_controllers(folder);
    if (rc)
        return rc;
    fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX))
        return -errno;
    return steal_fd(&fd);
}

int cgroup_enter(const char *root, int domid)
{
    char folder[PATH_MAX_LENGTH], group[PATH_MAX_LENGTH];
    int rc = format_text(folder, sizeof(folder), "%s/" FOLDER, root);
    cleanup_close int lock = -1;

    rc = rc ?: format_text(group, sizeof(group), "%s/%d", folder, domid);
    if (rc)
        return rc;
    lock = lock_folder(root, folder);
    if (lock < 0)
        return lock;
    remove_unused(folder);
    if (mkdir(group, 0755) && errno != EEXIST)
        return -errno;
    for (size_t i = 0; i < ARRAY_SIZE(limits) && !rc; i++)
        rc = write_file(group, limits[i].file, limits[i].value);
    return rc ?: write_file(group, "cgroup.procs", "0");
}

/* The first line of FOLDER/FILE, a number and a number. */
static int read_device(const char *folder, const char *file, unsigned int *major, unsigned int *minor)
{
    char path[PATH_MAX_LENGTH];
    FILE *f;
    int n;

    if (format_text(path, sizeof(path), "%s/%s", folder, file))
        return -ENAMETOOLONG;
    f = fopen(path, "re");
    if (!f)
        return -errno;
    n = fscanf(f, "%u:%u", major, minor);
    fclose(f);
    return n == 2 ? 0 : -EINVAL;
}

/* A partition's folder is in its disk's; Linux limits whole disks only. */
static int find_disk(const char *sysfs, dev_t device, unsigned int *major, unsigned int *minor)
{
    char folder[PATH_MAX_LENGTH], partition[PATH_MAX_LENGTH];
    int rc = format_text(folder, sizeof(folder), "%s/dev/block/%u:%u", sysfs, major(device), minor(device));

    rc = rc ?: format_text(partition, sizeof(partition), "%s/partition", folder);
    if (rc)
        return rc;
    rc = read_device(folder, access(partition, F_OK) ? "dev" : "../dev", major, minor);
    return rc == -ENOENT ? -ENODEV : rc;
}

int cgroup_limit_disk(const char *root, const char *sysfs, int domid, dev_t device)
{
    char group[PATH_MAX_LENGTH], text[100];
    unsigned int major, minor;
    int rc = find_disk(sysfs, device, &major, &minor);

    rc = rc ?: format_text(group, sizeof(group), "%s/" FOLDER "/%d", root, domid);
    rc = rc ?: format_text(text, sizeof(text), "%u:%u " DISK_LIMIT, major, minor);
    return rc ?: write_file(group, "io.max", text);
}

void cgroup_leave(const char *root, int domid)
{
    char group[PATH_MAX_LENGTH];

    if (!format_text(group, sizeof(group), "%s/" FOLDER "/%d", root, domid) &&
        !write_file(root, "cgroup.procs", "0"))
        rmdir(group);
}
