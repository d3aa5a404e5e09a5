/*
 * Turns the arguments that libxl wrote for QEMU into those that QEMU can work with
 * inside a stub domain. Pure functions: nothing here opens, waits or logs.
 *
 * It takes these steps, because devices appear in between:
 *   1. dm_argv_scan() says what the arguments need (disks, NICs, consoles);
 *   2. the caller makes that available and fills in the answers;
 *   3. dm_argv_rewrite() writes QEMU's final arguments.
 * What is done to which option and why is one table in dm-argv.c; an option that is
 * not in it passes through untouched.
 *
 * Source of the arguments: libxl__build_device_model_args_new() of Xen 4.14–4.20.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_ARGV_H
#define DM_ARGV_H

#include "str-list.h"

#include <stdbool.h>

#define DM_MAX_DISKS 26   /* /dev/xvda … /dev/xvdz: libxl names no more */
#define DM_MAX_NICS 32
#define DM_MAX_ROMS 4     /* that many of them can be booted from */
#define DM_MAX_SERIALS 8
#define DM_NIC_ARG_MAX 128
#define DM_PATH_MAX 64
#define DM_ERROR_MAX 256

struct dm_nic {
    unsigned int devid;            /* libxl's: netN and vif N */
    char backend[DM_NIC_ARG_MAX];  /* answer: what replaces dom0's tap, e.g. "tap,fd=5" */
};

struct dm_serial {
    unsigned int console;          /* N of /dev/hvcN in libxl's argument */
    char chardev[DM_PATH_MAX];     /* answer: what -serial gets, e.g. "/dev/hvc3" */
};

/* Files of dom0 that QEMU reads once, at its start. */
enum dm_file_kind { DM_FILE_KERNEL, DM_FILE_INITRD, DM_FILES };

struct dm_file {
    const char *name;              /* dom0's, within the arguments; NULL: not asked for */
    char path[DM_PATH_MAX];        /* answer: where it is here */
};

struct dm_needs {
    bool disks[DM_MAX_DISKS];
    struct dm_nic nics[DM_MAX_NICS];
    unsigned int nic_count;
    struct dm_serial serials[DM_MAX_SERIALS];
    unsigned int serial_count;
    struct dm_file files[DM_FILES];
    const char *channel;           /* libxl's option for a channel=, which dom0's daemon serves, or NULL */
    bool restore;                  /* QEMU's state comes through console 2 */
    int restore_fd;                /* answer: the descriptor's number in QEMU */
};

/* What the stub domain adds itself. Paths are of Unix sockets; NULL: not wanted. */
struct dm_extras {
    unsigned int guest;            /* domid; the arguments must name the same */
    const char *qemu;              /* argv[0] */
    const char *disk_options;      /* of -drive, of a disk that can be written to, as struct platform has it */
    const char *const *options;    /* the flavour's own options, added last; NULL-terminated, or NULL */
    const char *qmp_path;          /* served to the toolstack */
    int own_qmp_fd;                /* QEMU's end of a connected socket, for a monitor of our own: a monitor has one
                                      client at a time; -1: none */
    const char *vnc_path;
    bool vnc_password;             /* viewers need a password, which is set through the monitor */
    int save_fd;                   /* in QEMU, for fdset 1, where libxl saves to; -1: none */
};

/*
 * Both return 0, -EINVAL for an argument that cannot work in a stub domain, with the
 * reason in error (one line that names the argument), or -ENOMEM. needs points into
 * argv. dom0's programs scan, too, so that what cannot work is reported early.
 */
int dm_argv_scan(const struct str_list *argv, struct dm_needs *needs, char error[DM_ERROR_MAX]);
int dm_argv_rewrite(const struct str_list *argv, const struct dm_needs *needs,
                    const struct dm_extras *extras, struct str_list *out,
                    char error[DM_ERROR_MAX]);

/*
 * What the user adds (device_model_args=): 0, or -EINVAL when one of them cannot work, or
 * has a setting of its own in the guest's config; or -ENOMEM.
 */
int dm_argv_check_extras(const struct str_list *argv, char error[DM_ERROR_MAX]);

#endif
