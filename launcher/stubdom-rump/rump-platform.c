/*
 * The rump flavour's files, memory and power-off (platform.h), and the table of its operations.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "rump.h"

#include "guest.h"
#include "log.h"
#include "rump-threads.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

_Static_assert(BOOT_FILES == DM_FILES, "one for each");

bool rump_write_all(int fd, const char *bytes, size_t size)
{
    while (size) {
        ssize_t n = write(fd, bytes, size);

        if (n <= 0)
            return false;
        bytes += n;
        size -= (size_t)n;
    }
    return true;
}

int rump_pipe_open(struct loop *loop, struct loop_fd *read_end, int *write_end)
{
    int ends[2], rc;

    if (pipe(ends) < 0)
        return -errno;
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    read_end->fd = ends[0];
    read_end->events = POLLIN;
    rc = loop_add_fd(loop, read_end);
    if (rc) {
        close(ends[0]);
        close(ends[1]);
        return rc;
    }
    *write_end = ends[1];
    return 0;
}

/* ---- sockets ---- */

static int address_of(const char *path, struct sockaddr_un *address)
{
    memset(address, 0, sizeof(*address));
    address->sun_family = AF_LOCAL;
    if (format_text(address->sun_path, sizeof(address->sun_path), "%s", path))
        return -ENAMETOOLONG;
    address->sun_len = (uint8_t)SUN_LEN(address);
    return 0;
}

int rump_socket_listen(const char *path)
{
    struct sockaddr_un address;
    int rc = address_of(path, &address);
    cleanup_close int fd = rc ? -1 : socket(AF_LOCAL, SOCK_STREAM, 0);

    if (rc)
        return rc;
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, address.sun_len) < 0 || listen(fd, 1) < 0)
        return -errno;
    return steal_fd(&fd);
}

int rump_socket_connect(const char *path)
{
    struct sockaddr_un address;
    int rc = address_of(path, &address);
    cleanup_close int fd = rc ? -1 : socket(AF_LOCAL, SOCK_STREAM | SOCK_NONBLOCK, 0);

    if (rc)
        return rc;
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, address.sun_len) < 0)
        return -errno;
    return steal_fd(&fd);
}

/* ---- files that QEMU reads once ---- */

static uint64_t memory_available(struct platform *base)
{
    return pv_pages_free() * PV_PAGE;
}

static int file_create(struct platform *base, unsigned int n, uint64_t bytes, char *path, size_t size)
{
    int rc = format_text(path, size, "/boot/%u", n);

    return rc ? rc : -host_errno(host_boot_create(n, bytes));
}

static int file_write(struct platform *base, unsigned int n, const void *bytes, size_t size)
{
    return -host_errno(host_boot_append(n, bytes, size));
}

static void files_remove(struct platform *base)
{
    uint64_t before = memory_available(base);

    host_boot_drop();
    log_debug("boot files removed: %llu KiB of memory are available, %llu before",
              (unsigned long long)memory_available(base) >> 10, (unsigned long long)before >> 10);
}

/* ---- the rest ---- */

/* QEMU has all descriptors anyway. But it treats one that closes at exec as its own. */
static int qemu_inherit(struct platform *base, int fd)
{
    return fcntl(fd, F_SETFD, 0) < 0 ? -errno : 0;
}

/* QEMU shares our address space, so it cannot be confined. */
static int qemu_confine(struct platform *base)
{
    return 0;
}

/* Waits a moment, so that dom0 can take the last lines. */
static void power_off(struct platform *base)
{
    pv_sleep(pv_clock() + 50 * PV_MS);
    pv_power_off();
}

/* The bytes do not matter: the core looks again at what it waits for. */
static void devices_changed(void *data, short revents)
{
    struct rump_platform *platform = data;
    char bytes[64];

    while (read(platform->devices.fd, bytes, sizeof(bytes)) > 0)
        ;
    device_model_devices_changed(platform->base.model);
}

static const struct platform_ops rump_ops = {
    .console_open = rump_console_open,
    .console_chardev = rump_console_chardev,
    .nic_attach = rump_nic_attach,
    .disk_check = rump_disk_check,
    .disk_open = rump_disk_open,
    .memory_available = memory_available,
    .file_create = file_create,
    .file_write = file_write,
    .files_remove = files_remove,
    .qemu_inherit = qemu_inherit,
    .qemu_start = rump_qemu_start,
    .qemu_confine = qemu_confine,
    .qemu_connect = rump_qemu_connect,
    .guest_crash = guest_crash,
    .guest_sleep = guest_sleep,
    .power_off = power_off,
};

/*
 * How many octets a local stream socket buffers. With the rump kernel's 4 KiB a screen would take many switches between
 * threads.
 */
#define LOCAL_STREAM_SPACE 65536
extern unsigned long rumpns_unpst_sendspace, rumpns_unpst_recvspace;

/* At most four workers, since the pages of each one's stack are allocated when it starts. */
static const char *const qemu_options[] = { "-object", "main-loop,id=main-loop,thread-pool-max=4", NULL };

int rump_platform_init(struct rump_platform *platform, struct loop *loop)
{
    int notify, rc;

    memset(platform, 0, sizeof(*platform));
    platform->base = (struct platform){
        .ops = &rump_ops,
        .qemu = "qemu-system-i386",
        /* Nothing is cached here anyway, and with O_DIRECT QEMU would copy all data once more to align it. */
        .disk_options = "cache=writeback,aio=threads",
        .qemu_options = qemu_options,
        .qmp_path = "/tmp/qmp",
        .vnc_path = "/tmp/vnc",
        .firewall = true,
        .least_memory = STUBDOM_LEAST_RUMP,
    };
    platform->loop = loop;
    rumpns_unpst_sendspace = rumpns_unpst_recvspace = LOCAL_STREAM_SPACE;
    platform->devices = (struct loop_fd){ .ready = devices_changed, .data = platform };
    rc = rump_pipe_open(loop, &platform->devices, &notify);
    if (!rc)
        rc = rump_disks_init(notify);
    if (!rc)
        rc = rump_qemu_init(platform);
    if (rc)
        log_error("cannot prepare for QEMU: %s", strerror(-rc));
    return rc;
}
