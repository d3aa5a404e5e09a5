/*
 * xenstore (pv.h): one ring for all users. We choose the numbers of requests and the tokens of watches; an answer or
 * event with any other is dropped. What does not fit into the ring waits in a list, and the event channel's function
 * goes on with it, so no sender sleeps for room. The list is bounded: a thread waits for its answer before it sends the
 * next request, clients have quotas.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "xenstore.h"

#include "xenstore-ring.h"

#define TOKEN_LENGTH 8 /* a watch's id in hex */

struct request_list { struct pv_store_request *first, *last; };

static struct {
    struct pv_store_ring ring;
    uint32_t port;
    bool dead;
    uint32_t last_id, last_watch;
    struct request_list out, waiting; /* out: not yet sent completely; waiting: for their answer */
    struct pv_watch *watches;
    /* The message that is arriving. got: how much of it is there. */
    size_t got;
    struct xsd_sockmsg header;
    char body[XENSTORE_PAYLOAD_MAX + 1];
} store;

/* ---- requests ---- */

struct pv_store_request *pv_store_request_new(uint32_t type, uint32_t tx_id, size_t size)
{
    struct pv_store_request *request = pv_alloc(sizeof(*request) + size);

    if (request)
        request->header = (struct xsd_sockmsg){ .type = type, .tx_id = tx_id, .len = (uint32_t)size };
    return request;
}

void pv_store_request_free(struct pv_store_request *request)
{
    if (request)
        pv_free(request->abort);
    pv_free(request);
}

static void list_append(struct request_list *list, struct pv_store_request *request)
{
    request->next = NULL;
    *(list->first ? &list->last->next : &list->first) = request;
    list->last = request;
}

/* Takes the first request with this number out of the list. NULL: there is none. */
static struct pv_store_request *list_take(struct request_list *list, uint32_t id)
{
    struct pv_store_request *before = NULL, *request = list->first;

    while (request && request->header.req_id != id) {
        before = request;
        request = request->next;
    }
    if (!request)
        return NULL;
    *(before ? &before->next : &list->first) = request->next;
    if (list->last == request)
        list->last = before;
    return request;
}

static void finish(struct pv_store_request *request, int error, const char *body, size_t size)
{
    if (request->done)
        request->done(request, error, body, size);
    pv_store_request_free(request);
}

static void finish_all(struct request_list *list)
{
    while (list->first)
        finish(list_take(list, list->first->header.req_id), -PV_EIO, NULL, 0);
}

/* xenstore is dead from now on: all requests fail, those under way and later ones. */
static void die(long error)
{
    store.dead = true;
    pv_log("xenstore: %s: given up", error == -PV_EPROTO ? "the ring's bytes make no sense" :
                                                           "xenstored has closed the ring");
    finish_all(&store.waiting);
    finish_all(&store.out);
}

/* Puts the next bytes of the request into the ring. Returns what pv_store_ring_put() does. */
static long send_piece(struct pv_store_request *request)
{
    const char *bytes = (const char *)request + offsetof(struct pv_store_request, header);
    size_t size = sizeof(request->header) + request->header.len;
    long n = pv_store_ring_put(&store.ring, bytes + request->sent, size - request->sent);

    if (n <= 0)
        return n;
    request->sent += (size_t)n;
    if (request->sent < size)
        return n;
    list_take(&store.out, request->header.req_id);
    if (request->done)
        list_append(&store.waiting, request);
    else
        pv_store_request_free(request);
    return n;
}

static void send_all(void)
{
    long n = 0;
    bool any = false;

    while (store.out.first && (n = send_piece(store.out.first)) > 0)
        any = true;
    if (any)
        pv_event_notify(store.port);
    if (n < 0)
        die(n);
}

int pv_store_submit(struct pv_store_request *request)
{
    if (store.dead) {
        pv_store_request_free(request);
        return -PV_EIO;
    }
    request->header.req_id = ++store.last_id;
    list_append(&store.out, request);
    send_all();
    return 0;
}

static void orphan(struct request_list *list, const struct pv_store_client *client)
{
    for (struct pv_store_request *request = list->first; request; request = request->next)
        if (request->client == client)
            request->client = NULL;
}

void pv_store_orphan(struct pv_store_client *client)
{
    orphan(&store.out, client);
    orphan(&store.waiting, client);
}

/* ---- watches ---- */

struct pv_watch *pv_store_watch_first(void)
{
    return store.watches;
}

struct pv_watch *pv_store_watch_find(uint32_t id)
{
    struct pv_watch *watch = store.watches;

    while (watch && watch->id != id)
        watch = watch->next;
    return watch;
}

void pv_store_watch_free(struct pv_watch *watch)
{
    struct pv_watch **at = &store.watches;

    while (*at != watch)
        at = &(*at)->next;
    *at = watch->next;
    pv_store_request_free(watch->unwatch);
    pv_free(watch->token);
    pv_free(watch);
}

