/*
 * Sends boot files to the stub domain (see file-server.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "file-server.h"

#include "log.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* In 10 ms: as much as all sources together may have. */
#define SENDER_BYTES XEN_ALL_BYTES
#define SENDER_EVENTS 1024
/* One that was not sent to its end may be begun so often. */
#define MAX_STARTS 5
#define CHUNK 16384

static void sender_disconnect(struct file_sender *sender)
{
    throttle_stop(&sender->throttle);
    vchan_client_close(&sender->vchan);
    sender->sent = 0;
}

/* The next piece of header and file into BUF: how much, or -errno. */
static ssize_t sender_read(const struct file_sender *sender, uint8_t buf[CHUNK], size_t room)
{
    uint64_t total = sender->size + BOOT_FILE_HEADER;
    ssize_t len;

    if (sender->sent < BOOT_FILE_HEADER) {
        uint8_t header[BOOT_FILE_HEADER];

        boot_file_pack(header, sender->size);
        len = MIN(room, BOOT_FILE_HEADER - sender->sent);
        memcpy(buf, header + sender->sent, len);
        return len;
    }
    room = MIN(room, (size_t)CHUNK);
    len = pread(sender->fd, buf, MIN(room, total - sender->sent), sender->sent - BOOT_FILE_HEADER);
    if (len < 0)
        return -errno;
    return len == 0 ? -ENODATA : len; /* it has become shorter */
}

/* Sends while there is room and budget. 0, or -errno when this cannot come to an end. */
static int sender_send(struct file_sender *sender)
{
    uint8_t buf[CHUNK];

    while (sender->sent < sender->size + BOOT_FILE_HEADER && !budget_is_spent(&sender->throttle.budget)) {
        ssize_t len = vchan_client_room(&sender->vchan);

        if (len <= 0)
            return len;
        len = sender_read(sender, buf, len);
        if (len > 0)
            len = vchan_client_produce(&sender->vchan, buf, len);
        if (len < 0)
            return len;
        sender->sent += len;
        budget_take_bytes(&sender->throttle.budget, len);
    }
    sender->served |= sender->sent == sender->size + BOOT_FILE_HEADER;
    return 0;
}

static void sender_pump(void *data)
{
    struct file_sender *sender = data;
    int rc;

    if (!sender->vchan.page)
        return;
    /* It closes when it has all, or has given up. */
    if (!vchan_client_is_open(&sender->vchan)) {
        sender_disconnect(sender);
        return;
    }
    throttle_refresh(&sender->throttle);
    rc = sender_send(sender);
    if (rc) {
        log_warning("boot file %u: cannot send it: %s", sender->index, strerror(-rc));
        sender_disconnect(sender);
        return;
    }
    if (!throttle_rests(&sender->throttle))
        throttle_listen(&sender->throttle);
}

void file_server_init(struct file_server *server, struct loop *loop)
{
    *server = (struct file_server){ .loop = loop };
    for (unsigned int i = 0; i < MESSAGE_MAX_FILES; i++) {
        struct file_sender *sender = &server->senders[i];

        *sender = (struct file_sender){ .server = server, .index = i, .fd = -1 };
        throttle_init(&sender->throttle, loop, SENDER_BYTES, SENDER_EVENTS, sender_pump, sender);
    }
}

void file_server_close(struct file_server *server)
{
    if (!server->loop)
        return;
    for (unsigned int i = 0; i < MESSAGE_MAX_FILES; i++) {
        sender_disconnect(&server->senders[i]);
        fd_close(&server->senders[i].fd);
    }
}

/* Not to be held up by a pipe that has no writer; links are dom0's own business. */
static int open_plain(const char *name, uint64_t *size)
{
    cleanup_close int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;

    if (fd < 0 || fstat(fd, &st))
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    if (st.st_size > BOOT_FILE_MAX)
        return -EFBIG;
    *size = st.st_size;
    return steal_fd(&fd);
}

int file_server_add(struct file_server *server, unsigned int index, const char *name)
{
    struct file_sender *sender = &server->senders[index];
    int fd = open_plain(name, &sender->size);

    if (fd < 0) {
        log_error("%s for the guest to boot: %s", name,
                  fd == -EINVAL ? "not a plain file" : strerror(-fd));
        return fd;
    }
    sender->fd = fd;
    return 0;
}

bool file_server_has_any(const struct file_server *server)
{
    for (unsigned int i = 0; i < MESSAGE_MAX_FILES; i++)
        if (server->senders[i].fd >= 0)
            return true;
    return false;
}

void file_server_start(struct file_server *server, struct xen_handles *xen)
{
    server->xen = xen;
}

void file_server_offer(struct file_server *server, const struct message *message)
{
    struct file_sender *sender = &server->senders[message->index];
    int rc;

    /* An offer is withdrawn when it is used up; what came of it, the vchan itself tells. */
    if (sender->fd < 0 || !message->port)
        return;
    /* xenstore tells of a node, and of its permissions: the same offer comes twice, and is being served. */
    if (sender->vchan.page && message->ring_ref == sender->ring_ref && message->port == sender->port)
        return;
    if (sender->served || sender->starts == MAX_STARTS) {
        log_warning("boot file %u: %s: not sent again", sender->index,
                    sender->served ? "was sent" : "was begun too often");
        return;
    }
    sender_disconnect(sender);
    throttle_start(&sender->throttle, server->xen, &sender->vchan.port);
    rc = vchan_client_open(&sender->vchan, server->xen, message->ring_ref, message->port);
    if (rc) {
        if (rc != -ESTALE)
            log_warning("boot file %u: cannot connect (grant %u, port %u): %s", sender->index,
                        message->ring_ref, message->port, strerror(-rc));
        return;
    }
    sender->ring_ref = message->ring_ref;
    sender->port = message->port;
    sender->starts++;
    sender_pump(sender);
}
