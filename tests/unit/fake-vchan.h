/*
 * libxenvchan without Xen: server and client share rings in memory, and event channels are pipes. The test plays the
 * client.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef FAKE_VCHAN_H
#define FAKE_VCHAN_H

#include <stdbool.h>
#include <stddef.h>

struct libxenvchan;

/* Forgets all vchans, and empties the fake xenstore as fake_xs_reset() does. */
void fake_vchan_reset(unsigned int domid);
/* So many of the next libxenvchan_server_init() calls fail. */
void fake_vchan_fail(int times);
/* How many servers exist now, and how many were ever made. */
int fake_vchan_servers(void);
int fake_vchan_made(void);

/* The newest server whose nodes are in the fake xenstore at path; NULL: none to connect to. */
struct libxenvchan *fake_vchan_connect(const char *path);
/* The client's actions; each notifies the server. A client stays usable after the server has closed. */
void fake_vchan_leave(struct libxenvchan *client);
size_t fake_vchan_client_write(struct libxenvchan *client, const void *data, size_t size);
size_t fake_vchan_client_read(struct libxenvchan *client, void *data, size_t size);
bool fake_vchan_server_alive(struct libxenvchan *client);

#endif