/* XS_WATCH and XS_UNWATCH have the same body: path and token. */
static struct pv_store_request *watch_request(uint32_t type, const char *path, uint32_t id)
{
    size_t length = pv_strlen(path) + 1;
    struct pv_store_request *request = pv_store_request_new(type, 0, length + TOKEN_LENGTH + 1);

    if (!request)
        return NULL;
    pv_copy(request->body, path, length);
    pv_format(request->body + length, TOKEN_LENGTH + 1, "%08x", id);
    request->watch = id;
    return request;
}

int pv_store_watch_new(const char *path, pv_watch_fn *fn, void *arg, struct pv_watch **watch,
                       struct pv_store_request **request)
{
    struct pv_watch *new;

    if (pv_strlen(path) > XENSTORE_ABS_PATH_MAX)
        return -PV_E2BIG;
    new = pv_alloc(sizeof(*new));
    if (!new)
        return -PV_ENOMEM;
    *new = (struct pv_watch){ .next = store.watches, .id = ++store.last_watch, .fn = fn, .arg = arg };
    store.watches = new;
    new->unwatch = watch_request(XS_UNWATCH, path, new->id);
    *request = new->unwatch ? watch_request(XS_WATCH, path, new->id) : NULL;
    if (!*request) {
        pv_store_watch_free(new);
        return -PV_ENOMEM;
    }
    *watch = new;
    return 0;
}

