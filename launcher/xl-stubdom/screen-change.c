/*
 * screen-change: waits until a guest's screen shows something else. See screen-change.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "screen-change.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "cleanup.h"
#include "made-guest.h"

void screen_change_init(struct screen_change *change, const char *program)
{
    memset(change, 0, sizeof(*change));
    change->program = program;
    change->viewer.child.fd = change->viewer.heard = -1;
}

void screen_change_dispose(struct screen_change *change)
{
    if (change->viewer.child.fd >= 0)
        viewer_end(&change->viewer, "", &change->fault);
}

static int start(struct screen_change *change, const char *guest, const struct screen *screen)
{
    /* The viewer expects one; it stays empty. */
    cleanup_close int picture = memfd_create("picture", MFD_CLOEXEC);

    if (picture < 0)
        return fault_set(&change->fault, -errno, "no memory for the picture: %s", strerror(errno));
    return viewer_start(&change->viewer, change->program, SCREENSHOT_CHANGE, guest, screen, picture, &change->fault);
}

void screen_change_look(struct screen_change *change, const struct made_guest *made)
{
    struct screen screen;

    if (!change->program || change->found || !made->guest.domid ||
        !screen_find(&screen, made->xs, made->guest.domid, made->stub.domid))
        return;
    change->found = true;
    change->rc = start(change, made->name, &screen);
    explicit_bzero(&screen, sizeof(screen));
}

bool screen_change_end(struct screen_change *change, const char *guest)
{
    change->rc = viewer_end(&change->viewer, guest, &change->fault);
    if (change->rc == -ETIMEDOUT)
        fault_set(&change->fault, change->rc, "%s: somebody has killed its viewer", guest);
    return !change->rc;
}
