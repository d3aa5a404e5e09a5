/*
 * Clients that speak xenstore's protocol themselves (pv.h). Each is kept from the others and from
 * the kernel: its request numbers and watch tokens are translated, it may use only the
 * transactions that it began, and when it goes so does what it left behind.
 *
 * Closing a client allocates nothing and does not wait: the requests that clean up were allocated together with the
 * watch or the transaction.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xenstore.h"

#define CLIENTS_MAX 16
#define UNDER_WAY_MAX 16U       /* requests of one client */
#define TRANSACTIONS_MAX 8U     /* of one client; xenstored's own limit is 10 for the domain */
#define WATCHES_MAX 256U        /* of all clients; xenstored's own limit is 128 for the domain */
#define TOKEN_MAX 512U          /* so that a path and a token always fit into a message */
_Static_assert(XENSTORE_ABS_PATH_MAX + TOKEN_MAX + 2 <= XENSTORE_PAYLOAD_MAX, "path and token fit");

struct pv_store_client {
    pv_store_got_fn *got;
    void *arg;
    unsigned int under_way;
    unsigned int transactions;        /* open ones, and those that are being begun or ended */
    struct pv_store_request *aborts;  /* for each open transaction the request that aborts it */
};

static unsigned int client_count, watch_count;

/* ---- answers ---- */

static void tell(struct pv_store_client *client, uint32_t type, uint32_t id, uint32_t tx_id,
                 const char *body, size_t size)
{
    struct xsd_sockmsg message = { .type = type, .req_id = id, .tx_id = tx_id, .len = (uint32_t)size };

    client->got(client->arg, &message, body);
}

/* Answers in xenstored's place. */
static int refuse(struct pv_store_client *client, const struct xsd_sockmsg *message, const char *word)
{
    tell(client, XS_ERROR, message->req_id, message->tx_id, word, pv_strlen(word) + 1);
    return 0;
}

static void forget_watch(uint32_t id)
{
    struct pv_watch *watch = pv_store_watch_find(id);

    if (!watch)
        return;
    pv_store_watch_free(watch);
    watch_count--;
}

/* The answer is the transaction's number, in decimal. False: it is not. */
static bool begin(struct pv_store_request *request, const char *body)
{
    struct pv_store_client *client = request->client;
    struct pv_store_request *abort = request->abort;
    uint64_t id;

    if (pv_parse_uint(body, UINT32_MAX, &id) || !id)
        return false;
    request->abort = NULL;
    abort->header.tx_id = (uint32_t)id;
    if (client) {
        abort->next = client->aborts;
        client->aborts = abort;
    } else {
        pv_store_submit(abort); /* the client has gone meanwhile */
    }
    return true;
}

/* Notes what the answer has changed. False: it makes no sense. */
static bool take_note(struct pv_store_request *request, bool failed, const char *body)
{
    uint32_t type = request->header.type;
    bool sane = failed || type != XS_TRANSACTION_START || begin(request, body);

    if (type == XS_UNWATCH || (type == XS_WATCH && failed))
        forget_watch(request->watch);
    if (request->client && (type == XS_TRANSACTION_END ||
                            (type == XS_TRANSACTION_START && (failed || !sane))))
        request->client->transactions--;
    return sane;
}

static void answered(struct pv_store_request *request, int error, const char *body, size_t size)
{
    struct pv_store_client *client = request->client;
    uint32_t type = request->header.type;

    if (!take_note(request, error, body)) {
        error = -PV_EIO;
        body = NULL;
    }
    if (!client)
        return;
    client->under_way--;
    if (error) {
        type = XS_ERROR;
        size = body ? size : sizeof("EIO");
        body = body ? body : "EIO";
    }
    /* Last, because the client may close itself in it. */
    tell(client, type, request->client_id, request->header.tx_id, body, size);
}

/* ---- requests ---- */

static int submit(struct pv_store_client *client, const struct xsd_sockmsg *message,
                  struct pv_store_request *request)
{
    int rc;

    request->done = answered;
    request->client = client;
    request->client_id = message->req_id;
    client->under_way++;
    rc = pv_store_submit(request);
    if (rc)
        client->under_way--;
    return rc;
}

