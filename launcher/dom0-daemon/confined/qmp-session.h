/*
 * One QMP conversation, as far as libxl and xenstat hold it with QEMU: bytes in,
 * bytes out, no descriptors.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_QMP_SESSION_H
#define DM_QMP_SESSION_H

#include <stdbool.h>
#include <stddef.h>

#define QMP_MAX_REQUEST 16384 /* bytes of one command */
#define QMP_MAX_DEPTH 16      /* nesting of its JSON */
#define QMP_MAX_REPLIES 32768 /* bytes that wait for a client that does not read */
#define QMP_MAX_CHARDEVS 16

/* What the answers are made of; owned by the caller, shared by all sessions. */
struct qmp_facts {
    bool paused; /* -S, and no "cont" yet */
    bool quit;   /* "quit" was asked for */
    struct {
        char label[32];
        char filename[80];
    } chardevs[QMP_MAX_CHARDEVS];
    unsigned int chardev_count;
    bool vnc, vnc_password;
    char vnc_host[64];
    char vnc_service[16];
};

struct qmp_session {
    struct qmp_facts *facts;
    struct json_tokener *parser;
    size_t request_len; /* bytes of the command that is not complete yet */
    bool negotiated;    /* qmp_capabilities was sent */
    char out[QMP_MAX_REPLIES];
    size_t out_len;
};

/* Starts a conversation: the greeting is in out. 0 or -ENOMEM. */
int qmp_session_init(struct qmp_session *session, struct qmp_facts *facts);
void qmp_session_dispose(struct qmp_session *session); /* idempotent */

/*
 * Takes LEN bytes from the client; answers are added to out. 0, or -errno when the
 * conversation is over (no JSON, too long, too deep, replies not read): then out
 * may hold a last error and the connection is to be closed.
 */
int qmp_session_feed(struct qmp_session *session, const char *buf, size_t len);

/* The first LEN bytes of out were sent. */
void qmp_session_sent(struct qmp_session *session, size_t len);

#endif
