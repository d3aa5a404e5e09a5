/*
 * Passes on to xenstored what the keeper may ask for (see store-filter.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "store-filter.h"

#include "log.h"
#include "util.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <xenstore_lib.h>

/*
 * A request comes in one to three pieces. All watches and first reads come at once, then what the keeper's own budget
 * makes: 100 words a second (keeper.c), of three requests at most.
 */
#define MAX_PIECES 2000
#define PIECES_A_SECOND 2000
#define REST_MS 10
/*
 * libxenstore's thread reads whenever something comes. For a keeper that does not read, or reads more slowly than
 * octets come, xenstored would keep them. So octets may wait for so long in each minute.
 */
#ifndef STUCK_MS
#define STUCK_MS 5000
#endif
#define STUCK_WINDOW_MS 60000
#ifndef STORE_FILTER_FOLDER
#define STORE_FILTER_FOLDER "/run/stubdom-dm-XXXXXX"
#endif
#define CONNECTION "XENSTORED_PATH" /* libxenstore's environment variable */

/* -------- what is allowed -------- */

static unsigned int may(const struct store_filter *filter, const char *path)
{
    for (int i = 0; i < filter->rule_count; i++)
        if (!strcmp(filter->rules[i].path, path))
            return filter->rules[i].may;
    return 0;
}

static bool may_write(const struct store_filter *filter, const char *path, const char *value, size_t len)
{
    static const char running[] = "running";
    unsigned int what = may(filter, path);

    if (what & STORE_MAY_SAY_RUNNING)
        return len == strlen(running) && !memcmp(value, running, len);
    return (what & STORE_MAY_SET_STATE) && len == 1 && *value >= '2' && *value <= '6';
}

/* Whether TEXT, LEN octets with a 0 at the end and no other one, is that. */
static bool is_exactly(const char *text, size_t len, const char *that)
{
    return len == strlen(that) + 1 && !memcmp(text, that, len);
}

static bool is_own_number(const struct store_filter *filter, const char *text, size_t len)
{
    char number[16];

    snprintf(number, sizeof(number), "%d", filter->domid);
    return is_exactly(text, len, number);
}

/* Xenstored keeps what a transaction has asked for until it ends: one that began, and so many requests. */
static bool is_step(struct store_filter *filter, uint32_t number)
{
    for (unsigned int i = 0; i < filter->transactions; i++)
        if (filter->open[i].number == number)
            return filter->open[i].steps++ < STORE_FILTER_STEPS;
    return number == 0;
}

/*
 * Only a transaction that began may end: otherwise a keeper that leaves all of its own open could begin new ones for
 * ever.
 */
static bool ends_transaction(struct store_filter *filter, uint32_t number)
{
    for (unsigned int i = 0; i < filter->transactions; i++)
        if (filter->open[i].number == number) {
            filter->open[i] = filter->open[--filter->transactions];
            return true;
        }
    return false;
}

/* The whole request; what is counted is counted. */
static bool is_allowed(struct store_filter *filter)
{
    const char *text = filter->request.payload;
    size_t len = filter->request.header.len, first = strnlen(text, len) + 1;

    /* Each has a string first. */
    if (first > len || !is_step(filter, filter->request.header.tx_id))
        return false;
    switch (filter->request.header.type) {
    case XS_READ:
        return first == len && may(filter, text) & STORE_MAY_READ;
    case XS_WRITE:
        return may_write(filter, text, text + first, len - first);
    case XS_WATCH:
        return filter->watches++ < STORE_MAX_RULES && may(filter, text) & STORE_MAY_WATCH &&
               first + strnlen(text + first, len - first) + 1 == len;
    case XS_IS_DOMAIN_INTRODUCED:
        return is_own_number(filter, text, len);
    case XS_TRANSACTION_START:
        return is_exactly(text, len, "") && filter->transactions < STORE_FILTER_TRANSACTIONS;
    case XS_TRANSACTION_END:
        return (is_exactly(text, len, "T") || is_exactly(text, len, "F")) &&
               ends_transaction(filter, filter->request.header.tx_id);
    default:
        return false;
    }
}

/* -------- what xenstored answers -------- */

static void answer_ended(struct store_filter *filter)
{
    unsigned int number;

    filter->answer_seen = 0;
    if (filter->answer.header.type == XS_WATCH_EVENT)
        return;
    filter->waits = false;
    /* There was room for one when it was asked for, and nothing else has been since. */
    if (filter->answer.header.type == XS_TRANSACTION_START && filter->transactions < STORE_FILTER_TRANSACTIONS &&
        memchr(filter->answer.text, 0, sizeof(filter->answer.text)) &&
        !parse_uint(filter->answer.text, UINT32_MAX, &number))
        filter->open[filter->transactions++] = (struct store_transaction){ number, 0 };
}

