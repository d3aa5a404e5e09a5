/*
 * The keeper's way to xenstore. Every connection from dom0 has all of dom0's rights there, and xenstored knows no
 * smaller one. So root holds the connection, and the keeper's libxenstore speaks to root, which passes on each request
 * that is in a list (store.h's rules) as it is, and hangs up at the first one that is not. What xenstored answers goes
 * back as it is: only where each answer ends is looked at, and the number of a new transaction.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_STORE_FILTER_H
#define DM_STORE_FILTER_H

#include "budget.h"
#include "loop.h"
#include "store.h"

#include <xen/io/xs_wire.h>

#define STORE_FILTER_REQUEST 512 /* octets after the header: the longest path, and a token or a value */
#define STORE_FILTER_TRANSACTIONS 8 /* open at once; the keeper has one */
#define STORE_FILTER_STEPS 4 /* requests of one, with its end; the keeper has three */

struct store_filter {
    struct loop *loop;
    int domid;
    struct store_rule rules[STORE_MAX_RULES];
    int rule_count;
    unsigned int watches, transactions;
    struct store_transaction { uint32_t number, steps; } open[STORE_FILTER_TRANSACTIONS]; /* the first TRANSACTIONS */
    struct loop_fd keeper, xenstored; /* fd -1: closed */
    struct loop_timer rest, stuck;
    int64_t stuck_since, stuck_window, stuck_ms; /* since when; in the window that began then, so long */
    struct tokens pieces;
    bool resting;
    struct {
        struct xsd_sockmsg header;
        char payload[STORE_FILTER_REQUEST];
    } request;
    size_t taken, passed; /* octets of it */
    bool whole;           /* all of it is here, and allowed */
    bool waits;           /* and not answered yet */
    char reply[4096];
    size_t reply_len, reply_passed;
    struct {
        struct xsd_sockmsg header;
        char text[16]; /* the first octets of what follows */
    } answer;
    size_t answer_seen; /* octets of it, and of what is not kept */
};

/* Nothing is open, and nothing to be closed. */
void store_filter_init(struct store_filter *filter, struct loop *loop);

/*
 * Connects, and makes STORE's handle one that leads here: for the keeper, which is forked then, and to be closed in all
 * other processes. The rules are what follows from the other arguments (store_list_rules()). 0 or -errno after logging
 * a line.
 */
int store_filter_open(struct store_filter *filter, struct store *store, const struct store_console *consoles, int count,
                      const struct store_served *served);
void store_filter_close(struct store_filter *filter); /* idempotent; in the keeper, too */

#endif