static struct pv_store_request *copy_request(const struct xsd_sockmsg *message, const void *body)
{
    struct pv_store_request *request = pv_store_request_new(message->type, message->tx_id, message->len);

    if (request)
        pv_copy(request->body, body, message->len);
    return request;
}

static int send_plain(struct pv_store_client *client, const struct xsd_sockmsg *message, const char *body)
{
    struct pv_store_request *request = copy_request(message, body);

    return request ? submit(client, message, request) : -PV_ENOMEM;
}

/* ---- watches ---- */

static void watch_fired(void *arg, const char *path)
{
    static char body[XENSTORE_PAYLOAD_MAX];
    struct pv_watch *watch = arg;
    size_t length = pv_strlen(path) + 1, token = pv_strlen(watch->token) + 1;

    if (length + token > sizeof(body))
        return; /* xenstored has no such long paths */
    pv_copy(body, path, length);
    pv_copy(body + length, watch->token, token);
    tell(watch->client, XS_WATCH_EVENT, 0, 0, body, length + token);
}

/* The token in a body that has a path and a token, each ended by NUL. NULL: it has something else. */
static const char *find_token(const struct xsd_sockmsg *message, const char *body)
{
    size_t ends[2], strings = 0;

    for (size_t i = 0; i < message->len; i++)
        if (!body[i]) {
            if (strings == 2)
                return NULL;
            ends[strings++] = i;
        }
    return strings == 2 && ends[1] == message->len - 1 ? body + ends[0] + 1 : NULL;
}

/* The client's watch with this path and token, unless its removal is under way. */
static struct pv_watch *find_watch(const struct pv_store_client *client, const char *path, const char *token)
{
    struct pv_watch *watch = pv_store_watch_first();

    while (watch && (watch->client != client || !watch->unwatch || !pv_streq(watch->unwatch->body, path) ||
                     !pv_streq(watch->token, token)))
        watch = watch->next;
    return watch;
}

static int send_watch(struct pv_store_client *client, const struct xsd_sockmsg *message, const char *body)
{
    const char *token = find_token(message, body);
    struct pv_store_request *request;
    struct pv_watch *watch;
    size_t length;
    int rc;

    if (!token)
        return refuse(client, message, "EINVAL");
    length = pv_strlen(token) + 1;
    if (length > TOKEN_MAX || pv_strlen(body) > XENSTORE_ABS_PATH_MAX)
        return refuse(client, message, "E2BIG");
    if (find_watch(client, body, token))
        return refuse(client, message, "EEXIST");
    if (watch_count >= WATCHES_MAX)
        return refuse(client, message, "ENOSPC");
    rc = pv_store_watch_new(body, watch_fired, NULL, &watch, &request);
    if (rc)
        return rc;
    watch_count++;
    watch->arg = watch;
    watch->client = client;
    watch->token = pv_alloc(length);
    if (watch->token) {
        pv_copy(watch->token, token, length);
        request->header.tx_id = message->tx_id;
        rc = submit(client, message, request);
    } else {
        pv_store_request_free(request);
        rc = -PV_ENOMEM;
    }
    if (rc)
        forget_watch(watch->id);
    return rc;
}

static int send_unwatch(struct pv_store_client *client, const struct xsd_sockmsg *message, const char *body)
{
    const char *token = find_token(message, body);
    struct pv_store_request *request;
    struct pv_watch *watch;

    if (!token)
        return refuse(client, message, "EINVAL");
    watch = find_watch(client, body, token);
    if (!watch)
        return refuse(client, message, "ENOENT");
    /* Events are passed on until the answer comes. The answer, even an error, removes the watch. */
    request = watch->unwatch;
    watch->unwatch = NULL;
    request->header.tx_id = message->tx_id;
    return submit(client, message, request);
}

/* ---- transactions ---- */

static int send_begin(struct pv_store_client *client, const struct xsd_sockmsg *message, const char *body)
{
    struct pv_store_request *request, *abort;
    int rc;

    if (client->transactions >= TRANSACTIONS_MAX)
        return refuse(client, message, "ENOSPC");
    request = copy_request(message, body);
    abort = request ? pv_store_request_new(XS_TRANSACTION_END, 0, sizeof("F")) : NULL;
    if (!abort) {
        pv_store_request_free(request);
        return -PV_ENOMEM;
    }
    pv_copy(abort->body, "F", sizeof("F"));
    request->abort = abort;
    client->transactions++;
    rc = submit(client, message, request);
    if (rc)
        client->transactions--;
    return rc;
}

