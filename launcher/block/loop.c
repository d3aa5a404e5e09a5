/*
 * loop: Linux's loop devices. See loop.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util.h"

#ifndef LOOP_CONTROL
#define LOOP_CONTROL "/dev/loop-control"
#define LOOP_DEVICE "/dev/loop"
#define LOOPS_IN_USE "/sys/block/loop*/loop"
#endif

/* Others than Xen's scripts take loop devices, too, and may take the one that was free. */
#define TRIES 64

int devices_add(struct devices *devices, dev_t device)
{
    dev_t *more = reallocarray(devices->list, devices->count + 1, sizeof(*more));

    if (!more)
        return -ENOMEM;
    devices->list = more;
    devices->list[devices->count++] = device;
    return 0;
}

bool devices_have(const struct devices *devices, dev_t device)
{
    for (size_t i = 0; i < devices->count; i++)
        if (devices->list[i] == device)
            return true;
    return false;
}

/* 0, or -errno; -EBUSY: somebody else has taken it. */
static int configure(const char *name, int file, const char *path, bool read_only)
{
    struct loop_config config = {.fd = file, .info.lo_flags = read_only ? LO_FLAGS_READ_ONLY : 0};
    cleanup_close int fd = open(name, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    snprintf((char *)config.info.lo_file_name, sizeof(config.info.lo_file_name), "%s", path);
    return ioctl(fd, LOOP_CONFIGURE, &config) ? -errno : 0;
}

int loop_attach(int file, const char *path, bool read_only, char name[LOOP_NAME_SIZE])
{
    cleanup_close int control = open(LOOP_CONTROL, O_RDWR | O_CLOEXEC);
    int rc = -EBUSY;

    if (control < 0)
        return -errno;
    for (int i = 0; i < TRIES && rc == -EBUSY; i++) {
        int number = ioctl(control, LOOP_CTL_GET_FREE);

        rc = number < 0 ? -errno : format_text(name, LOOP_NAME_SIZE, LOOP_DEVICE "%d", number);
        if (!rc)
            rc = configure(name, file, path, read_only);
    }
    return rc;
}

int loop_detach(const char *name)
{
    cleanup_close int fd = -1;
    unsigned int number;

    if (strncmp(name, LOOP_DEVICE, strlen(LOOP_DEVICE)) || parse_uint(name + strlen(LOOP_DEVICE), 1 << 20, &number))
        return -EINVAL;
    fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    return ioctl(fd, LOOP_CLR_FD, 0) ? -errno : 0;
}

/* /sys/block/loopN/loop, which is there while the device is in use. */
static int look_at(const char *sys, dev_t device, ino_t inode, struct devices *found)
{
    char name[LOOP_NAME_SIZE];
    struct loop_info64 info;
    cleanup_close int fd = -1;
    unsigned int number;
    struct stat st;

    if (sscanf(strstr(sys, "/loop"), "/loop%u/", &number) != 1 ||
        format_text(name, sizeof(name), LOOP_DEVICE "%u", number))
        return -EINVAL;
    fd = open(name, O_RDONLY | O_CLOEXEC);
    /* It may be gone by now. */
    if (fd < 0 || fstat(fd, &st) || ioctl(fd, LOOP_GET_STATUS64, &info))
        return errno == ENOENT || errno == ENXIO ? 0 : -errno;
    return info.lo_device == device && info.lo_inode == inode ? devices_add(found, st.st_rdev) : 0;
}

int loop_find(dev_t device, ino_t inode, struct devices *found)
{
    glob_t loops = {0};
    int rc = glob(LOOPS_IN_USE, GLOB_NOSORT, NULL, &loops);

    rc = !rc || rc == GLOB_NOMATCH ? 0 : rc == GLOB_NOSPACE ? -ENOMEM : -EIO;
    for (size_t i = 0; !rc && i < loops.gl_pathc; i++)
        rc = look_at(loops.gl_pathv[i], device, inode, found);
    globfree(&loops);
    return rc;
}
