/*
 * The rump flavour's platform: what its files share (common/platform.h). Needs NetBSD's headers.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RUMP_H
#define RUMP_H

#include "device-model.h"
#include "host.h"
#include "platform.h"

struct rump_platform {
    struct platform base; /* first: the operations get a pointer to it */
    struct loop *loop;
    struct loop_fd output; /* what QEMU says */
    struct loop_fd ended;  /* how it ended */
    struct loop_fd devices; /* a disk came or went */
};

/* rump-platform.c. 0 or -errno, logged. */
int rump_platform_init(struct rump_platform *platform, struct loop *loop);

/* A pipe whose read end does not block and is in the loop. *write_end, too, does not block. 0 or -errno. */
int rump_pipe_open(struct loop *loop, struct loop_fd *read_end, int *write_end);

/* The operations of platform.h; rump-console.c */
int rump_console_open(struct platform *base, unsigned int n, int *fd);
int rump_console_chardev(struct platform *base, unsigned int n, char *chardev, size_t size);

/* rump-disk.c. init: notify is written to when a disk comes or goes. */
int rump_disks_init(int notify);
int rump_disk_check(struct platform *base, unsigned int disk);
int rump_disk_open(struct platform *base, int disk, int *fd);

/* rump-nic.c */
int rump_nic_attach(struct platform *base, unsigned int devid, const struct frame_filter_rules *rules,
                    char *backend, size_t size);

/* rump-qemu.c */
int rump_qemu_init(struct rump_platform *platform);
int rump_qemu_start(struct platform *base, char *const argv[]);
int rump_qemu_connect(struct platform *base, enum qemu_socket which);

/* A socket at a path: bound and listening, or connected to it. A descriptor or -errno. */
int rump_socket_listen(const char *path);
int rump_socket_connect(const char *path);

#endif