/* The link in client->aborts to the abort request of this transaction. NULL: the client has no such transaction. */
static struct pv_store_request **find_transaction(struct pv_store_client *client, uint32_t id)
{
    struct pv_store_request **at = &client->aborts;

    while (*at && (*at)->header.tx_id != id)
        at = &(*at)->next;
    return *at ? at : NULL;
}

static int send_end(struct pv_store_client *client, const struct xsd_sockmsg *message, const char *body)
{
    struct pv_store_request **at = find_transaction(client, message->tx_id), *request;
    bool sane = message->len == 2 && (body[0] == 'T' || body[0] == 'F') && !body[1];
    int rc;

    if (!at)
        return refuse(client, message, "ENOENT");
    if (!sane)
        return refuse(client, message, "EINVAL");
    request = copy_request(message, body);
    if (!request)
        return -PV_ENOMEM;
    request->abort = *at;
    *at = (*at)->next;
    rc = submit(client, message, request);
    if (rc)
        client->transactions--;
    return rc;
}

/* ---- clients ---- */

/*
 * What a client may ask for. The other requests are dom0's, or would affect other clients, too (XS_RESET_WATCHES).
 */
static int (*const senders[XS_TYPE_COUNT])(struct pv_store_client *client, const struct xsd_sockmsg *message,
                                           const char *body) = {
    [XS_DIRECTORY] = send_plain,
    [XS_DIRECTORY_PART] = send_plain,
    [XS_READ] = send_plain,
    [XS_GET_PERMS] = send_plain,
    [XS_SET_PERMS] = send_plain,
    [XS_GET_DOMAIN_PATH] = send_plain,
    [XS_IS_DOMAIN_INTRODUCED] = send_plain,
    [XS_WRITE] = send_plain,
    [XS_MKDIR] = send_plain,
    [XS_RM] = send_plain,
    [XS_WATCH] = send_watch,
    [XS_UNWATCH] = send_unwatch,
    [XS_TRANSACTION_START] = send_begin,
    [XS_TRANSACTION_END] = send_end,
};

struct pv_store_client *pv_store_client_open(pv_store_got_fn *got, void *arg)
{
    struct pv_store_client *client = client_count < CLIENTS_MAX ? pv_alloc(sizeof(*client)) : NULL;

    if (!client)
        return NULL;
    client->got = got;
    client->arg = arg;
    client_count++;
    return client;
}

int pv_store_client_send(struct pv_store_client *client, const struct xsd_sockmsg *message, const void *body)
{
    if (message->type >= XS_TYPE_COUNT || message->len > XENSTORE_PAYLOAD_MAX)
        return -PV_EINVAL;
    if (client->under_way >= UNDER_WAY_MAX)
        return -PV_ENOBUFS;
    if (!senders[message->type])
        return refuse(client, message, "EACCES");
    if (message->tx_id && !find_transaction(client, message->tx_id))
        return refuse(client, message, "ENOENT");
    return senders[message->type](client, message, body);
}

static struct pv_watch *any_watch(const struct pv_store_client *client)
{
    struct pv_watch *watch = pv_store_watch_first();

    while (watch && watch->client != client)
        watch = watch->next;
    return watch;
}

static void remove_watches(const struct pv_store_client *client)
{
    struct pv_watch *watch;

    /* Starts over each time, because pv_store_submit() may find that xenstore is dead, and remove other watches. */
    while ((watch = any_watch(client))) {
        struct pv_store_request *unwatch = watch->unwatch;

        watch->unwatch = NULL;
        forget_watch(watch->id);
        if (unwatch)
            pv_store_submit(unwatch);
    }
}

void pv_store_client_close(struct pv_store_client *client)
{
    pv_store_orphan(client); /* before any pv_store_submit(), which may call done() of these requests */
    while (client->aborts) {
        struct pv_store_request *abort = client->aborts;

        client->aborts = abort->next;
        pv_store_submit(abort);
    }
    remove_watches(client);
    client_count--;
    pv_free(client);
}
