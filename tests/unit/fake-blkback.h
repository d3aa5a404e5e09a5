/*
 * A block backend for unit tests, which does what the test says; and the toolstack that makes
 * and removes its nodes. One disk at a time. It sees pages by their grants only, and fails the
 * test where a frontend breaks xen/io/blkif.h. Goes with fake-pv.c and fake-pv-store.c.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef FAKE_BLKBACK_H
#define FAKE_BLKBACK_H

#include "fake-pv-store.h"

#include <xen/io/blkif.h>
#include <xen/io/xenbus.h>

#define BLKBACK_SECTORS 8192UL
#define BLKBACK_SEGMENTS 512
extern uint8_t blkback_image[BLKBACK_SECTORS * 512];

/* What its nodes say; set before blkback_add(). */
struct blkback_features {
    uint64_t sectors;
    unsigned int sector_size, info, indirect;
    bool flush, barrier;
    bool persistent;     /* if the frontend wants it, it keeps mapped what it was given, until the disk goes */
};
extern struct blkback_features blkback_features;

/* A request as it was on the ring. */
struct blkback_request {
    uint8_t op;          /* of an indirect one: what is in it */
    bool indirect, answered;
    unsigned int count;
    uint64_t id, sector;
    uint32_t page_ref;   /* indirect */
    struct blkif_request_segment segments[BLKBACK_SEGMENTS];
};
extern struct blkback_request blkback_requests[1024];
extern size_t blkback_count;

/* Back to the start: a counting pattern in the image, features of Linux's. */
void blkback_reset(void);
/* The toolstack: xvda's nodes (51712), the backend ready for a frontend; and without a trace. */
void blkback_add(unsigned int devid);
void blkback_remove(void);
/* It writes its state. */
void blkback_set_state(unsigned int state);
/* The frontend's, as it is in xenstore. */
unsigned int blkback_frontend_state(void);
/* Maps the ring that the frontend's nodes name; writes what it has; state Connected. */
void blkback_connect(void);

/* Takes new requests from the ring into blkback_requests: how many it has now in all. */
size_t blkback_take(void);
/* Moves the bytes of a request and answers it; status not 0: moves none. */
void blkback_answer(size_t i, int16_t status);
/* An answer like this, whatever it is worth. */
void blkback_say(uint64_t id, uint8_t op, int16_t status);
/* The frontend hears that there are answers. */
void blkback_fire(void);
/* All of it, for all requests that were not answered: how many. */
size_t blkback_serve(void);
struct blkif_sring *blkback_ring(void);
/* How many pages it keeps mapped; unmaps them. */
size_t blkback_kept(void);
void blkback_let_go(void);

/* ---- the frontend's thread (pv_thread_create()) ---- */

/* It runs until it has nothing to do; once more than it wants to, as if its time had come. */
void blkback_run_thread(void);
/* Connects: blkback_add() and all that follows. */
void blkback_attach(unsigned int devid);
/* The disk goes, whatever it is at, and everything is given back. */
void blkback_detach(void);
/* For fake_on_sleep: the backend serves, the thread runs. */
bool blkback_on_sleep(void);
/* pv_thread_create() fails. */
extern bool blkback_no_thread;

#endif
