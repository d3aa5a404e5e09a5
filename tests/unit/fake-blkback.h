/*
 * A block backend for unit tests, which the test controls, and the toolstack that makes and removes its nodes. There is
 * one disk at a time. The backend sees only pages that were granted, and fails the test if the frontend breaks
 * xen/io/blkif.h. To be linked with fake-pv.c and fake-pv-store.c.
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

/* The values of its nodes. To be set before blkback_add(). */
struct blkback_features {
    uint64_t sectors;
    unsigned int sector_size, info, indirect;
    bool flush, barrier;
    bool persistent;     /* if the frontend wants it, pages stay mapped until the disk goes */
};
extern struct blkback_features blkback_features;

/* A request as it was on the ring. */
struct blkback_request {
    uint8_t op;          /* of an indirect request: the operation in it */
    bool indirect, answered;
    unsigned int count;
    uint64_t id, sector;
    uint32_t page_ref;   /* indirect */
    struct blkif_request_segment segments[BLKBACK_SEGMENTS];
};
extern struct blkback_request blkback_requests[1024];
extern size_t blkback_count;

/* Resets everything: the image has a counting pattern, the features are Linux's. */
void blkback_reset(void);
/* The toolstack: makes a disk's nodes (xvda: 51712), with the backend ready for a frontend; removes all of them. */
void blkback_add(unsigned int devid);
void blkback_remove(void);
/* Writes the backend's state. */
void blkback_set_state(unsigned int state);
/* The frontend's state in xenstore. */
unsigned int blkback_frontend_state(void);
/* Maps the ring that the frontend's nodes name, writes the disk's properties, and becomes Connected. */
void blkback_connect(void);

/* Takes new requests from the ring into blkback_requests. How many there are in all. */
size_t blkback_take(void);
/* Moves the bytes of a request, unless status is an error, and answers it. */
void blkback_answer(size_t i, int16_t status);
/* Writes such an answer, even if it makes no sense. */
void blkback_say(uint64_t id, uint8_t op, int16_t status);
/* Notifies the frontend of the answers. */
void blkback_fire(void);
/* Takes, moves and answers all requests that were not answered. How many. */
size_t blkback_serve(void);
struct blkif_sring *blkback_ring(void);
/* How many pages it keeps mapped. blkback_let_go(): unmaps them. */
size_t blkback_kept(void);
void blkback_let_go(void);

/* ---- the frontend's thread (pv_thread_create()) ---- */

/* Runs it until it has nothing to do, and then once more, as if its time had come. */
void blkback_run_thread(void);
/* Connects a disk: blkback_add() and all that follows. */
void blkback_attach(unsigned int devid);
/* Removes the disk, whatever its state is, until nothing is in use any more. */
void blkback_detach(void);
/* For fake_on_sleep: serves all requests, and runs the thread. */
bool blkback_on_sleep(void);
/* pv_thread_create() fails. */
extern bool blkback_no_thread;

#endif
