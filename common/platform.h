/*
 * What the device model core needs of a flavour: a table of operations. Linux and micro:
 * launcher/stubdom-init/linux-*.c, with micro-*.c for NICs and for giving up root; rump:
 * launcher/stubdom-rump/rump-*.c.
 *
 * Every operation returns 0, or what its comment says, or -errno. It logs what went wrong itself where the errno would
 * not say enough. It does not block unless its comment says so. The core calls them from the loop's thread only.
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
     * Opens console n for the core: raw, non-blocking, to read and write. -EAGAIN: it is not there yet.
     */
    int (*console_open)(struct platform *platform, unsigned int n, int *fd);
    /* The value of QEMU's -serial for console n. -EAGAIN: it is not there yet. */
    int (*console_chardev)(struct platform *platform, unsigned int n, char *chardev, size_t size);
    /*
     * Joins the vif whose address is in rules to QEMU. The guest can only send what the rules allow, unless the
     * firewall is off. backend: what -netdev needs except the id, e.g. "tap,fd=5". -EAGAIN: the vif is not there yet.
     */
    int (*nic_attach)(struct platform *platform, unsigned int devid,
                      const struct frame_filter_rules *rules, char *backend, size_t size);
    /* Is the disk (0: xvda) there? 0, or -EAGAIN. */
    int (*disk_check)(struct platform *platform, unsigned int disk);
    /* QEMU will inherit fd, with the same number. Takes fd over if it succeeds. */
    int (*qemu_inherit)(struct platform *platform, int fd);
    /*
     * Opens a disk for reading, to be passed to QEMU through its monitor. DISK_NONE: opens a stand-in for an empty
     * drive. -EAGAIN: it is not there yet.
     */
    int (*disk_open)(struct platform *platform, int disk, int *fd);
    /* How many bytes of memory are available. */
    uint64_t (*memory_available)(struct platform *platform);
    /*
     * Makes an empty file for QEMU to read, for up to so many bytes, in place of an old file n (below DM_FILES). It
     * takes memory only for what is written. path: its name for QEMU.
     */
    int (*file_create)(struct platform *platform, unsigned int n, uint64_t bytes, char *path, size_t size);
    /* Appends all bytes to file n, which must exist. */
    int (*file_write)(struct platform *platform, unsigned int n, const void *bytes, size_t size);
    /* Removes all files. QEMU keeps what it has mapped. */
    void (*files_remove)(struct platform *platform);
    /*
     * Starts QEMU. Its output goes line by line to device_model_qemu_said() and its end
     * to device_model_qemu_ended(), both from the loop. argv is not kept.
     */
    int (*qemu_start)(struct platform *platform, char *const argv[]);
    /* QEMU has started: takes the privileges away that it needed only for that. */
    int (*qemu_confine)(struct platform *platform);
    /* Connects to one of QEMU's sockets. A non-blocking descriptor, or -errno. */
    int (*qemu_connect)(struct platform *platform, enum qemu_socket which);
    /* Shuts the guest down with reason "crash". -ESRCH when it is gone already. */
    int (*guest_crash)(struct platform *platform, unsigned int guest);
    /*
     * Tells Xen that the guest is in ACPI sleep state s_state. 3 (suspend to memory) stops its CPUs; 0 starts them
     * where the firmware wakes up.
     */
    int (*guest_sleep)(struct platform *platform, unsigned int guest, unsigned int s_state);
    /* Ends this domain. Does not return, except in tests. */
    void (*power_off)(struct platform *platform);
};

/* The flavour embeds this at the start of its own state. */
struct platform {
    const struct platform_ops *ops;
    const char *qemu;                             /* argv[0] */
    const char *disk_options;                     /* for -drive: they bypass any cache below QEMU */
    const char *const *qemu_options;              /* the flavour's own options; NULL-terminated, or NULL */
    const char *qmp_path, *vnc_path;              /* QEMU's sockets */
    bool firewall;                                /* for the guest's NICs */
    unsigned int least_memory;                    /* MiB for the whole domain, of stubdom-wire.h */
    int memory_signal;                            /* the signal that kills QEMU when there is no memory; 0: none does */
    struct device_model *model;                   /* whom to report to; set by the core */
};

#endif
