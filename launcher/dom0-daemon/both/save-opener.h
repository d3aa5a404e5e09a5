/*
 * Makes the file that a state is saved to, each time anew, for a worker that has no
 * file system: libxl removes the file when a save fails, and what the worker had open
 * would be a file that nobody finds. The supervisor, root, answers requests on one end
 * of a SOCK_SEQPACKET pair, which is that worker's own (supervisor.h); there is one
 * request, and nothing in it to get wrong.
 *
 * Request: one octet, ignored. Answer: int32_t, 0, or 1 for a last state (STATE_LAST), with
 * the descriptor, or -errno.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_SAVE_OPENER_H
#define DM_SAVE_OPENER_H

#include <stdbool.h>

/*
 * The supervisor's side: answers at fd a request that has come there: with RC, an -errno, when this is
 * not the time, else with the file PATH.
 */
void save_opener_serve(int fd, const char *path, int rc, bool last);

/* The worker's side. 0 or -errno. */
int save_opener_ask(int fd);

/* The answer: a descriptor to write to and *last; -EAGAIN when there is none yet, or -errno. */
int save_opener_answer(int fd, bool *last);

#endif
