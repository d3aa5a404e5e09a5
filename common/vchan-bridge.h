/*
 * Serves one libxenvchan server and carries each client's bytes to a stream
 * connection of its own (QEMU's QMP or VNC socket), one client at a time.
 *
 * Every client gets a new vchan. An old one's shared page would have ring indices and unread bytes of the client
 * before, and a client that left and came back between two polls could not be told from one that stayed. So the
 * xenstore nodes are removed as soon as a client is there, and published again when it has left. The next client waits
 * for them, as Xen's vchan-socket-proxy does.
 *
 * The peer is another domain: it may stall, flood or vanish. Each direction has one bounded buffer; when it is full the
 * other side has to wait.
 *
 * Source: libxenvchan.h, and the rings in xen/io/libxenvchan.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef VCHAN_BRIDGE_H
#define VCHAN_BRIDGE_H

#include "loop.h"

#include <stddef.h>

#define VCHAN_BRIDGE_BUFFER 16384
#define VCHAN_BRIDGE_RETRY_MS 200

struct libxenvchan;
struct xs_handle;

struct vchan_buffer {
    char bytes[VCHAN_BRIDGE_BUFFER];
    size_t start, end;
};

enum vchan_bridge_state {
    VCHAN_BRIDGE_OFF,
    VCHAN_BRIDGE_WAITING, /* published, no client */
    VCHAN_BRIDGE_OPEN,    /* carrying bytes */
    VCHAN_BRIDGE_RETRY,   /* could not publish the server, or open a stream: tries again soon */
};

struct vchan_bridge {
    /* Set by vchan_bridge_init(). */
    struct loop *loop;
    struct xs_handle *xs;
    char path[128];
    const char *name; /* for the log */
    unsigned int client;
    size_t read_ring, write_ring;
    int (*connect)(void *data); /* a stream descriptor that does not block, or -errno */
    void (*connected)(void *data);
    bool (*held)(void *data);
    void *data;

    enum vchan_bridge_state state;
    struct libxenvchan *vchan;
    struct loop_fd vchan_fd, stream_fd;
    struct loop_timer retry;
    struct vchan_buffer to_stream, to_vchan;
    bool stream_ended;        /* no more bytes will come from it */
    bool lingers;
    unsigned int failures;    /* in a row; only the first is logged */
};

struct vchan_bridge_config {
    struct loop *loop;
    struct xs_handle *xs;
    const char *path;         /* in xenstore; absolute */
    const char *name;
    unsigned int client;      /* the only domain that may connect */
    size_t read_ring, write_ring; /* bytes; 0: both within one page */
    int (*connect)(void *data);
    void (*connected)(void *data); /* may be NULL; a client is being served from now on */
    /*
     * May be NULL. Called when the stream has sent bytes. True: they are held back from the client until
     * vchan_bridge_resume().
     */
    bool (*held)(void *data);
    void *data;
};

/* 0, or -ENAMETOOLONG. */
int vchan_bridge_init(struct vchan_bridge *bridge, const struct vchan_bridge_config *config);

/* Publishes the server. If that fails it is logged once, and tried again. */
void vchan_bridge_start(struct vchan_bridge *bridge);

/* Bytes that were held back may be sent now, if held() returns false. */
void vchan_bridge_resume(struct vchan_bridge *bridge);

/*
 * The same. From now on only the client ends its connection, because libxl does not read an answer that comes together
 * with a hang-up.
 */
void vchan_bridge_linger(struct vchan_bridge *bridge);

/* Hangs up on the client, and drops the bytes that it has not got. The next one may come. */
void vchan_bridge_drop(struct vchan_bridge *bridge);

/* Ends a connection and removes the server; may be started again. Idempotent. */
void vchan_bridge_stop(struct vchan_bridge *bridge);

#endif
