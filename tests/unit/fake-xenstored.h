/*
 * A xenstored for the real libxenstore, in processes of its own, whose answers the test chooses.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef FAKE_XENSTORED_H
#define FAKE_XENSTORED_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <xen/io/xs_wire.h>

/* Called for each request, in a process for each connection. PAYLOAD has a 0 behind its HEADER->len octets. */
typedef void xenstored_answer(int fd, const struct xsd_sockmsg *header, const char *payload);

/* Listens at PATH, and sets XENSTORED_PATH to it. All its processes end when the process that is returned is killed. */
pid_t xenstored_start(const char *path, xenstored_answer *answer);

/* Sends an answer to TO; if TO is all 0, an event. */
void xenstored_say(int fd, const struct xsd_sockmsg *to, uint32_t type, const char *text, size_t len);

#endif
