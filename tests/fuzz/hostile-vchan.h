/*
 * vchan servers of a stub domain that writes anything to its pages at any time. A grant reference below VCHANS is the
 * page of that vchan. Each vchan's page and rings are filled with a byte of its own.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HOSTILE_VCHAN_H
#define HOSTILE_VCHAN_H

#include "input.h"
#include "vchan-client.h"

#include <stdlib.h>
#include <string.h>

#define VCHANS 6
#define VCHAN_PAGE 4096
#define VCHAN_RINGS 100 /* the grant of VCHAN's large ring is VCHAN_RINGS + VCHAN */
#define VCHAN_FILL(n) (0x10 + (n))

static struct vchan_interface *vchan_pages[VCHANS];
static uint8_t *vchan_rings[VCHANS]; /* one ring serves both directions, as a server is free to do */

/* What fake_xen maps for these grant references. */
static void *vchan_page_of(const uint32_t *refs, uint32_t count)
{
    if (refs[0] < VCHANS && count == 1)
        return vchan_pages[refs[0]];
    if (refs[0] >= VCHAN_RINGS && refs[0] < VCHAN_RINGS + VCHANS &&
        count <= 1u << (VCHAN_MAX_ORDER - 12))
        return vchan_rings[refs[0] - VCHAN_RINGS];
    return NULL;
}

/* Makes a valid server that has no client yet. */
static void vchan_arm(unsigned int n, uint16_t left, uint16_t right, uint32_t start)
{
    struct vchan_interface *page = vchan_pages[n];

    memset(page, VCHAN_FILL(n), VCHAN_PAGE);
    memset(vchan_rings[n], VCHAN_FILL(n), 1 << VCHAN_MAX_ORDER);
    for (int i = 0; i < 2 << (VCHAN_MAX_ORDER - 12); i++)
        page->grants[i] = VCHAN_RINGS + n;
    page->left_order = left;
    page->right_order = right;
    page->left.cons = page->left.prod = page->right.cons = page->right.prod = start;
    page->cli_live = 2;
    page->srv_live = 1;
    page->cli_notify = VCHAN_NOTIFY_READ | VCHAN_NOTIFY_WRITE;
}

/* No vchan has a server. */
static void vchans_reset(void)
{
    for (unsigned int n = 0; n < VCHANS; n++) {
        vchan_pages[n] = vchan_pages[n] ?: malloc(VCHAN_PAGE);
        if (!vchan_rings[n])
            vchan_rings[n] = memset(malloc(1 << VCHAN_MAX_ORDER), VCHAN_FILL(n), 1 << VCHAN_MAX_ORDER);
        memset(vchan_pages[n], VCHAN_FILL(n), VCHAN_PAGE);
    }
}

/* Writes anything to a vchan's indices, orders and flags. */
static void vchan_scribble(struct input *in, unsigned int n)
{
    uint32_t at = take(in, 1) % offsetof(struct vchan_interface, grants);

    ((uint8_t *)vchan_pages[n])[at] = take(in, 1);
}

static void vchan_set_index(struct input *in, unsigned int n)
{
    struct vchan_interface *page = vchan_pages[n];
    uint32_t *indices[] = { &page->left.cons, &page->left.prod, &page->right.cons,
                            &page->right.prod };

    *indices[take(in, 1) % 4] += take(in, 3);
}

#endif
