/*
 * Sends dom0's files of a direct kernel boot to the stub domain, which offers a vchan for
 * each (common/boot-file-wire.h). Opened as root, from the arguments that libxl wrote for
 * the guest's QEMU; read and sent by the worker.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_FILE_SERVER_H
#define DM_FILE_SERVER_H

#include "boot-file-wire.h"
#include "loop.h"
#include "message.h"
#include "throttle.h"
#include "vchan-client.h"

#include <stdbool.h>
#include <stdint.h>

struct file_server;

struct file_sender {
    struct file_server *server;
    unsigned int index;    /* enum dm_file_kind */
    int fd;                /* -1: the guest has no such file */
    uint64_t size, sent;   /* sent: with the header */
    bool served;           /* once, to its end: a stub domain starts one QEMU */
    unsigned int starts;
    struct vchan_client vchan;
    uint32_t ring_ref, port; /* what it was connected with */
    struct throttle throttle;
};

struct file_server {
    struct loop *loop;
    struct xen_handles *xen;
    struct file_sender senders[MESSAGE_MAX_FILES];
};

void file_server_init(struct file_server *server, struct loop *loop);
void file_server_close(struct file_server *server); /* idempotent */

/*
 * Opens dom0's file NAME: a plain one of at most BOOT_FILE_MAX bytes. 0 or -errno after
 * logging a line.
 */
int file_server_add(struct file_server *server, unsigned int index, const char *name);

/* Whether there is anything to send. */
bool file_server_has_any(const struct file_server *server);

void file_server_start(struct file_server *server, struct xen_handles *xen);

/* What the stub domain offers: ring_ref and port of MESSAGE, 0 for nothing. */
void file_server_offer(struct file_server *server, const struct message *message);

#endif
