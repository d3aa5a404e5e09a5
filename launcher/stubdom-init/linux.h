/*
 * The Linux stub domain's platform: what its files share.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef LINUX_H
#define LINUX_H

#include "device-model.h"
#include "frame-filter.h"
#include "platform.h"

#include <stdbool.h>
#include <sys/types.h>

/* QEMU runs as this user and group: numbers only, the image has no passwd. */
#define QEMU_UID 100

#define LINUX_MAX_PASSED_FDS (DM_MAX_NICS + 3)

struct linux_platform {
    struct platform base; /* first: the operations get a pointer to it */
    struct loop *loop;
    pid_t qemu_pid;       /* 0: not running */
    struct loop_fd output, child_signal, uevents;
    /* What QEMU inherits; closed here once it runs. */
    int passed_fds[LINUX_MAX_PASSED_FDS];
    unsigned int passed_count;
    bool taken_vifs[DM_MAX_NICS]; /* by the N of ethN */
    int console_fd;
};

/* linux-platform.c. 0 or -errno, logged. */
int linux_platform_init(struct linux_platform *platform, struct loop *loop, int console_fd);

/* Makes fd one of those that QEMU inherits, by the same number; takes it over. 0 or -ENOSPC. */
int linux_pass_fd(struct linux_platform *platform, int fd);

/* linux-nic.c: the operation of platform.h. */
int linux_nic_attach(struct platform *base, unsigned int devid,
                     const struct frame_filter_rules *rules, char *backend, size_t size);

/*
 * linux-tc.c: every frame that interface from receives and the program passes is sent by
 * interface to; every other one is dropped. Both by index. 0 or -errno; after an error
 * less passes, never more.
 */
int linux_tc_connect(int from, const struct frame_filter *filter, int to);

/* linux-guest.c: the operations of platform.h. */
int linux_guest_crash(struct platform *base, unsigned int guest);
int linux_guest_sleep(struct platform *base, unsigned int guest, unsigned int s_state);

/* linux-files.c: operations of platform.h. */
uint64_t linux_memory_available(struct platform *base);
int linux_file_create(struct platform *base, unsigned int n, int *fd, char *path, size_t size);
void linux_files_remove(struct platform *base);

/* linux-qemu.c: the operations of platform.h, and the signal that a child ended. */
int linux_qemu_init(struct linux_platform *platform);
int linux_qemu_start(struct platform *base, char *const argv[]);
int linux_qemu_confine(struct platform *base);
int linux_qemu_connect(struct platform *base, enum qemu_socket which);

/* linux-sandbox.c: run in the child between fork and exec. 0 or -errno. */
int linux_sandbox_enter(void);

#endif
