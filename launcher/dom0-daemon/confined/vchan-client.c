/*
 * The client's half of a libxenvchan connection (see vchan-client.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "vchan-client.h"

#include "util.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE_ORDER 12
#define MAX_PAGES (1u << (VCHAN_MAX_ORDER - PAGE_ORDER))
/* Two small rings would be in the same place of the page. */
#define IN_PAGE(order) ((order) < PAGE_ORDER)

enum live { GONE = 0, LIVES = 1, NOT_YET = 2 };

static uint32_t load(const uint32_t *index)
{
    return __atomic_load_n(index, __ATOMIC_ACQUIRE);
}

static void publish(uint32_t *index, uint32_t value)
{
    __atomic_store_n(index, value, __ATOMIC_SEQ_CST);
}

/* Asks the server to notify of a change; the caller looks again after this. */
static void request_notify(struct vchan_client *client, uint8_t bit)
{
    __atomic_or_fetch(&client->page->srv_notify, bit, __ATOMIC_SEQ_CST);
}

/* Notifies the server of a change, if it asked for that. */
static void send_notify(struct vchan_client *client, uint8_t bit)
{
    if (__atomic_fetch_and(&client->page->cli_notify, (uint8_t)~bit, __ATOMIC_SEQ_CST) & bit)
        xen_port_notify(client->xen, &client->port);
}

/* -------- connecting -------- */

static int map_ring(struct vchan_client *client, struct vchan_ring *ring, uint16_t order,
                    const uint32_t *grants, int prot)
{
    void *pages;
    int rc;

    *ring = (struct vchan_ring){ .size = 1u << order };
    if (IN_PAGE(order)) {
        ring->bytes = (uint8_t *)client->page + ring->size;
        return 0;
    }
    ring->pages = 1u << (order - PAGE_ORDER);
    rc = grants_map(&client->xen->grants, grants, ring->pages, prot, &pages);
    ring->bytes = rc ? NULL : pages;
    return rc;
}

static void unmap_ring(struct vchan_client *client, struct vchan_ring *ring)
{
    if (ring->pages && ring->bytes)
        grants_unmap(&client->xen->grants, ring->bytes, ring->pages);
    *ring = (struct vchan_ring){ .bytes = NULL };
}

static int map_rings(struct vchan_client *client)
{
    volatile const struct vchan_interface *shared = client->page;
    uint16_t left = shared->left_order, right = shared->right_order;
    uint32_t grants[2 * MAX_PAGES], left_pages, pages;
    int rc;

    if (left < VCHAN_MIN_ORDER || left > VCHAN_MAX_ORDER || right < VCHAN_MIN_ORDER ||
        right > VCHAN_MAX_ORDER || (left == right && IN_PAGE(left)))
        return -EPROTO;
    left_pages = IN_PAGE(left) ? 0 : 1u << (left - PAGE_ORDER);
    pages = left_pages + (IN_PAGE(right) ? 0 : 1u << (right - PAGE_ORDER));
    for (uint32_t i = 0; i < pages; i++)
        grants[i] = shared->grants[i];
    rc = map_ring(client, &client->write, left, grants, PROT_READ | PROT_WRITE);
    rc = rc ?: map_ring(client, &client->read, right, grants + left_pages, PROT_READ);
    client->write.index = load(&client->page->left.prod);
    client->read.index = load(&client->page->right.cons);
    return rc;
}

int vchan_client_open(struct vchan_client *client, struct xen_handles *xen, uint32_t ring_ref,
                      uint32_t remote_port)
{
    void *page;
    int rc;

    client->xen = xen;
    client->page = NULL;
    client->read = client->write = (struct vchan_ring){ .bytes = NULL };
    rc = xen_port_bind(xen, &client->port, remote_port);
    if (rc)
        return rc;
    rc = grants_map(&xen->grants, &ring_ref, 1, PROT_READ | PROT_WRITE, &page);
    client->page = rc ? NULL : page;
    /* When we end, however we end, the server sees cli_live become 0 and is notified. */
    rc = rc ?: grants_notify(&xen->grants, page, offsetof(struct vchan_interface, cli_live), client->port.local);
    if (!rc && (client->page->cli_live != NOT_YET || client->page->srv_live != LIVES))
        rc = -ESTALE;
    rc = rc ?: map_rings(client);
    if (rc) {
        vchan_client_close(client);
        return rc;
    }
    client->page->cli_live = LIVES;
    request_notify(client, VCHAN_NOTIFY_WRITE);
    xen_port_notify(xen, &client->port);
    return 0;
}

void vchan_client_close(struct vchan_client *client)
{
    if (!client->xen)
        return;
    if (client->page) {
        unmap_ring(client, &client->write);
        unmap_ring(client, &client->read);
        __atomic_store_n(&client->page->cli_live, GONE, __ATOMIC_SEQ_CST);
        grants_unmap(&client->xen->grants, client->page, 1);
        client->page = NULL;
        xen_port_notify(client->xen, &client->port);
    }
    xen_port_unbind(client->xen, &client->port);
}

bool vchan_client_is_open(const struct vchan_client *client)
{
    return client->page && __atomic_load_n(&client->page->srv_live, __ATOMIC_ACQUIRE) == LIVES;
}

/* -------- bytes -------- */

static ssize_t readable(const struct vchan_client *client)
{
    uint32_t used = load(&client->page->right.prod) - client->read.index;

    return used > client->read.size ? -EPROTO : (ssize_t)used;
}

static ssize_t writable(const struct vchan_client *client)
{
    uint32_t used = client->write.index - load(&client->page->left.cons);

    return used > client->write.size ? -EPROTO : (ssize_t)(client->write.size - used);
}

ssize_t vchan_client_peek(struct vchan_client *client, void *buf, size_t len)
{
    const struct vchan_ring *ring = &client->read;
    size_t at = ring->index % ring->size, first;
    ssize_t used = readable(client);

    if (used == 0) {
        request_notify(client, VCHAN_NOTIFY_WRITE);
        used = readable(client);
    }
    if (used <= 0)
        return used;
    len = MIN(len, (size_t)used);
    first = MIN(len, ring->size - at);
    memcpy(buf, ring->bytes + at, first);
    memcpy((uint8_t *)buf + first, ring->bytes, len - first);
    return len;
}

void vchan_client_consume(struct vchan_client *client, size_t len)
{
    client->read.index += len;
    publish(&client->page->right.cons, client->read.index);
    send_notify(client, VCHAN_NOTIFY_READ);
}

ssize_t vchan_client_room(struct vchan_client *client)
{
    ssize_t room = writable(client);

    if (room == 0) {
        request_notify(client, VCHAN_NOTIFY_READ);
        room = writable(client);
    }
    return room;
}

ssize_t vchan_client_produce(struct vchan_client *client, const void *buf, size_t len)
{
    struct vchan_ring *ring = &client->write;
    size_t at = ring->index % ring->size, first;
    ssize_t room = writable(client);

    if (room <= 0)
        return room;
    len = MIN(len, (size_t)room);
    first = MIN(len, ring->size - at);
    memcpy(ring->bytes + at, buf, first);
    memcpy(ring->bytes, (const uint8_t *)buf + first, len - first);
    ring->index += len;
    publish(&client->page->left.prod, ring->index);
    send_notify(client, VCHAN_NOTIFY_WRITE);
    return len;
}
