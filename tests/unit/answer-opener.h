/*
 * The supervisor's side of the save opener (launcher/dom0-daemon/both/save-opener.h), for tests and fuzz targets.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef ANSWER_OPENER_H
#define ANSWER_OPENER_H

#include "message.h"
#include "save-opener.h"

/* Opens NAME if that was requested on FD, as the supervisor does. */
static void answer_opener(int fd, const char *name, bool is_last)
{
    if (message_take_requests(fd) > 0)
        save_opener_serve(fd, name, 0, is_last);
}

#endif
