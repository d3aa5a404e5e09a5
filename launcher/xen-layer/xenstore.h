/*
 * What the layer's xenstore files share: requests on their way, and watches. xenstore.c has the
 * ring, the matching of answers and our own calls; xenstore-client.c the clients.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef PV_XENSTORE_H
#define PV_XENSTORE_H

#include "layer.h"

/*
 * One message to xenstored. It belongs to its maker until pv_store_submit(), then to xenstore.c,
 * which frees it after done().
 */
struct pv_store_request {
    struct pv_store_request *next;
    /*
     * The answer is there: error 0 and its bytes; or an error with xenstored's words, body NULL:
     * the error is ours. There is a NUL behind the body. Must not sleep. NULL: no answer is
     * waited for, and what comes is dropped.
     */
    void (*done)(struct pv_store_request *request, int error, const char *body, size_t size);
    void *arg;                       /* done()'s */
    uint32_t watch;                  /* the watch that it adds or removes */
    /* What a client sent it, and as what; NULL: none, or it has gone. */
    struct pv_store_client *client;
    uint32_t client_id;
    /* The end of the transaction that it begins or ends: ready to be sent if the client goes. */
    struct pv_store_request *abort;
    size_t sent;
    struct xsd_sockmsg header;
    char body[];                     /* behind the header, as on the wire */
};

/* NULL: no memory. The body is the caller's to fill. */
struct pv_store_request *pv_store_request_new(uint32_t type, uint32_t tx_id, size_t size);
void pv_store_request_free(struct pv_store_request *request);
/* Takes it over and sends it as soon as there is room. -PV_EIO: xenstore is dead; done() is not called. */
int pv_store_submit(struct pv_store_request *request);
/* The client goes: its requests under way are nobody's. */
void pv_store_orphan(struct pv_store_client *client);

struct pv_watch {
    struct pv_watch *next;
    uint32_t id;                     /* its token on the wire */
    pv_watch_fn *fn;
    void *arg;
    struct pv_store_request *unwatch; /* begins with the path; NULL: was sent */
    struct pv_store_client *client;  /* NULL: the kernel's */
    char *token;                     /* the client's own */
};

/* A watch in the list and the request that asks for it. -PV_ENOMEM; -PV_E2BIG: such a path cannot be. */
int pv_store_watch_new(const char *path, pv_watch_fn *fn, void *arg, struct pv_watch **watch,
                       struct pv_store_request **request);
/* Out of the list. xenstored may still have it: its events are dropped. */
void pv_store_watch_free(struct pv_watch *watch);
struct pv_watch *pv_store_watch_find(uint32_t id);
struct pv_watch *pv_store_watch_first(void);

#endif
