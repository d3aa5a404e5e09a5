/*
 * Sockets: what socket.c (their life, addresses, options), socket-data.c, socket-rights.c and socket-calls.c share.
 *
 * A socket keeps the bytes that wait to be read from it. Two connected sockets point to each other; the one that is
 * closed first tells the other.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SOCKET_H
#define SOCKET_H

#include "files.h"

#include <linux/netlink.h>
#include <linux/socket.h>
#include <linux/un.h>

#include <asm/socket.h>
#include <linux/sockios.h>

/* Those that Linux's headers leave to the C library. */
enum { SOCK_STREAM = 1, SOCK_DGRAM = 2, SOCK_RAW = 3, SOCK_TYPE_MASK = 0xf };
#define SOCK_NONBLOCK O_NONBLOCK
#define SOCK_CLOEXEC O_CLOEXEC
#define AF_UNIX 1
#define AF_NETLINK 16
#define SCM_RIGHTS 1
enum { SHUT_RECEIVE = 1, SHUT_SEND = 2, SHUT_ALL = 3 };
enum {
    MSG_PEEK = 2, MSG_CTRUNC = 8, MSG_TRUNC = 0x20, MSG_DONTWAIT = 0x40, MSG_EOR = 0x80,
    MSG_WAITALL = 0x100, MSG_NOSIGNAL = 0x4000, MSG_CMSG_CLOEXEC = 0x40000000,
};

/* ---- descriptors in a message ---- */

#define RIGHTS_MAX 64U          /* in one message */
#define RIGHTS_IN_FLIGHT 256U   /* on their way at once: so many of root's, and so many of all other users' */

/* Descriptors on their way. They are users of their files; a socket among them counts in in_flight. */
struct rights {
    struct rights *next;
    uint64_t start, end;        /* which bytes of the stream they came with (struct fifo) */
    bool root;                  /* counted as root's, or as other users' */
    unsigned int count;
    struct file *files[RIGHTS_MAX];
};
/* Takes the descriptors that the program lists. 0; -EBADF, -EINVAL, -ETOOMANYREFS, -ENOMEM, -EFAULT. */
int rights_new(uintptr_t fds, size_t count, struct rights **rights);
/* Closes the files, and frees rights. NULL is allowed. */
void rights_free(struct rights *rights);
/* May they wait in receiver's queue? 0 or -ETOOMANYREFS. */
struct socket;
int rights_allowed(const struct rights *rights, const struct socket *receiver);
/* A copy with users of its own, for MSG_PEEK. NULL: no memory. */
struct rights *rights_copy(const struct rights *rights);

/* ---- sockets ---- */

struct datagram { struct datagram *next; struct rights *rights; size_t size; char bytes[]; };
#define DATAGRAMS_MAX 32U
#define DATAGRAM_BYTES_MAX (64UL << 10) /* in one queue */

struct socket_address { unsigned int length; char path[UNIX_PATH_MAX + 1]; }; /* length 0: none */
struct credentials { int pid; unsigned int uid, gid; };

#define BACKLOG_MAX 16U

struct socket {
    int family, type;
    struct file *file;          /* NULL: not accepted yet */
    struct socket *peer;        /* NULL: not connected, or the peer is closed */
    unsigned int shut;          /* SHUT_* */
    int error;                  /* a positive number, reported once */
    bool connected;             /* is, or was */
    unsigned int in_flight;     /* how many messages it is in */
    struct fifo bytes;
    struct rights *rights;      /* in the order of their bytes */
    struct datagram *datagrams;
    unsigned int datagram_count;
    size_t datagram_bytes;
    struct credentials own, others; /* SO_PEERCRED */
    struct socket_address address, peer_address;
    struct node *node;          /* the node that it is bound to, with a user */
    /* Of a listener: sockets that have connected and are not accepted, oldest first. */
    bool listening;
    unsigned int backlog, queued;
    struct socket *queue, *next;
    /* AF_NETLINK */
    uint32_t groups;
    struct socket *next_listener;
};

extern const struct file_ops socket_ops;
/* The socket of a descriptor: 0; -EBADF, -ENOTSOCK. */
int socket_find(unsigned long fd, struct file **file, struct socket **socket);
/* The result of its poll() may have changed. NULL is allowed. */
void socket_changed(struct socket *socket);
/* Takes the pending error: a negative number, or 0. */
int socket_error(struct socket *socket);
bool socket_writable(const struct socket *socket);

/* What a call that sends or receives works on. */
struct message {
    struct user_iter *iter;
    unsigned int flags;         /* MSG_* of the call */
    bool want_rights;           /* receiving: the caller takes descriptors */
    struct rights *rights;      /* sending: taken over when sent; receiving: the caller must free them */
    unsigned int said;          /* MSG_* flags that the call returns */
};
/* Each tries once. How many bytes; -EAGAIN; another error. */
long stream_send(struct socket *socket, struct message *message);
long stream_receive(struct socket *socket, struct message *message);
long datagram_send(struct socket *socket, struct message *message);
long datagram_receive(struct socket *socket, struct message *message);
void datagrams_free(struct socket *socket);

/* Call those of the socket's type: */
long socket_send(struct socket *socket, struct message *message);
long socket_receive(struct socket *socket, struct message *message);

void netlink_listen(struct socket *socket);
void netlink_forget(struct socket *socket);

#endif