/* It comes in any pieces. */
static void follow_answers(struct store_filter *filter, const char *octets, size_t len)
{
    const size_t head = sizeof(filter->answer.header);

    while (len) {
        size_t seen = filter->answer_seen, room = sizeof(filter->answer);
        size_t whole = seen < head ? head : head + filter->answer.header.len, n = MIN(len, whole - seen);

        if (seen == 0)
            memset(&filter->answer, 0, room);
        if (seen < room)
            memcpy((char *)&filter->answer + seen, octets, MIN(n, room - seen));
        filter->answer_seen += n;
        octets += n;
        len -= n;
        if (filter->answer_seen >= head && filter->answer_seen == head + filter->answer.header.len)
            answer_ended(filter);
    }
}

/* -------- octets -------- */

static void filter_stuck(void *data)
{
    struct store_filter *filter = data;

    log_error("the keeper does not read all that xenstore says: closed");
    store_filter_close(filter);
}

static void set_events(struct store_filter *filter)
{
    bool replies = filter->reply_len > 0;

    filter->keeper.events = (filter->waits || filter->resting ? 0 : POLLIN) | (replies ? POLLOUT : 0);
    filter->xenstored.events = (replies ? 0 : POLLIN) | (filter->whole ? POLLOUT : 0);
}

/* Sends what is left of BUF, of which *DONE octets are sent: 1 when that is all, 0, or -errno. */
static int pass_on(int fd, const void *buf, size_t len, size_t *done)
{
    ssize_t n = send(fd, (const char *)buf + *done, len - *done, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    *done += n;
    return *done == len;
}

static int pass_request(struct store_filter *filter)
{
    size_t len = sizeof(filter->request.header) + filter->request.header.len;
    int rc = pass_on(filter->xenstored.fd, &filter->request, len, &filter->passed);

    if (rc > 0) {
        filter->taken = filter->passed = 0;
        filter->whole = false;
    }
    return MIN(rc, 0);
}

static int begin_stuck(struct store_filter *filter)
{
    int64_t now = filter->loop->now_ms();

    if (now - filter->stuck_window >= STUCK_WINDOW_MS) {
        filter->stuck_window = now;
        filter->stuck_ms = 0;
    }
    filter->stuck_since = now;
    return loop_start_timer(filter->loop, &filter->stuck, STUCK_MS - MIN(filter->stuck_ms, STUCK_MS));
}

static void end_stuck(struct store_filter *filter)
{
    if (filter->stuck.added)
        filter->stuck_ms += filter->loop->now_ms() - filter->stuck_since;
    loop_stop_timer(filter->loop, &filter->stuck);
}

static int pass_reply(struct store_filter *filter)
{
    int rc = pass_on(filter->keeper.fd, filter->reply, filter->reply_len, &filter->reply_passed);

    if (rc > 0) {
        filter->reply_len = filter->reply_passed = 0;
        end_stuck(filter);
    } else if (rc == 0 && !filter->stuck.added) {
        rc = begin_stuck(filter);
    }
    return MIN(rc, 0);
}

/* More of a request: 1, 0 when there is none now, or -errno; -EPIPE at the end. */
static int take_more(struct store_filter *filter, size_t want)
{
    ssize_t n = recv(filter->keeper.fd, (char *)&filter->request + filter->taken, want - filter->taken, MSG_DONTWAIT);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    filter->taken += n;
    return n ? 1 : -EPIPE;
}

/* -EPERM: it may not. */
static int take_request(struct store_filter *filter)
{
    const size_t head = sizeof(filter->request.header);
    int rc = filter->taken < head ? take_more(filter, head) : 1;

    if (rc <= 0 || filter->taken < head)
        return rc;
    if (filter->request.header.len == 0 || filter->request.header.len > STORE_FILTER_REQUEST)
        return -EPERM;
    rc = take_more(filter, head + filter->request.header.len);
    if (rc <= 0 || filter->taken < head + filter->request.header.len)
        return rc;
    if (!is_allowed(filter))
        return -EPERM;
    filter->whole = filter->waits = true;
    return pass_request(filter);
}

static void filter_rested(void *data)
{
    struct store_filter *filter = data;

    filter->resting = false;
    set_events(filter);
}

static int rest(struct store_filter *filter)
{
    filter->resting = true;
    return loop_start_timer(filter->loop, &filter->rest, REST_MS);
}

static void end(struct store_filter *filter, int rc)
{
    if (rc == -EPERM)
        log_error("the keeper asks xenstore for what it may not (request %u): closed", filter->request.header.type);
    store_filter_close(filter);
}

static void keeper_ready(void *data, short revents)
{
    struct store_filter *filter = data;
    int rc = revents & POLLOUT ? pass_reply(filter) : 0;

    if (!rc && revents & POLLIN)
        rc = tokens_take(&filter->pieces, filter->loop->now_ms()) ? take_request(filter) : rest(filter);
    /* Its end, while nothing is to be read of it. */
    if (!rc && !(revents & (POLLIN | POLLOUT)))
        rc = -EPIPE;
    if (rc < 0)
        end(filter, rc);
    else
        set_events(filter);
}

static void xenstored_ready(void *data, short revents)
{
    struct store_filter *filter = data;
    int rc = revents & POLLOUT ? pass_request(filter) : 0;
    ssize_t n;

    if (!rc && filter->reply_len == 0) {
        n = recv(filter->xenstored.fd, filter->reply, sizeof(filter->reply), MSG_DONTWAIT);
        if (n > 0) {
            filter->reply_len = n;
            follow_answers(filter, filter->reply, n);
            rc = pass_reply(filter);
        } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            rc = -EPIPE;
        }
    } else if (!rc && revents & (POLLHUP | POLLERR)) {
        rc = -EPIPE;
    }
    if (rc)
        store_filter_close(filter);
    else
        set_events(filter);
}

