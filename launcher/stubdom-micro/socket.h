/*
 * Sockets: what socket.c (their life, addresses, options), socket-stream.c,
 * socket-datagram.c and socket-calls.c share.
 *
 * Each socket keeps the bytes that it is going to read. Two that are connected know each
 * other; who goes first tells the other.
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
#define RIGHTS_IN_FLIGHT 256U   /* of root's and of everybody else's together, each */

/* The files are users of theirs; those that are sockets count themselves in flight. */
struct rights {
    struct rights *next;
    uint64_t start, end;        /* the bytes that they came with, in a stream (struct fifo) */
    bool root;                  /* on whose account */
    unsigned int count;
    struct file *files[RIGHTS_MAX];
};
/* The program's descriptors: 0; -EBADF, -EINVAL, -ETOOMANYREFS, -ENOMEM, -EFAULT. */
int rights_new(uintptr_t fds, size_t count, struct rights **rights);
/* Closes those that nobody took, and frees it. NULL is nothing. */
void rights_free(struct rights *rights);
/* May they wait in receiver's queue? 0 or -ETOOMANYREFS. */
struct socket;
int rights_allowed(const struct rights *rights, const struct socket *receiver);
/* A second one with users of its own, for MSG_PEEK. NULL: no memory. */
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
    struct file *file;          /* NULL: nobody has accepted it yet */
    struct socket *peer;        /* connected, and still there */
    unsigned int shut;          /* SHUT_* */
    int error;                  /* a positive number, said once */
    bool connected;             /* is, or was */
    unsigned int in_flight;     /* in how many messages it is on its way */
    struct fifo bytes;
    struct rights *rights;      /* in the order of their bytes */
    struct datagram *datagrams;
    unsigned int datagram_count;
    size_t datagram_bytes;
    struct credentials own, others; /* SO_PEERCRED */
    struct socket_address address, peer_address;
    struct node *node;          /* that it is bound to; a user */
    /* Listening: who has connected and is not accepted, first come first. */
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
/* Something that its poll() depends on has changed. NULL is nothing. */
void socket_changed(struct socket *socket);
/* The error that waits, once, negative; 0: none. */
int socket_error(struct socket *socket);
bool socket_writable(const struct socket *socket);

/* What a call moves besides bytes. */
struct message {
    struct user_iter *iter;
    unsigned int flags;         /* MSG_* of the call */
    bool want_rights;           /* receiving: somebody will look at them */
    struct rights *rights;      /* to send: taken over once they are sent; got: the caller's */
    unsigned int said;          /* MSG_* that the call answers */
};
/* One try each: how many bytes; -EAGAIN; another error. */
long stream_send(struct socket *socket, struct message *message);
long stream_receive(struct socket *socket, struct message *message);
long datagram_send(struct socket *socket, struct message *message);
long datagram_receive(struct socket *socket, struct message *message);
void datagrams_free(struct socket *socket);

/* Of which type it is: */
long socket_send(struct socket *socket, struct message *message);
long socket_receive(struct socket *socket, struct message *message);

void netlink_listen(struct socket *socket);
void netlink_forget(struct socket *socket);

#endif
