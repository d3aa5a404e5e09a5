/*
 * The stub domain's pages, mapped with the broker's help (see grants.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "grants.h"

#include "grant-wire.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <xen/sys/gntdev.h>

#define PAGE 4096u

static int ask_broker(const struct grants *grants, const struct grant_request *request, uint64_t *index)
{
    struct grant_answer answer;
    ssize_t n;

    if (send(grants->broker_fd, request, sizeof(*request), MSG_NOSIGNAL) < 0)
        return -errno;
    do
        n = recv(grants->broker_fd, &answer, sizeof(answer), 0);
    while (n < 0 && errno == EINTR);
    if (n != sizeof(answer))
        return n < 0 ? -errno : -EPIPE;
    *index = answer.index;
    return answer.rc;
}

static void forget(const struct grants *grants, uint64_t index)
{
    (void)!ask_broker(grants, &(struct grant_request){ .what = GRANT_FORGET, .index = index }, &index);
}

int grants_map(const struct grants *grants, const uint32_t *refs, uint32_t count, int prot, void **pages)
{
    struct grant_request request = { .what = GRANT_MAP, .count = count };
    uint64_t index;
    void *mapped;
    int rc;

    if (count == 0 || count > GRANT_MAX_PAGES)
        return -EINVAL;
    memcpy(request.refs, refs, count * sizeof(refs[0]));
    rc = ask_broker(grants, &request, &index);
    if (rc)
        return rc;
    mapped = mmap(NULL, count * PAGE, prot, MAP_SHARED, grants->gntdev, index);
    if (mapped == MAP_FAILED) {
        rc = -errno;
        forget(grants, index);
        return rc;
    }
    *pages = mapped;
    return 0;
}

static int find_index(const struct grants *grants, const void *pages, uint64_t *index)
{
    struct ioctl_gntdev_get_offset_for_vaddr order = { .vaddr = (uintptr_t)pages };

    if (ioctl(grants->gntdev, IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR, &order))
        return -errno;
    *index = order.offset;
    return 0;
}

int grants_notify(const struct grants *grants, const void *page, size_t offset, uint32_t port)
{
    struct grant_request request = { .what = GRANT_NOTIFY, .port = port };
    uint64_t index;
    int rc = find_index(grants, page, &request.index);

    request.index += offset;
    return rc ?: ask_broker(grants, &request, &index);
}

void grants_unmap(const struct grants *grants, void *pages, uint32_t count)
{
    uint64_t index = 0;
    int rc = find_index(grants, pages, &index);

    munmap(pages, count * PAGE);
    if (!rc)
        forget(grants, index);
}
