/*
 * The platform of the stub domains whose kernel has Linux's system calls: Linux itself, and the
 * micro flavour's kernel. What its files share.
 *
 * linux-*.c serves both, except where the two kernels differ: there micro-NAME.c takes the place
 * of linux-NAME.c in micro's program, with the same functions.
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

/* Above the highest number of a system call. */
#define LINUX_CALLS 512

#define LINUX_MAX_PASSED_FDS (DM_MAX_NICS + 4)

struct linux_platform {
    struct platform base; /* first: the operations get a pointer to it */
    struct loop *loop;
    pid_t qemu_pid;       /* 0: not running */
    struct loop_fd output, child_signal, uevents;
    struct loop_fd refusals;   /* of system calls */
    bool refused[LINUX_CALLS]; /* by number: true if it was logged */
    /* What QEMU inherits; closed here once it runs. */
    int passed_fds[LINUX_MAX_PASSED_FDS];
    unsigned int passed_count;
    bool taken_vifs[DM_MAX_NICS]; /* by the N of ethN */
    int console_fd;
};

/* The log's console: dom0 has connected it before the kernel starts. */
#define LINUX_CONSOLE "/dev/hvc0"

/*
 * linux-prepare.c, micro-prepare.c: mounts what all other files here expect. *console is set as soon as the console is
 * open, so that later steps can log; it stays -1 if there is none.
 */
void linux_prepare(int *console);
/* In the same files: the platform's least_memory and memory_signal. */
extern const unsigned int linux_least_memory;
extern const int linux_memory_signal;

/* linux-platform.c. 0 or -errno, logged. */
int linux_platform_init(struct linux_platform *platform, struct loop *loop, int console_fd);

/* QEMU will inherit fd, with the same number. Takes fd over. 0 or -ENOSPC. */
int linux_pass_fd(struct linux_platform *platform, int fd);

/* linux-nic.c, micro-nic.c: the operation of platform.h. */
int linux_nic_attach(struct platform *base, unsigned int devid,
                     const struct frame_filter_rules *rules, char *backend, size_t size);

/* linux-tap.c: a new tap for NIC devid; its descriptor, or -errno. */
int linux_tap_open(unsigned int devid);
/* Gives the tap to QEMU; backend is set to what -netdev needs. Takes *tap over (it becomes -1) if it succeeds. */
int linux_tap_pass(struct linux_platform *platform, int *tap, char *backend, size_t size);
/* The program, or one that passes all when the firewall is off. tag_aside: as in frame_filter_build(). */
int linux_firewall_build(const struct platform *base, const struct frame_filter_rules *rules, bool tag_aside,
                         struct frame_filter *firewall);
/* Logs it. */
const char *linux_firewall_kind(const struct platform *base, const struct frame_filter_rules *rules);

/* linux-files.c: operations of platform.h. */
uint64_t linux_memory_available(struct platform *base);
int linux_file_create(struct platform *base, unsigned int n, uint64_t bytes, char *path, size_t size);
int linux_file_write(struct platform *base, unsigned int n, const void *bytes, size_t size);
void linux_files_remove(struct platform *base);

/* linux-qemu.c: the operations of platform.h, and the signal that a child ended. */
int linux_qemu_init(struct linux_platform *platform);
int linux_qemu_start(struct platform *base, char *const argv[]);
int linux_qemu_confine(struct platform *base);
int linux_qemu_connect(struct platform *base, enum qemu_socket which);

/* linux-pci.c, micro-pci.c: the broker's socket, if this kernel has PCI. 0 or -errno. */
int linux_pci_init(struct linux_platform *platform);
/* linux-pci.c: whether this kernel has PCI. */
bool linux_pci_possible(void);

/*
 * linux-sandbox.c, micro-sandbox.c: confine QEMU. The first is called in the parent, before fork(). The second is
 * called in the child, between fork() and execve(), with *socket, which the parent must close after fork() (-1: there
 * is none). 0 or -errno.
 */
int linux_sandbox_prepare(struct linux_platform *platform, int *socket);
int linux_sandbox_enter(int socket);

#endif
