/*
 * Linux's consoles, disks, hotplug events, and the end of the domain (platform.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "guest.h"
#include "linux.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>

#define QEMU "/usr/bin/qemu-system-i386"

static struct linux_platform *of(struct platform *base)
{
    return (struct linux_platform *)base;
}

int linux_pass_fd(struct linux_platform *platform, int fd)
{
    if (platform->passed_count == LINUX_MAX_PASSED_FDS)
        return -ENOSPC;
    platform->passed_fds[platform->passed_count++] = fd;
    return 0;
}

/* An hvc device works when its backend has connected. Before, open() fails with ENODEV or ENXIO. */
static int not_there_yet(int error)
{
    return error == ENOENT || error == ENODEV || error == ENXIO ? -EAGAIN : -error;
}

static int console_open(struct platform *base, unsigned int n, int *console_fd)
{
    char path[DM_PATH_MAX];
    cleanup_close int fd = -1;
    struct termios raw;

    snprintf(path, sizeof(path), "/dev/hvc%u", n);
    fd = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return not_there_yet(errno);
    if (tcgetattr(fd, &raw) < 0)
        return -errno;
    cfmakeraw(&raw);
    if (tcsetattr(fd, TCSANOW, &raw) < 0)
        return -errno;
    *console_fd = steal_fd(&fd);
    return 0;
}

/* QEMU opens a serial port's console itself, and makes it raw. */
static int console_chardev(struct platform *base, unsigned int n, char *chardev, size_t size)
{
    cleanup_close int fd = -1;
    int rc = format_text(chardev, size, "/dev/hvc%u", n);

    if (rc)
        return rc;
    fd = open(chardev, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return not_there_yet(errno);
    return fchown(fd, QEMU_UID, QEMU_UID) < 0 ? -errno : 0;
}

/* devtmpfs makes the node when the driver has connected and knows the size. */
static int disk_check(struct platform *base, unsigned int disk)
{
    char path[DM_PATH_MAX];

    snprintf(path, sizeof(path), "/dev/xvd%c", 'a' + disk);
    if (chown(path, QEMU_UID, QEMU_UID) < 0)
        return errno == ENOENT ? -EAGAIN : -errno;
    return 0;
}

static int qemu_inherit(struct platform *base, int fd)
{
    return linux_pass_fd(of(base), fd);
}

static int disk_open(struct platform *base, int disk, int *fd)
{
    char path[DM_PATH_MAX] = "/dev/null";

    if (disk != DISK_NONE)
        snprintf(path, sizeof(path), "/dev/xvd%c", 'a' + disk);
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    return *fd < 0 ? not_there_yet(errno) : 0;
}

/* Waits a moment, so that dom0 can take the last lines. Not longer: dom0 may have stopped reading. */
static void drain_console(int fd)
{
    for (int i = 0, left; i < 50 && fd >= 0 && !ioctl(fd, TIOCOUTQ, &left) && left; i++)
        usleep(10000);
}

static void power_off(struct platform *base)
{
    drain_console(of(base)->console_fd);
    /* To Xen this is a power-off. RB_POWER_OFF is the same, but the kernel prints a warning before. */
    reboot(RB_HALT_SYSTEM);
    for (;;)
        pause();
}

/* What the events say does not matter: the core looks again at what it waits for. */
static void uevent_arrived(void *data, short revents)
{
    struct linux_platform *platform = data;
    char event[2048];
    bool any = false;

    while (recv(platform->uevents.fd, event, sizeof(event), MSG_DONTWAIT) >= 0 || errno == ENOBUFS)
        any = true;
    if (any)
        device_model_devices_changed(platform->base.model);
}

static int open_uevents(struct linux_platform *platform)
{
    struct sockaddr_nl kernel = { .nl_family = AF_NETLINK, .nl_groups = 1 };
    cleanup_close int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                                  NETLINK_KOBJECT_UEVENT);

    if (fd < 0 || bind(fd, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
        return -errno;
    platform->uevents = (struct loop_fd){ .fd = steal_fd(&fd), .events = POLLIN,
                                          .ready = uevent_arrived, .data = platform };
    return loop_add_fd(platform->loop, &platform->uevents);
}

static const struct platform_ops linux_ops = {
    .console_open = console_open,
    .console_chardev = console_chardev,
    .nic_attach = linux_nic_attach,
    .disk_check = disk_check,
    .disk_open = disk_open,
    .memory_available = linux_memory_available,
    .file_create = linux_file_create,
    .file_write = linux_file_write,
    .files_remove = linux_files_remove,
    .qemu_inherit = qemu_inherit,
    .qemu_start = linux_qemu_start,
    .qemu_confine = linux_qemu_confine,
    .qemu_connect = linux_qemu_connect,
    .guest_crash = guest_crash,
    .guest_sleep = guest_sleep,
    .power_off = power_off,
};

int linux_platform_init(struct linux_platform *platform, struct loop *loop, int console_fd)
{
    int rc;

    memset(platform, 0, sizeof(*platform));
    platform->base = (struct platform){
        .ops = &linux_ops,
        .qemu = QEMU,
        .disk_options = "cache=none,aio=native",
        .qmp_path = "/run/qmp",
        .vnc_path = "/run/vnc",
        .firewall = true,
        .least_memory = linux_least_memory,
        .memory_signal = linux_memory_signal,
    };
    platform->loop = loop;
    platform->console_fd = console_fd;
    rc = open_uevents(platform);
    if (rc)
        log_warning("no hotplug events: %s", strerror(-rc)); /* the core also looks now and then */
    rc = linux_pci_init(platform);
    if (rc)
        log_error("PCI passthrough: %s", strerror(-rc));
    rc = rc ?: linux_qemu_init(platform);
    if (rc)
        log_error("cannot watch children: %s", strerror(-rc));
    return rc;
}
