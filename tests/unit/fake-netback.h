/*
 * A network backend for unit tests, which the test controls, and the toolstack that makes and removes its nodes. It
 * sees only pages that were granted, and fails the test if the frontend breaks xen/io/netif.h, or does what Linux's
 * netback would not accept. To be linked with fake-pv.c and fake-pv-store.c; it has pv_thread_create().
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef FAKE_NETBACK_H
#define FAKE_NETBACK_H

#include "fake-pv-store.h"

#include <xen/io/netif.h>
#include <xen/io/xenbus.h>

#define NETBACK_MAC "00:16:3e:01:02:03"

/* The values of its nodes. To be set before netback_add(). netback_reset() sets those of Linux. */
struct netback_features { bool sg, gso4, gso6, no_csum4, csum6, rx_copy; };
extern struct netback_features netback_features;

void netback_reset(void);
/* The toolstack: makes vif n's nodes, with the backend in InitWait; removes all of them. */
void netback_add(unsigned int n);
void netback_remove(unsigned int n);
void netback_set_state(unsigned int n, unsigned int state);
unsigned int netback_frontend_state(unsigned int n); /* 0: no node */
/* The backend does not react to the frontend's states any more. */
extern bool netback_silent;

/* Selects the vif whose rings the test looks at, one at a time. By default it is the last one that connected. */
void netback_map(uint32_t tx_ref, uint32_t rx_ref, uint32_t port);
extern struct netif_tx_sring *netback_tx;
extern struct netif_rx_sring *netback_rx;
extern uint32_t netback_port;
/* The backend's private indices start here (a multiple of the rings' size), as the frontend's must. */
void netback_start_at(uint32_t index);

/* A frame from the frontend. */
struct netback_frame {
    unsigned int flags;      /* of the first request */
    uint8_t gso;
    uint16_t gso_size;
    unsigned int requests, extras;
    uint16_t ids[18];
    uint8_t *data;
    size_t size;
    bool answered;
};
#define NETBACK_FRAMES 1024
extern struct netback_frame netback_frames[NETBACK_FRAMES];
extern size_t netback_count;
/* Takes new frames from the ring. How many there are in all. */
size_t netback_take(void);
/* Answers a frame, and asks to be notified of the next one. */
void netback_answer(size_t i, int status);
void netback_answer_all(void);
void netback_forget(void); /* forgets the frames, not the ring */
/* Writes such an answer, even if it makes no sense. */
void netback_say_tx(uint16_t id, int16_t status);

/* Puts a frame on the ring, as netback does. False: there is no room for all of it. */
bool netback_give(const void *frame, size_t size, unsigned int flags, uint8_t gso, uint16_t gso_size);
/* The current slot's page; and an answer for this slot, even if it makes no sense. */
void *netback_rx_page(void);
void netback_say_rx(uint16_t offset, uint16_t flags, int16_t status);
void netback_say_extra(struct netif_extra_info extra);
uint32_t netback_rx_free(void);
/* Makes the answers visible, and notifies the frontend if it asked for that. Returns whether it did. */
bool netback_push(void);

/* Runs the frontend's thread until it has nothing to do, and then once more. */
void netback_run_thread(void);
extern bool netback_no_thread; /* pv_thread_create() fails */

#endif
