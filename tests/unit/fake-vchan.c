/*
 * libxenvchan without Xen (fake-vchan.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "fake-vchan.h"

#include "fake-xs.h"

#include <errno.h>
#include <fcntl.h>
#include <libxenvchan.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RING 1024
#define MAX_SERVERS 256

struct ring { char bytes[RING]; size_t prod, cons; };

/* A server's memory stays until the reset, as the real page stays while the client has it mapped. */
struct server {
    struct libxenvchan ctrl; /* must be first: the code under test gets a pointer to it */
    struct ring to_server, to_client;
    int ends[2], client_live;
    bool alive;
    char path[128];
};

static struct server *servers[MAX_SERVERS];
static int made, failures;

void fake_vchan_reset(unsigned int domid)
{
    fake_xs_reset(domid);
    for (int i = 0; i < made; i++) {
        close(servers[i]->ends[0]);
        close(servers[i]->ends[1]);
        free(servers[i]);
    }
    made = 0;
    failures = 0;
}

void fake_vchan_fail(int times)
{
    failures = times;
}

int fake_vchan_servers(void)
{
    int alive = 0;

    for (int i = 0; i < made; i++)
        alive += servers[i]->alive;
    return alive;
}

int fake_vchan_made(void)
{
    return made;
}

static size_t ring_put(struct ring *ring, const char *data, size_t size)
{
    size_t n = 0;

    for (; n < size && ring->prod - ring->cons < RING; n++)
        ring->bytes[ring->prod++ % RING] = data[n];
    return n;
}

static size_t ring_get(struct ring *ring, char *data, size_t size)
{
    size_t n = 0;

    for (; n < size && ring->prod != ring->cons; n++)
        data[n] = ring->bytes[ring->cons++ % RING];
    return n;
}

static void wake(struct server *server)
{
    if (write(server->ends[1], "e", 1) < 0 && errno != EAGAIN)
        abort();
}

struct libxenvchan *fake_vchan_connect(const char *path)
{
    if (!fake_xs_get(path))
        return NULL;
    for (int i = made - 1; i >= 0; i--)
        if (servers[i]->alive && !strcmp(servers[i]->path, path)) {
            servers[i]->client_live = 1;
            wake(servers[i]);
            return &servers[i]->ctrl;
        }
    return NULL;
}

void fake_vchan_leave(struct libxenvchan *client)
{
    struct server *server = (struct server *)client;

    server->client_live = 0;
    wake(server);
}

size_t fake_vchan_client_write(struct libxenvchan *client, const void *data, size_t size)
{
    struct server *server = (struct server *)client;
    size_t n = ring_put(&server->to_server, data, size);

    wake(server);
    return n;
}

size_t fake_vchan_client_read(struct libxenvchan *client, void *data, size_t size)
{
    struct server *server = (struct server *)client;
    size_t n = ring_get(&server->to_client, data, size);

    wake(server);
    return n;
}

bool fake_vchan_server_alive(struct libxenvchan *client)
{
    return ((struct server *)client)->alive;
}

/* The functions that the code under test calls. */

struct libxenvchan *libxenvchan_server_init(struct xentoollog_logger *logger, int domain,
                                            const char *path, size_t read_min, size_t write_min)
{
    struct server *server;

    if (failures > 0) {
        failures--;
        errno = ENOMEM;
        return NULL;
    }
    if (made == MAX_SERVERS)
        abort();
    server = servers[made++] = calloc(1, sizeof(*server));
    server->ctrl.blocking = 1; /* the real library leaves it uninitialised */
    server->client_live = 2;
    server->alive = true;
    snprintf(server->path, sizeof(server->path), "%s", path);
    if (pipe2(server->ends, O_NONBLOCK | O_CLOEXEC))
        abort();
    fake_xs_set(path, "");
    return &server->ctrl;
}

void libxenvchan_close(struct libxenvchan *ctrl)
{
    struct server *server = (struct server *)ctrl;

    if (!ctrl)
        return;
    server->alive = false;
    fake_xs_set(server->path, NULL);
}

int libxenvchan_is_open(struct libxenvchan *ctrl)
{
    return ((struct server *)ctrl)->client_live;
}

int libxenvchan_fd_for_select(struct libxenvchan *ctrl)
{
    return ((struct server *)ctrl)->ends[0];
}

/* Several pending events become one, as with a real event channel. */
int libxenvchan_wait(struct libxenvchan *ctrl)
{
    char bytes[256];

    return read(((struct server *)ctrl)->ends[0], bytes, sizeof(bytes)) > 0 ? 0 : -1;
}

int libxenvchan_read(struct libxenvchan *ctrl, void *data, size_t size)
{
    struct server *server = (struct server *)ctrl;
    size_t n = ring_get(&server->to_server, data, size);

    if (ctrl->blocking)
        abort(); /* a blocking call would have hung */
    return n ? (int)n : server->client_live ? 0 : -1;
}

int libxenvchan_write(struct libxenvchan *ctrl, const void *data, size_t size)
{
    struct server *server = (struct server *)ctrl;

    if (ctrl->blocking)
        abort();
    return server->client_live ? (int)ring_put(&server->to_client, data, size) : -1;
}
