/*
 * Bytes on their way through a pipe or a socket: a ring of pages. A page is allocated only while it holds bytes.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "files.h"

static char **fifo_page(struct fifo *fifo, uint64_t at)
{
    return &fifo->pages[at / PV_PAGE % FIFO_PAGES];
}

static size_t piece_at(uint64_t at, size_t n)
{
    size_t left = PV_PAGE - at % PV_PAGE;

    return n < left ? n : left;
}

static void page_drop(char **page)
{
    if (*page)
        pv_pages_put(*page);
    *page = NULL;
}

/* Frees the page of an empty ring: it was allocated for bytes that then could not be read from the program. */
static void drop_if_empty(struct fifo *fifo)
{
    if (fifo->in == fifo->out)
        page_drop(fifo_page(fifo, fifo->in));
}

long fifo_write(struct fifo *fifo, struct user_iter *from, size_t n)
{
    size_t done = 0;
    int rc = 0;

    if (n > fifo_room(fifo))
        n = fifo_room(fifo);
    while (done < n) {
        char **page = fifo_page(fifo, fifo->in);
        size_t piece = piece_at(fifo->in, n - done);

        if (!*page)
            *page = pv_pages_alloc(1, 1);
        rc = *page ? iter_get(from, *page + fifo->in % PV_PAGE, piece) : -ENOMEM;
        if (rc)
            break;
        fifo->in += piece;
        done += piece;
    }
    drop_if_empty(fifo);
    return done ? (long)done : rc;
}

/*
 * Moves `out` over n bytes. A page that it leaves behind is freed, unless the ring is so full that its other end is in
 * the same page.
 */
static void fifo_skip(struct fifo *fifo, size_t n)
{
    char **page = fifo_page(fifo, fifo->out);

    fifo->out += n;
    if (fifo->out % PV_PAGE == 0 && fifo_used(fifo) <= FIFO_SIZE - PV_PAGE)
        page_drop(page);
    drop_if_empty(fifo);
}

long fifo_read(struct fifo *fifo, struct user_iter *to, size_t n, bool peek)
{
    uint64_t at = fifo->out;
    size_t done = 0;
    int rc = 0;

    if (n > fifo_used(fifo))
        n = fifo_used(fifo);
    while (done < n) {
        size_t piece = piece_at(at, n - done);

        rc = iter_put(to, *fifo_page(fifo, at) + at % PV_PAGE, piece);
        if (rc)
            break;
        if (!peek)
            fifo_skip(fifo, piece);
        at += piece;
        done += piece;
    }
    return done ? (long)done : rc;
}

void fifo_free(struct fifo *fifo)
{
    for (size_t i = 0; i < FIFO_PAGES; i++)
        page_drop(&fifo->pages[i]);
    fifo->out = fifo->in;
}
