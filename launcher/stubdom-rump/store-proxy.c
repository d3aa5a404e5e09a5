/*
 * xenstore for an unmodified libxenstore, through a socket at the path of xenstored's. Each connection is a client of
 * the layer's. A thread of the connection reads requests; the pump writes answers and events.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "store-proxy.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "host.h"
#include "rump-threads.h"

#define PATH "/tmp/xenstored"
#define QUEUED_MAX (256U * 1024) /* answers and events that libxenstore has not read */

struct answer { struct answer *next; size_t size; char bytes[]; };

struct connection {
    int fd;
    struct pv_store_client *client;
    struct pump_job job;
    struct answer *first, **last;   /* to be written */
    size_t queued;
    bool lost;                      /* an answer had no room: the connection must end, or its client waits for ever */
};

/* Called by the layer. */
static void got(void *arg, const struct xsd_sockmsg *message, const void *body)
{
    struct connection *connection = arg;
    size_t size = sizeof(*message) + message->len;
    struct answer *answer = NULL;

    if (connection->queued + size <= QUEUED_MAX)
        answer = pv_alloc(sizeof(*answer) + size);
    if (!answer) {
        connection->lost = true;
    } else {
        answer->size = size;
        pv_copy(answer->bytes, message, sizeof(*message));
        pv_copy(answer->bytes + sizeof(*message), body, message->len);
        *connection->last = answer;
        connection->last = &answer->next;
        connection->queued += size;
    }
    pump_post(&connection->job);
}

static struct answer *take_answer(struct connection *connection)
{
    struct answer *answer = connection->first;

    if (!answer)
        return NULL;
    connection->first = answer->next;
    if (!answer->next)
        connection->last = &connection->first;
    connection->queued -= answer->size;
    return answer;
}

/* On the pump's thread. shutdown() ends the connection's reader, which frees the rest. */
static void write_answers(struct pump_job *job)
{
    struct connection *connection = (struct connection *)((char *)job - offsetof(struct connection, job));
    struct answer *answer;

    while ((answer = take_answer(connection))) {
        if (!rump_write_all(connection->fd, answer->bytes, answer->size))
            connection->lost = true;
        pv_free(answer);
    }
    if (connection->lost)
        shutdown(connection->fd, SHUT_RDWR);
}

static bool read_all(int fd, void *to, size_t size)
{
    for (char *p = to; size;) {
        ssize_t n = read(fd, p, size);

        if (n <= 0)
            return false;
        p += n;
        size -= (size_t)n;
    }
    return true;
}

static void read_requests(struct connection *connection)
{
    struct xsd_sockmsg message;
    char *body = malloc(XENSTORE_PAYLOAD_MAX);

    while (body && read_all(connection->fd, &message, sizeof(message)) && message.len <= XENSTORE_PAYLOAD_MAX &&
           read_all(connection->fd, body, message.len)) {
        int rc;

        while ((rc = pv_store_client_send(connection->client, &message, body)) == -PV_ENOBUFS)
            pv_sleep(pv_clock() + PV_MS);
        if (rc)
            break;
    }
    free(body);
}

static void *serve(void *arg)
{
    struct connection *connection = arg;
    struct answer *answer;

    read_requests(connection);
    pv_store_client_close(connection->client);
    pump_cancel(&connection->job);
    while ((answer = take_answer(connection)))
        pv_free(answer);
    close(connection->fd);
    free(connection);
    return NULL;
}

static int begin(int fd)
{
    struct connection *connection = calloc(1, sizeof(*connection));

    if (!connection)
        return ENOMEM;
    connection->fd = fd;
    connection->last = &connection->first;
    connection->job.run = write_answers;
    connection->client = pv_store_client_open(got, connection);
    if (connection->client && !rump_thread_start(serve, connection))
        return 0;
    if (connection->client)
        pv_store_client_close(connection->client);
    pump_cancel(&connection->job);
    free(connection);
    return ENOMEM;
}

static void *accept_all(void *arg)
{
    int listener = *(int *)arg;

    for (;;) {
        int fd = accept(listener, NULL, NULL);

        if (fd >= 0 && begin(fd)) {
            pv_log("xenstore: no memory for a connection");
            close(fd);
        }
    }
    return NULL;
}

int store_proxy_init(void)
{
    static int listener;
    struct sockaddr_un address = { .sun_family = AF_LOCAL, .sun_path = PATH };

    address.sun_len = (uint8_t)SUN_LEN(&address);
    listener = socket(AF_LOCAL, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, address.sun_len) || listen(listener, 8))
        return -errno;
    if (setenv("XENSTORED_PATH", PATH, 1))
        return -errno;
    return -rump_thread_start(accept_all, &listener);
}