static bool parse_token(const char *text, size_t size, uint32_t *id)
{
    *id = 0;
    if (size != TOKEN_LENGTH + 1 || text[TOKEN_LENGTH])
        return false;
    for (size_t i = 0; i < TOKEN_LENGTH; i++) {
        char c = text[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
        *id = *id << 4 | (uint32_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return true;
}

/* An event is a path and a token, each ended by NUL. (There is a NUL of ours behind them.) */
static void event_arrived(const char *body, size_t size)
{
    size_t path = pv_strlen(body) + 1;
    struct pv_watch *watch;
    uint32_t id;

    if (path >= size || !parse_token(body + path, size - path, &id))
        return;
    watch = pv_store_watch_find(id);
    if (watch)
        watch->fn(watch->arg, body);
}

/* ---- what arrives ---- */

/* xenstored's words for errors (struct xsd_errors of xs_wire.h; oxenstored has EQUOTA). */
static const struct { const char *word; int number; } errors[] = {
    { "EINVAL", PV_EINVAL }, { "EACCES", PV_EACCES }, { "EEXIST", PV_EEXIST }, { "EISDIR", 21 },
    { "ENOENT", PV_ENOENT }, { "ENOMEM", PV_ENOMEM }, { "ENOSPC", PV_ENOSPC }, { "EIO", PV_EIO },
    { "ENOTEMPTY", 39 }, { "ENOSYS", PV_ENOSYS }, { "EROFS", PV_EROFS }, { "EBUSY", PV_EBUSY },
    { "EAGAIN", PV_EAGAIN }, { "EISCONN", 106 }, { "E2BIG", PV_E2BIG }, { "EPERM", PV_EPERM },
    { "EQUOTA", PV_ENOSPC },
};

static int error_number(const char *word)
{
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        if (pv_streq(errors[i].word, word))
            return errors[i].number;
    return PV_EINVAL;
}

static void answer_arrived(const struct xsd_sockmsg *header, const char *body)
{
    struct pv_store_request *request = list_take(&store.waiting, header->req_id);

    if (!request)
        return; /* the client has gone, or there was no such request */
    if (header->type == XS_ERROR)
        finish(request, -error_number(body), body, header->len);
    else if (header->type == request->header.type)
        finish(request, 0, body, header->len);
    else
        finish(request, -PV_EIO, NULL, 0);
}

static void message_arrived(void)
{
    store.body[store.header.len] = '\0';
    store.got = 0;
    if (store.header.type == XS_WATCH_EVENT)
        event_arrived(store.body, store.header.len);
    else
        answer_arrived(&store.header, store.body);
}

/* False: no more bytes are there. */
static bool receive_piece(void)
{
    size_t header = sizeof(store.header);
    bool in_header = store.got < header;
    char *to = in_header ? (char *)&store.header + store.got : store.body + (store.got - header);
    size_t size = in_header ? header - store.got : header + store.header.len - store.got;
    long n = pv_store_ring_get(&store.ring, to, size);

    if (n > 0) {
        store.got += (size_t)n;
        if (store.got == header && store.header.len > XENSTORE_PAYLOAD_MAX)
            n = -PV_EPROTO;
    }
    if (n < 0)
        die(n);
    if (n <= 0)
        return false;
    if (store.got >= header && store.got == header + store.header.len)
        message_arrived();
    return true;
}

static void happened(void *arg, uint32_t port)
{
    bool any = false;

    if (!store.dead)
        send_all();
    while (!store.dead && receive_piece())
        any = true;
    if (any) /* there is room again */
        pv_event_notify(port);
}

void pv_store_init(void *page, uint32_t port)
{
    pv_zero(&store, sizeof(store));
    pv_store_ring_init(&store.ring, page);
    store.port = port;
    if (pv_event_listen(port, happened, NULL))
        pv_panic("xenstore: port %u cannot be", port);
}

/* ---- our own requests ---- */

struct answer {
    struct pv_queue queue;
    bool there;
    int result;   /* the answer's length, or an error */
    char *to;
    size_t size;
};

static void answered(struct pv_store_request *request, int error, const char *body, size_t size)
{
    struct answer *answer = request->arg;

    if (!error && answer->to) {
        error = size > answer->size ? -PV_ERANGE : (int)size;
        if (error > 0)
            pv_copy(answer->to, body, size);
    }
    answer->result = error;
    answer->there = true;
    pv_queue_wake(&answer->queue);
}

/* Sends the request and waits for the answer. request NULL: -PV_ENOMEM. to NULL: the answer's bytes are not wanted. */
static int ask(struct pv_store_request *request, char *to, size_t size)
{
    struct answer answer = { .to = to, .size = size };
    int rc;

    if (!request)
        return -PV_ENOMEM;
    request->done = answered;
    request->arg = &answer;
    rc = pv_store_submit(request);
    if (rc)
        return rc;
    while (!answer.there)
        pv_queue_wait(&answer.queue, PV_FOREVER);
    return answer.result;
}

static struct pv_store_request *path_request(uint32_t type, const char *path)
{
    size_t length = pv_strlen(path) + 1;
    struct pv_store_request *request = pv_store_request_new(type, 0, length);

    if (request)
        pv_copy(request->body, path, length);
    return request;
}

static int ask_about(uint32_t type, const char *path, char *to, size_t size)
{
    if (pv_strlen(path) >= XENSTORE_PAYLOAD_MAX)
        return -PV_E2BIG;
    return ask(path_request(type, path), to, size);
}

int pv_store_read(const char *path, char *value, size_t size)
{
    int n = size ? ask_about(XS_READ, path, value, size - 1) : -PV_ERANGE;

    if (n >= 0)
        value[n] = '\0';
    return n;
}

int pv_store_read_uint(const char *path, uint64_t max, uint64_t *value)
{
    char text[24];
    int n = pv_store_read(path, text, sizeof(text));

    if (n < 0)
        return n == -PV_ERANGE ? -PV_EINVAL : n;
    return pv_strlen(text) == (size_t)n ? pv_parse_uint(text, max, value) : -PV_EINVAL;
}

int pv_store_write(const char *path, const char *format, ...)
{
    size_t at = pv_strlen(path) + 1, size;
    struct pv_store_request *request;
    va_list args;
    int rc;

    va_start(args, format);
    size = (size_t)pv_vformat(NULL, 0, format, args);
    va_end(args);
    if (at > XENSTORE_PAYLOAD_MAX || size > XENSTORE_PAYLOAD_MAX - at)
        return -PV_E2BIG;
    /* The value has no NUL on the wire, but pv_vformat() writes one. */
    request = pv_store_request_new(XS_WRITE, 0, at + size + 1);
    if (!request)
        return -PV_ENOMEM;
    request->header.len--;
    pv_copy(request->body, path, at);
    va_start(args, format);
    pv_vformat(request->body + at, size + 1, format, args);
    va_end(args);
    rc = ask(request, NULL, 0);
    return rc < 0 ? rc : 0;
}

int pv_store_remove(const char *path)
{
    int rc = ask_about(XS_RM, path, NULL, 0);

    return rc < 0 ? rc : 0;
}

int pv_store_list(const char *path, char *names, size_t size)
{
    int n = ask_about(XS_DIRECTORY, path, names, size);

    return n > 0 && names[n - 1] ? -PV_EPROTO : n;
}

int pv_watch(const char *path, pv_watch_fn *fn, void *arg, struct pv_watch **watch)
{
    struct pv_store_request *request;
    int rc = pv_store_watch_new(path, fn, arg, watch, &request);
    uint32_t id;

    if (rc)
        return rc;
    /* fn may be called, and end the watch, before ask() returns. So only the id is used after that. */
    id = (*watch)->id;
    rc = ask(request, NULL, 0);
    if (rc >= 0)
        return 0;
    if (pv_store_watch_find(id))
        pv_store_watch_free(*watch);
    *watch = NULL;
    return rc;
}

void pv_unwatch(struct pv_watch *watch)
{
    struct pv_store_request *unwatch = watch->unwatch;

    watch->unwatch = NULL;
    pv_store_watch_free(watch);
    pv_store_submit(unwatch); /* the answer is dropped; if xenstore is dead, no events come anyway */
}
