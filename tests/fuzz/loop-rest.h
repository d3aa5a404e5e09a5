/*
 * Checks that a loop becomes idle once no peer does anything more.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef LOOP_REST_H
#define LOOP_REST_H

#include "input.h"
#include "loop.h"

/* Turns the loop until it is idle, which must be soon. Returns how many descriptors it waits for. */
static unsigned int loop_rest(struct loop *loop)
{
    struct pollfd polled[LOOP_MAX_FDS];
    unsigned int count, turns = 0;

    do {
        MUST(++turns < 100 && !loop_turn(loop, 0));
        count = 0;
        for (unsigned int i = 0; i < loop->fd_count; i++)
            if (loop->fds[i])
                polled[count++] = (struct pollfd){ .fd = loop->fds[i]->fd,
                                                   .events = loop->fds[i]->events };
    } while (poll(polled, count, 0) > 0);
    return count;
}

#endif
