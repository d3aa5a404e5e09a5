/*
 * made-guest: the guest that a command is making, known by its name and uuid: its domains, when its stub domain
 * started and was ready, and what Xen says of both.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_MADE_GUEST_H
#define XL_STUBDOM_MADE_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"

struct xs_handle;
struct xc_interface_core;

struct made_domain {
    int32_t domid; /* 0: not there (yet) */
    char *vm;      /* its /vm/UUID: a domain that has the number but another one is somebody else's */
};

struct made_guest {
    struct xs_handle *xs;
    struct xc_interface_core *xc;
    char *name, *uuid;
    struct made_domain guest, stub;
    char *tty;           /* the guest's first serial port, NULL: none yet */
    int64_t started_ns;  /* the stub domain was first seen not paused, by clock_now_ns(); 0: not yet */
    int64_t ready_ns;    /* the device model has said `running`; 0: not yet */
};

/* Monotonic, never 0. */
int64_t clock_now_ns(void);

/*
 * Connects, and watches for the guest of that name and uuid: a copied config may have the same uuid. 0, or a negative
 * errno with the fault described.
 */
int made_guest_init(struct made_guest *made, const char *name, const char *uuid, struct fault *fault);
void made_guest_dispose(struct made_guest *made);

/* Readable: call made_guest_look(). */
int made_guest_fd(const struct made_guest *made);

/* Takes what xenstore has to say, and looks anew. */
void made_guest_look(struct made_guest *made);

/* What was seen so far is somebody else's. */
void made_guest_disown(struct made_guest *made);

/* A domain that has that uuid, whatever its name; or -1. */
int32_t made_guest_of_uuid(const struct made_guest *made);

/* True: the stub domain is built but has not run yet. Nothing but looking again, soon, tells when it does. */
bool made_guest_starting(const struct made_guest *made);

/* Asks Xen only, which takes next to no time from what is measured. */
void made_guest_look_again(struct made_guest *made);

/* A domain of ours that is still there, in whatever state. */
bool made_guest_exists(const struct made_guest *made, const struct made_domain *domain);

/* It has ended, or never was. */
bool made_guest_gone(const struct made_guest *made);

/* Processor time of a domain, and its memory. False: there is no such domain. */
bool made_guest_usage(const struct made_guest *made, int32_t domid, uint64_t *cpu_ns, uint64_t *kib);

/* A domain that has NAME, or NAME-dm; or -1. */
int32_t domain_of_name(struct xs_handle *xs, const char *name);

#endif