/* -------- life -------- */

void store_filter_init(struct store_filter *filter, struct loop *loop)
{
    memset(filter, 0, sizeof(*filter));
    filter->loop = loop;
    filter->keeper = (struct loop_fd){ .fd = -1, .ready = keeper_ready, .data = filter };
    filter->xenstored = (struct loop_fd){ .fd = -1, .ready = xenstored_ready, .data = filter };
    filter->rest = (struct loop_timer){ .fired = filter_rested, .data = filter };
    filter->stuck = (struct loop_timer){ .fired = filter_stuck, .data = filter };
}

static int connect_xenstored(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc = format_text(address.sun_path, sizeof(address.sun_path), "%s", path);

    if (rc || fd < 0)
        return rc ?: -errno;
    return connect(fd, (struct sockaddr *)&address, sizeof(address)) ? -errno : steal_fd(&fd);
}

/* libxenstore takes no descriptor, only a name: so it has one, for as long as it takes to connect. */
static int open_handle(int listener, const char *path, struct store *store)
{
    cleanup_free char *before = getenv(CONNECTION) ? strdup(getenv(CONNECTION)) : NULL;
    int fd, rc = 0;

    if (setenv(CONNECTION, path, 1))
        return -errno;
    store->xs = xs_open(0);
    if (!store->xs)
        rc = -errno;
    if (before ? setenv(CONNECTION, before, 1) : unsetenv(CONNECTION))
        rc = -errno;
    /* It must not have gone elsewhere: it tries a device of the kernel's, too. */
    fd = rc ? rc : accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0)
        return fd;
    rc = rc ?: -errno;
    store_close(store);
    return rc;
}

/* The other end of STORE's new handle, or -errno. */
static int make_handle(struct store *store)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    char folder[] = STORE_FILTER_FOLDER;
    cleanup_close int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int rc;

    if (listener < 0 || !mkdtemp(folder))
        return -errno;
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/xenstore", folder);
    if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 1))
        rc = -errno;
    else
        rc = open_handle(listener, address.sun_path, store);
    unlink(address.sun_path);
    rmdir(folder);
    return rc;
}

int store_filter_open(struct store_filter *filter, struct store *store, const struct store_console *consoles, int count,
                      const struct store_served *served)
{
    int rc;

    store_filter_init(filter, filter->loop);
    filter->domid = store->domid;
    filter->rule_count = store_list_rules(store, consoles, count, served, filter->rules);
    tokens_init(&filter->pieces, MAX_PIECES, PIECES_A_SECOND, filter->loop->now_ms());
    rc = filter->xenstored.fd = connect_xenstored(xs_daemon_socket());
    if (rc >= 0)
        rc = filter->keeper.fd = make_handle(store);
    set_events(filter);
    rc = rc < 0 ? rc : loop_add_fd(filter->loop, &filter->keeper);
    rc = rc ?: loop_add_fd(filter->loop, &filter->xenstored);
    if (rc) {
        log_error("cannot connect to xenstore: %s", strerror(-rc));
        store_filter_close(filter);
        store_close(store);
    }
    return rc;
}

void store_filter_close(struct store_filter *filter)
{
    struct loop_fd *both[] = { &filter->keeper, &filter->xenstored };

    loop_stop_timer(filter->loop, &filter->rest);
    loop_stop_timer(filter->loop, &filter->stuck);
    for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
        loop_remove_fd(filter->loop, both[i]);
        fd_close(&both[i]->fd);
    }
}
