/*
 * What the device model core asks of the flavour it runs on: one table of
 * operations. Linux and micro: launcher/stubdom-init/linux-*.c, with micro-*.c for NICs and for giving up root; rump:
 * launcher/stubdom-rump/rump-*.c.
 *
 * Every operation returns 0 (or what it says) or -errno, logs what went wrong
 * itself where it knows more than the errno tells, and does not block unless it
 * says so. The core calls them from the loop's thread only.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef PLATFORM_H
#define PLATFORM_H

#include "frame-filter.h"
#include "loop.h"
#include "stubdom-wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DISK_NONE (-1)

enum qemu_socket { QEMU_SOCKET_QMP, QEMU_SOCKET_VNC };

/* How QEMU ended. */
struct qemu_end {
    bool signalled;
    int code; /* the signal's number, or the exit status */
};

struct platform;

struct platform_ops {
    /*
     * Opens console n for us, raw, to read and write without blocking. -EAGAIN when it is
     * not there yet.
     */
    int (*console_open)(struct platform *platform, unsigned int n, int *fd);
    /* What QEMU's -serial gets for console n. -EAGAIN when it is not there yet. */
    int (*console_chardev)(struct platform *platform, unsigned int n, char *chardev, size_t size);
    /*
     * Joins the vif whose address is in rules to QEMU, so that the guest sends only what
     * they allow (unless the firewall is off); backend gets what -netdev says up to the
     * id, e.g. "tap,fd=5". -EAGAIN when the vif is not there yet.
     */
    int (*nic_attach)(struct platform *platform, unsigned int devid,
                      const struct frame_filter_rules *rules, char *backend, size_t size);
    /* Is the disk (0: xvda) there? 0, or -EAGAIN. */
    int (*disk_check)(struct platform *platform, unsigned int disk);
    /* QEMU inherits fd by the same number; takes it over when it succeeds. */
    int (*qemu_inherit)(struct platform *platform, int fd);
    /*
     * Opens a disk to read, for QEMU to get by its monitor; DISK_NONE: something that
     * stands for an empty drive. -EAGAIN when it is not there yet.
     */
    int (*disk_open)(struct platform *platform, int disk, int *fd);
    /* How many bytes of memory are to be had. */
    uint64_t (*memory_available)(struct platform *platform);
    /*
     * Makes an empty file for QEMU to read, of up to so many bytes, takes no more memory than is
     * written to it, and says by which path QEMU finds it. n (below DM_FILES) tells files apart; an
     * old file n is gone.
     */
    int (*file_create)(struct platform *platform, unsigned int n, uint64_t bytes, char *path, size_t size);
    /* Appends all of it to file n, which there is. */
    int (*file_write)(struct platform *platform, unsigned int n, const void *bytes, size_t size);
    /* Removes all of them. What QEMU has mapped stays with it. */
    void (*files_remove)(struct platform *platform);
    /*
     * Starts QEMU. Its output goes line by line to device_model_qemu_said() and its end
     * to device_model_qemu_ended(), both from the loop. argv is not kept.
     */
    int (*qemu_start)(struct platform *platform, char *const argv[]);
    /* QEMU is up and needs no more privileges than to go on. */
    int (*qemu_confine)(struct platform *platform);
    /* A connection to one of QEMU's sockets: a descriptor that does not block, or -errno. */
    int (*qemu_connect)(struct platform *platform, enum qemu_socket which);
    /* Shuts the guest down with reason "crash". -ESRCH when it is gone already. */
    int (*guest_crash)(struct platform *platform, unsigned int guest);
    /*
     * Tells Xen that the guest is in ACPI sleep state s_state: in 3 (suspended to memory)
     * its CPUs stop, and 0 starts them as their firmware's wake-up does.
     */
    int (*guest_sleep)(struct platform *platform, unsigned int guest, unsigned int s_state);
    /* Ends this domain. Does not return, except in tests. */
    void (*power_off)(struct platform *platform);
};

/* The flavour embeds this at the start of its own state. */
struct platform {
    const struct platform_ops *ops;
    const char *qemu;                             /* argv[0] */
    const char *disk_options;                     /* of -drive: past any cache below QEMU */
    const char *const *qemu_options;              /* its own; NULL-terminated, or NULL */
    const char *qmp_path, *vnc_path;              /* as QEMU names its sockets */
    bool firewall;                                /* for the guest's NICs */
    unsigned int least_memory;                    /* MiB of the whole domain: stubdom-wire.h */
    int memory_signal;                            /* kills QEMU when there is no page for it; 0: none does */
    struct device_model *model;                   /* to report to; set by the core */
};

#endif
