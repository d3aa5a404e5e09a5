/*
 * The life of one device model: it reads the arguments, waits for the devices, starts QEMU, serves QEMU's QMP to the
 * toolstack, and ends guest and stub domain when QEMU ends. It is the same on every flavour; the platform has the
 * differences.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DEVICE_MODEL_H
#define DEVICE_MODEL_H

#include "boot-files.h"
#include "cdroms.h"
#include "dm-argv.h"
#include "loop.h"
#include "output-lines.h"
#include "platform.h"
#include "state-relay.h"
#include "vchan-bridge.h"
#include "vnc-slots.h"

#define VNC_PASSWORD_MAX 64

enum dm_state {
    DM_ARGS,     /* waits for target and dm-argv in xenstore */
    DM_FETCHING, /* fetches dom0's files of a direct kernel boot */
    DM_DEVICES,  /* waits for the disks, NICs and consoles that the arguments name */
    DM_STARTING, /* QEMU runs, but has not said "running" */
    DM_RUNNING,
    DM_ENDED,    /* powering off, or, after a soft reset, about to be destroyed */
    DM_STATE_COUNT
};

struct device_model {
    struct loop *loop;
    struct platform *platform;
    struct xs_handle *xs;
    enum dm_state state;
    unsigned int guest;
    struct str_list argv;   /* as libxl wrote it */
    struct dm_needs needs;
    bool nic_ready[DM_MAX_NICS];
    int save_fd;            /* QEMU's end; -1: not open */
    struct state_save save;
    struct state_restore restore;
    struct output_lines output;
    struct vchan_bridge qmp;
    struct vnc_slots vnc;
    char vnc_password[VNC_PASSWORD_MAX + 1]; /* wiped once QEMU has it */
    struct qmp_client own_qmp;
    struct cdroms cdroms;
    struct boot_files files;
    struct loop_fd xs_fd;
    struct loop_timer deadline, recheck;
    char missing[300];      /* what it waits for, where the state alone does not say it */
};

/*
 * Takes over xs, a connection that nobody else uses. 0 or -errno, logged; dispose even after an error.
 * device_model_dispose() may be called twice.
 */
int device_model_init(struct device_model *dm, struct loop *loop, struct platform *platform,
                      struct xs_handle *xs);
void device_model_dispose(struct device_model *dm);

/* Starts working; everything else happens in the loop. Failures end in power_off. */
void device_model_start(struct device_model *dm);

/* The platform calls these, from the loop. */
void device_model_devices_changed(struct device_model *dm);
void device_model_qemu_said(struct device_model *dm, const char *bytes, size_t size);
void device_model_qemu_ended(struct device_model *dm, const struct qemu_end *end);

#endif
