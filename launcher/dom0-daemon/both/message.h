/*
 * What keeper and worker say to each other. The keeper has its way to xenstore (root/store-filter.h); the worker has
 * the stub domain's rings, outputs and sockets. They talk over a SOCK_SEQPACKET socket pair: one packet is one struct
 * message, in native layout, since both come from one fork.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_MESSAGE_H
#define DM_MESSAGE_H

#include "stubdom-wire.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/*
 * Consoles are numbered in one row: the stub domain's as libxl numbers them, and then the guest's channels, of which
 * the first is libxl's console 1 of the guest. Linux's driver tells them apart by one digit.
 */
#define MESSAGE_STUB_CONSOLES 12
#define MESSAGE_MAX_CHANNELS 8
#define MESSAGE_MAX_CONSOLES (MESSAGE_STUB_CONSOLES + MESSAGE_MAX_CHANNELS)
#define MESSAGE_MAX_SLOTS WIRE_VNC_SLOTS
#define MESSAGE_MAX_FILES 2

enum message_type {
    /* worker to keeper */
    MESSAGE_READY,         /* everything is open and locked down: say "running" */
    MESSAGE_BACKEND_STATE, /* console index, state: write it */

    /* keeper to worker: the last word of what the stub domain wrote */
    MESSAGE_FRONTEND, /* console index, state, ring_ref, port */
    MESSAGE_SLOT,     /* VNC slot index, ring_ref, port; both 0: not offered */
    MESSAGE_FILE,     /* boot file index, ring_ref, port; likewise */
    MESSAGE_QMP,      /* 0, ring_ref, port; likewise */
    MESSAGE_ENDED,    /* 0, state 1: silently (guard.h); the stub domain has shut down, and answers nobody any more */
    MESSAGE_TYPES
};

struct message {
    uint32_t type;
    uint32_t index;    /* below MESSAGE_MAX_CONSOLES, _SLOTS or _FILES */
    uint32_t state;    /* enum xenbus_state */
    uint32_t ring_ref; /* a grant reference that the stub domain chose, or its guest for a channel */
    uint32_t port;     /* an event channel, likewise */
};

static inline bool message_is_channel(uint32_t console)
{
    return console >= MESSAGE_STUB_CONSOLES;
}

/* As libxl numbers the guest's consoles. */
static inline uint32_t message_channel_number(uint32_t console)
{
    return console - MESSAGE_STUB_CONSOLES + 1;
}

/* For messages to people: "console 3", "channel 1". */
#define MESSAGE_CONSOLE_NAME 24
static inline const char *message_console_name(uint32_t console, char name[MESSAGE_CONSOLE_NAME])
{
    bool channel = message_is_channel(console);

    snprintf(name, MESSAGE_CONSOLE_NAME, channel ? "channel %u" : "console %u",
             channel ? message_channel_number(console) : console);
    return name;
}

/* Sends without waiting: 0, or -EAGAIN when the other side is behind, or -errno. */
int message_send(int fd, const struct message *message);

/*
 * Receives one packet without waiting: 1, 0 when there is none, -EPIPE when the
 * other side is gone, -EPROTO for what is no message (type and index are checked
 * to be in range, the rest is not), or -errno.
 */
int message_receive(int fd, struct message *message);

/*
 * The supervisor's side of the socket by which a child asks it: a packet is a request, whatever is in it. Takes a
 * limited number of those that are there, without waiting: 1 when there was one at least, 0 for none, -EPIPE at the
 * end or for an empty packet, or -errno.
 */
int message_take_requests(int fd);

#endif
