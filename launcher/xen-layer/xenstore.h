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
 * One message to xenstored. Its maker owns it until pv_store_submit(). Then xenstore.c does, and frees it after done().
 */
struct pv_store_request {
    struct pv_store_request *next;
    /*
     * Called with the answer: error is 0 and body has its bytes, or body has xenstored's word for the error. body NULL:
     * the error is our own. A NUL follows the body. Must not sleep. done NULL: the answer is dropped.
     */
    void (*done)(struct pv_store_request *request, int error, const char *body, size_t size);
    void *arg;                       /* done()'s */
    uint32_t watch;                  /* the watch that it adds or removes */
    /* The client that sent it, or NULL (the kernel sent it, or the client has gone), and the client's number for it. */
    struct pv_store_client *client;
    uint32_t client_id;
    /* If it begins or ends a transaction: the request that aborts this one, to be sent if the client goes. */
    struct pv_store_request *abort;
    size_t sent;
    struct xsd_sockmsg header;
    char body[];                     /* behind the header, as on the wire */
};

/* NULL: no memory. The body is the caller's to fill. */
struct pv_store_request *pv_store_request_new(uint32_t type, uint32_t tx_id, size_t size);
void pv_store_request_free(struct pv_store_request *request);
/* Takes the request over and sends it as soon as there is room. -PV_EIO: xenstore is dead; done() is not called. */
int pv_store_submit(struct pv_store_request *request);
/* The client goes: the answers to its requests are dropped. */
void pv_store_orphan(struct pv_store_client *client);

struct pv_watch {
    struct pv_watch *next;
    uint32_t id;                     /* its token on the wire */
    pv_watch_fn *fn;
    void *arg;
    struct pv_store_request *unwatch; /* removes this watch, and has its path; NULL: it was sent */
    struct pv_store_client *client;  /* NULL: the kernel's */
    char *token;                     /* the client's own */
};

/*
 * Adds a watch to the list, and makes the request that asks xenstored for it. -PV_ENOMEM; -PV_E2BIG: the path is too
 * long.
 */
int pv_store_watch_new(const char *path, pv_watch_fn *fn, void *arg, struct pv_watch **watch,
                       struct pv_store_request **request);
/* Takes the watch out of the list and frees it. xenstored may still have it; then its events are dropped. */
void pv_store_watch_free(struct pv_watch *watch);
struct pv_watch *pv_store_watch_find(uint32_t id);
struct pv_watch *pv_store_watch_first(void);

#endif
